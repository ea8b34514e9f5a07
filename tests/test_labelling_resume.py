"""What an interruption of labelling leaves behind at any moment, and how the run goes on."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
import spacy
from conftest import write_rows
from labelling import CUTS, files, interrupt, label, read

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.labelling import checkpoint, label_file
from spacy_catalog_ner.labelling.checkpoint import Checkpoint
from spacy_catalog_ner.labelling.models import fingerprint


@pytest.fixture
def cut_at():
    """Choose the text at which labelling is interrupted; the power is back after the test."""
    yield CUTS.add
    CUTS.clear()


@pytest.fixture
def nlp(mini_matcher_nlp):
    mini_matcher_nlp.add_pipe("mini_poison")
    mini_matcher_nlp.add_pipe("mini_power_cut")
    return mini_matcher_nlp


@pytest.fixture
def texts(tmp_path):
    rows = [{"text": f"play drake number {number}", "id": number} for number in range(10)]
    return write_rows(tmp_path / "texts.jsonl", rows)


@pytest.fixture
def interrupted(nlp, texts, tmp_path, cut_at):
    """The output of a run that was interrupted after four of ten texts."""
    cut_at("play drake number 5")
    interrupt(nlp, texts, tmp_path / "out.jsonl")
    CUTS.clear()
    return tmp_path / "out.jsonl"


def test_an_interrupted_run_goes_on_after_the_last_whole_batch(nlp, texts, interrupted, cut_at):
    assert not interrupted.exists()
    part = interrupted.with_name("out.jsonl.part")
    assert [row["id"] for row in read(part)] == [0, 1, 2, 3]
    cut_at("play drake number 0")  # what is done is not done again
    summary = label(nlp, texts, interrupted, batch_size=2)
    assert summary.texts == 10
    assert [row["id"] for row in read(interrupted)] == list(range(10))


def test_a_state_of_version_0_1_0_is_resumed(nlp, texts, tmp_path):
    usage = ("calls", "retries", "cache_hits", "prompt_tokens", "cached_tokens", "output_tokens")
    counts = {"texts": 1, "failures": 0, "candidates": 1, "selected": 0, "entities": 1}
    counts |= {"proposals": 0, "violations": {"overlap": 2}, "usage": dict.fromkeys(usage, 3)}
    counts |= {"seconds": 1.5, "timed_texts": 0, "timed_seconds": 0.0}
    row = b'{"text": "play drake number 0", "id": 0}\n'
    (tmp_path / "out.jsonl.part").write_bytes(row)
    (tmp_path / "out.failed.jsonl.part").touch()
    state = {"fingerprint": fingerprint(nlp, texts), "bytes": [len(row), 0], "summary": counts}
    (tmp_path / "out.jsonl.part.json").write_text(json.dumps(state))
    summary = label(nlp, texts, tmp_path / "out.jsonl")
    assert (summary.texts, summary.entities, summary.calls) == (10, 10, 3)
    assert summary.violations == {"overlap": 2}
    assert [row["id"] for row in read(tmp_path / "out.jsonl")] == list(range(10))


def test_the_bar_begins_where_the_run_was(nlp, texts, interrupted, capsys):
    label_file(nlp, texts, interrupted, Problems())
    shown = capsys.readouterr().err
    assert "texts.jsonl:  40%" in shown
    assert "texts.jsonl: 100%" in shown
    assert "10/10 [" in shown


def test_the_bar_ends_with_all_texts_though_lines_were_skipped(nlp, tmp_path, capsys):
    source = write_rows(tmp_path / "in.jsonl", [{"text": "drake"}, {}, {"text": "poison"}, {}])
    label_file(nlp, source, tmp_path / "out.jsonl", Problems())
    assert "2/2 [" in capsys.readouterr().err


def test_dead_letters_are_resumed_as_exactly_as_the_rest(nlp, tmp_path, cut_at):
    rows = [{"text": f"{'poison' if n % 3 == 0 else 'drake'} {n}"} for n in range(20)]
    source = write_rows(tmp_path / "in.jsonl", rows)
    label(nlp, source, tmp_path / "whole.jsonl", batch_size=2)
    cut_at("drake 7")
    interrupt(nlp, source, tmp_path / "out.jsonl")
    for name, text in (("out.jsonl.part", "drake 7"), ("out.failed.jsonl.part", "poison 6")):
        with (tmp_path / name).open("a", encoding="utf8") as stream:  # half written when it ended
            stream.write(f'{{"text": "{text}"}}\n{{"te')
    CUTS.clear()
    summary = label(nlp, source, tmp_path / "out.jsonl", batch_size=2)
    assert summary.failures == 7
    for kind in ("jsonl", "failed.jsonl"):
        whole = (tmp_path / f"whole.{kind}").read_bytes()
        assert (tmp_path / f"out.{kind}").read_bytes() == whole


def test_bad_rows_are_counted_once_over_both_runs(nlp, tmp_path, cut_at):
    rows = [{"text": "play drake"}, {"no": "text"}, {"text": "play adele"}, {"text": "stop here"}]
    source = write_rows(tmp_path / "in.jsonl", [*rows, {"no": "text"}])
    cut_at("stop here")
    interrupt(nlp, source, tmp_path / "out.jsonl")
    CUTS.clear()
    summary = label(nlp, source, tmp_path / "out.jsonl", batch_size=2)
    assert summary.skipped == {"broken row": 2}
    assert summary.texts == 3


def test_a_part_without_its_state_starts_anew(nlp, texts, interrupted):
    interrupted.with_name("out.jsonl.part.json").unlink()
    label(nlp, texts, interrupted, batch_size=2)
    assert [row["id"] for row in read(interrupted)] == list(range(10))


def test_a_run_killed_at_any_rename_ends_with_the_same_files(nlp, tmp_path, monkeypatch):
    rows = [{"text": text} for text in ("drake", "poison", "adele", "boston")]
    source = write_rows(tmp_path / "in.jsonl", rows)
    label(nlp, source, tmp_path / "whole" / "out.jsonl", batch_size=2)
    whole = files(tmp_path / "whole")
    for moment in range(100):
        folder = tmp_path / str(moment)
        with monkeypatch.context() as patch:
            renames = count()

            def replace(path, target, renames=renames, moment=moment, rename=Path.replace):
                if next(renames) == moment:
                    raise KeyboardInterrupt
                return rename(path, target)

            patch.setattr(Path, "replace", replace)
            with suppress(KeyboardInterrupt):
                label(nlp, source, folder / "out.jsonl", batch_size=2)
        if next(renames) <= moment:  # it came to its end before
            break
        label(nlp, source, folder / "out.jsonl", batch_size=2)
        assert files(folder) == whole
        for name in ("out.jsonl", "out.failed.jsonl"):
            assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert moment >= 5


def test_a_run_that_only_has_to_name_its_files_labels_nothing(
    nlp, texts, tmp_path, monkeypatch, cut_at
):
    def cut(path, data, write_json=checkpoint.write_json):
        if path.name == "out.summary.json":  # which is written last
            raise KeyboardInterrupt
        write_json(path, data)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(checkpoint, "write_json", cut)
        label(nlp, texts, tmp_path / "out.jsonl")
    cut_at("play drake number 0")
    label(nlp, texts, tmp_path / "out.jsonl")
    assert files(tmp_path) == ["out.jsonl", "out.summary.json", "texts.jsonl"]


def test_what_a_killed_run_was_writing_is_removed_at_the_next_start(nlp, texts, tmp_path):
    (tmp_path / "out.jsonl.lock").touch()
    names = ("jsonl", "failed.jsonl", "summary.json", "jsonl.part.json")
    for name in (*(f".out.{name}.k2_0abcd" for name in names), ".more.jsonl.k2_0abcd"):
        (tmp_path / name).write_text("{")
    label(nlp, texts, tmp_path / "out.jsonl")
    assert files(tmp_path) == [
        ".more.jsonl.k2_0abcd",  # that of another output
        "out.jsonl",
        "out.summary.json",
        "texts.jsonl",
    ]


def test_two_runs_cannot_write_the_same_file(nlp, texts, tmp_path):
    """It is told before the state of the first is read, which is about to change."""
    with Checkpoint(tmp_path / "out.jsonl", "the first") as first:
        first.append([{"text": "a"}], [])
        with pytest.raises(CatalogNERError, match=r"out\.jsonl: another run is writing it"):
            label(nlp, texts, tmp_path / "out.jsonl")


# A run that has ended


def test_a_finished_run_is_not_done_again(nlp, texts, tmp_path, cut_at, capsys):
    out = tmp_path / "out.jsonl"
    summary = label(nlp, texts, out)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    cut_at("play drake number 0")
    assert label_file(nlp, texts, out, Problems()) == summary
    assert capsys.readouterr().err == (
        f"{out}: already done (10 texts); name another output to label again\n"
    )
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == written


def test_a_run_is_done_again_when_its_output_was_removed(nlp, texts, tmp_path):
    out = tmp_path / "out.jsonl"
    label(nlp, texts, out)
    out.unlink()
    label(nlp, texts, out)
    assert len(read(out)) == 10


def test_a_run_in_which_no_text_was_answered_is_done_again(nlp, tmp_path, capsys):
    """As after a wrong key, which does not make another pipeline."""
    source = write_rows(tmp_path / "in.jsonl", [{"text": "poison"}])
    for limit in (0, 0, 1, 1):
        label_file(nlp, source, tmp_path / "out.jsonl", Problems(), limit=limit)
    assert "already done" not in capsys.readouterr().err


def test_a_larger_limit_goes_on_after_the_texts_that_are_there(nlp, texts, tmp_path, cut_at):
    out = tmp_path / "out.jsonl"
    summary = label(nlp, texts, out, limit=3)
    assert summary.stopped == "limit"
    cut_at("play drake number 2")
    assert label(nlp, texts, out, limit=3) == summary
    assert label(nlp, texts, out, limit=6).texts == 6
    assert len(read(out)) == 6
    cut_at("play drake number 9")
    interrupt(nlp, texts, out)
    with pytest.raises(CatalogNERError, match="has 8 texts already, more than the limit of 7"):
        label(nlp, texts, out, limit=7)
    CUTS.clear()
    assert label(nlp, texts, out).stopped is None
    with pytest.raises(CatalogNERError, match=r"out\.jsonl: has 10 texts already, more than"):
        label(nlp, texts, out, limit=3)
    label(nlp, texts, tmp_path / "whole.jsonl")
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert files(tmp_path) == [
        "out.jsonl",
        "out.summary.json",
        "texts.jsonl",
        "whole.jsonl",
        "whole.summary.json",
    ]


def test_another_pipeline_starts_anew_after_a_run_that_reached_its_limit(nlp, texts, tmp_path):
    out = tmp_path / "out.jsonl"
    label(nlp, texts, out, limit=3)
    nlp.add_pipe("merge_entities")
    label(nlp, texts, out, limit=2)
    assert len(read(out)) == 2


def test_a_finished_run_is_told_from_another_that_was_interrupted(nlp, texts, tmp_path, cut_at):
    out = tmp_path / "out.jsonl"
    summary = label(nlp, texts, out)
    nlp.add_pipe("merge_entities")
    cut_at("play drake number 5")
    interrupt(nlp, texts, out)
    nlp.remove_pipe("merge_entities")
    assert label(nlp, texts, out) == summary
    assert len(read(out.with_name("out.jsonl.part"))) == 4


# A run that is not the same


def add_name(nlp, texts):
    nlp.get_pipe("catalog_matcher").add_entries([{"text": "number 1", "label": "SONG"}])


@pytest.mark.parametrize(
    "change",
    [
        lambda nlp, texts: nlp.add_pipe("merge_entities"),
        lambda nlp, texts: write_rows(texts, [{"text": "play adele"}]),
        add_name,
    ],
)
def test_a_change_does_not_throw_away_what_is_done(nlp, texts, interrupted, change):
    change(nlp, texts)
    with pytest.raises(
        CatalogNERError,
        match=r"out\.jsonl\.part: 4 texts of a run with another pipeline, .* remove"
        r" out\.jsonl\.part\.json to start anew",
    ):
        label(nlp, texts, interrupted)
    assert len(read(interrupted.with_name("out.jsonl.part"))) == 4


def test_other_contents_of_a_component_make_another_run(texts):
    one, other = spacy.blank("en"), spacy.blank("en")
    for nlp, name in ((one, "a"), (other, "b")):
        nlp.add_pipe("entity_ruler").add_patterns([{"label": "X", "pattern": name}])
    assert fingerprint(one, texts) != fingerprint(other, texts)


def test_a_part_shorter_than_its_state_says_is_an_error(nlp, texts, interrupted):
    interrupted.with_name("out.jsonl.part").write_text("")
    with pytest.raises(CatalogNERError, match=r"shorter than out\.jsonl\.part\.json says"):
        label(nlp, texts, interrupted)


@pytest.mark.parametrize("state", ["", '{"fingerprint": "x"}'])
def test_a_broken_state_is_an_error(nlp, texts, interrupted, state):
    interrupted.with_name("out.jsonl.part.json").write_text(state)
    with pytest.raises(CatalogNERError, match="not the state of a run; remove it to start anew"):
        label(nlp, texts, interrupted)
