"""Labelling a file: what comes out, and what an interruption at any moment leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import spacy
from conftest import REPOSITORY, write_rows
from spacy.language import Language

from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.labelling import fingerprint, label_file
from spacy_catalog_ner.pipelines import load_pipeline

CUTS: set[str] = set()
"""Texts at which `mini_power_cut` cuts the power."""


@Language.component("mini_power_cut")
def power_cut(doc):
    """Stop the program as Ctrl+C would, at the texts of `CUTS`."""
    if doc.text in CUTS:
        raise KeyboardInterrupt
    return doc


@pytest.fixture
def cut_at():
    """Choose the text at which labelling is interrupted; the power is back after the test."""
    yield CUTS.add
    CUTS.clear()


@pytest.fixture
def nlp(mini_matcher_nlp):
    mini_matcher_nlp.add_pipe("mini_power_cut")
    return mini_matcher_nlp


@pytest.fixture
def texts(tmp_path):
    rows = [{"text": f"play drake number {number}", "id": number} for number in range(10)]
    return write_rows(tmp_path / "texts.jsonl", rows)


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def label(nlp, source, target, **settings):
    return label_file(nlp, source, target, Problems(), progress=False, **settings)


def interrupt(nlp, source, target, **settings):
    with pytest.raises(KeyboardInterrupt):
        label(nlp, source, target, batch_size=2, **settings)


# What comes out


def test_a_row_keeps_its_keys_and_gets_spans_candidates_and_record(nlp, tmp_path):
    source = write_rows(tmp_path / "in.jsonl", [{"text": "play Drake", "meta": {"id": 7}}])
    label(nlp, source, tmp_path / "out.jsonl")
    span = {"start": 5, "end": 10, "label": "ARTIST", "id": "artist/drake"}
    assert read(tmp_path / "out.jsonl") == [
        {
            "text": "play Drake",
            "meta": {"id": 7},
            "spans": [span],
            "candidates": [span],
            "catalog_ner": {"candidates": 1, "violations": {}},
        }
    ]


def test_annotations_of_the_input_are_replaced(nlp, tmp_path):
    wrong = [{"start": 0, "end": 4, "label": "SONG"}]
    source = write_rows(tmp_path / "in.jsonl", [{"text": "play drake", "spans": wrong}])
    label(nlp, source, tmp_path / "out.jsonl")
    assert [span["label"] for span in read(tmp_path / "out.jsonl")[0]["spans"]] == ["ARTIST"]


def test_the_summary_counts_and_lies_beside_the_output(nlp, tmp_path):
    source = write_rows(
        tmp_path / "in.jsonl", [{"text": "play drake"}, {"text": "boston"}, {"text": "what time"}]
    )
    summary = label(nlp, source, tmp_path / "out.jsonl")
    assert summary["texts"] == 3
    assert summary["candidates"] == 3
    assert summary["entities"] == 2
    assert summary["violations"] == {"overlap": 1}
    assert summary["failures"] == 0
    assert summary["seconds_per_text"] > 0
    assert json.loads((tmp_path / "out.summary.json").read_text(encoding="utf8")) == summary


def test_bad_rows_are_reported_with_their_line_and_counted(nlp, tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_bytes(
        b'{"text": "play drake"}\n{"text": \n\xff\xfe\n{"txt": "x"}\n{"text": "hi"}\n'
    )
    problems = Problems()
    summary = label_file(nlp, source, tmp_path / "out.jsonl", problems, progress=False)
    assert summary["texts"] == 2
    assert summary["skipped"] == {"broken row": 2, "invalid UTF-8": 1}
    assert sorted(message.split(": ")[0] for message in problems.messages) == [
        f"{source}:{line}" for line in (2, 3, 4)
    ]


def test_limit_takes_the_first_texts(nlp, texts, tmp_path):
    label(nlp, texts, tmp_path / "out.jsonl", limit=3, batch_size=2)
    assert [row["id"] for row in read(tmp_path / "out.jsonl")] == [0, 1, 2]


def test_a_part_shorter_than_its_state_says_starts_anew(nlp, texts, tmp_path):
    whole = tmp_path / "whole.jsonl"
    label(nlp, texts, whole)
    out = tmp_path / "out.jsonl"
    state = {"fingerprint": fingerprint(nlp, texts, 0), "bytes": 10_000, "summary": {}}
    (tmp_path / "out.jsonl.part").write_text("")
    (tmp_path / "out.jsonl.part.json").write_text(json.dumps(state))
    label(nlp, texts, out)
    assert out.read_bytes() == whole.read_bytes()


def test_other_contents_of_a_component_are_another_run(texts):
    one, other = spacy.blank("en"), spacy.blank("en")
    for nlp, name in ((one, "a"), (other, "b")):
        nlp.add_pipe("entity_ruler").add_patterns([{"label": "X", "pattern": name}])
    assert fingerprint(one, texts, 0) != fingerprint(other, texts, 0)


def test_nothing_but_output_and_summary_is_left(nlp, texts, tmp_path):
    label(nlp, texts, tmp_path / "out" / "out.jsonl")
    left = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert left == ["out.jsonl", "out.summary.json"]


# Interruptions


def test_an_interrupted_run_goes_on_after_the_last_whole_batch(nlp, texts, tmp_path, cut_at):
    cut_at("play drake number 5")
    interrupt(nlp, texts, tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()
    assert [row["id"] for row in read(tmp_path / "out.jsonl.part")] == [0, 1, 2, 3]

    CUTS.clear()
    cut_at("play drake number 0")  # what is done is not done again
    summary = label(nlp, texts, tmp_path / "out.jsonl", batch_size=2)
    assert summary["texts"] == 10
    assert [row["id"] for row in read(tmp_path / "out.jsonl")] == list(range(10))


def test_a_half_written_last_line_is_cut_off(nlp, texts, tmp_path, cut_at):
    cut_at("play drake number 5")
    interrupt(nlp, texts, tmp_path / "out.jsonl")
    with (tmp_path / "out.jsonl.part").open("a", encoding="utf8") as stream:
        stream.write('{"text": "play drake number 4", "id": 4}\n{"text": "play dra')
    CUTS.clear()
    label(nlp, texts, tmp_path / "out.jsonl", batch_size=2)
    label(nlp, texts, tmp_path / "whole.jsonl", batch_size=2)
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_a_part_without_its_state_starts_anew(nlp, texts, tmp_path, cut_at):
    cut_at("play drake number 5")
    interrupt(nlp, texts, tmp_path / "out.jsonl")
    (tmp_path / "out.jsonl.part.json").unlink()
    CUTS.clear()
    label(nlp, texts, tmp_path / "out.jsonl", batch_size=2)
    assert [row["id"] for row in read(tmp_path / "out.jsonl")] == list(range(10))


def test_a_changed_setting_starts_anew(nlp, texts, tmp_path, cut_at):
    cut_at("play drake number 5")
    interrupt(nlp, texts, tmp_path / "out.jsonl")
    CUTS.clear()
    nlp.add_pipe("merge_entities")
    cut_at("play drake number 0")
    interrupt(nlp, texts, tmp_path / "out.jsonl")
    assert read(tmp_path / "out.jsonl.part") == []


def test_a_name_added_to_the_catalog_starts_anew(nlp, texts, tmp_path, cut_at):
    cut_at("play drake number 5")
    interrupt(nlp, texts, tmp_path / "out.jsonl")
    CUTS.clear()
    nlp.get_pipe("catalog_matcher").add_entries([{"text": "number 1", "label": "SONG"}])
    label(nlp, texts, tmp_path / "out.jsonl", batch_size=2)
    assert [len(row["spans"]) for row in read(tmp_path / "out.jsonl")] == [1, 2, *[1] * 8]


def test_a_changed_input_starts_anew(nlp, texts, tmp_path, cut_at):
    cut_at("play drake number 5")
    interrupt(nlp, texts, tmp_path / "out.jsonl")
    CUTS.clear()
    write_rows(texts, [{"text": "play adele"}])
    label(nlp, texts, tmp_path / "out.jsonl", batch_size=2)
    assert [row["text"] for row in read(tmp_path / "out.jsonl")] == ["play adele"]


def test_bad_rows_are_counted_once_over_both_runs(nlp, tmp_path, cut_at):
    rows = [{"text": "play drake"}, {"no": "text"}, {"text": "play adele"}, {"text": "stop here"}]
    source = write_rows(tmp_path / "in.jsonl", [*rows, {"no": "text"}])
    cut_at("stop here")
    interrupt(nlp, source, tmp_path / "out.jsonl")
    CUTS.clear()
    summary = label(nlp, source, tmp_path / "out.jsonl", batch_size=2)
    assert summary["skipped"] == {"broken row": 2}
    assert summary["texts"] == 3


def test_a_run_killed_half_way_ends_with_the_same_bytes(mini_catalog, tmp_path):
    names = ["drake", "boston", "the weeknd", "nobody", "thriller"]
    rows = [{"text": f"play {names[n % 5]} for the {n}th time", "id": n} for n in range(3000)]
    source = write_rows(tmp_path / "in.jsonl", rows)
    config = REPOSITORY / "configs" / "accept_all.cfg"
    target, part = tmp_path / "out.jsonl", tmp_path / "out.jsonl.part"
    command = [sys.executable, "-m", "spacy_catalog_ner.cli.main", "label", str(source)]
    command += ["-o", str(target), "--pipeline", str(config), "--batch-size", "8"]
    command += ["--paths.catalog", str(mini_catalog)]

    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (part.exists() and part.stat().st_size > 50_000):
        assert process.poll() is None and time.monotonic() < deadline, "nothing to kill"
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not target.exists()
    done = part.read_bytes().count(b"\n")
    assert 0 < done < len(rows)

    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["texts"] == len(rows)

    nlp = load_pipeline(str(config), {"paths.catalog": str(mini_catalog)})
    label(nlp, source, tmp_path / "whole.jsonl")
    assert target.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
