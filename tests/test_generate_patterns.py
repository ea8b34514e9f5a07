"""``catalog-ner generate patterns``: what goes in, what comes out, and runs that are killed."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import LABELS, write_rows
from labelling import read
from servers import LocalServer, status

from spacy_catalog_ner.cli.main import main

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def seed_of(body) -> str:
    return re.findall(r"^Seed: (.*)$", body["messages"][-1]["content"], re.M)[-1]


@pytest.fixture(scope="module")
def labels(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "labels.yml"
    path.write_text(
        "".join(f"{name}: {text}\n" for name, text in LABELS.items()) + "GAME: a game\n"
    )
    return path


@pytest.fixture
def command(mini_catalog, labels):
    """Arguments of the command but for its input and output; edits alone tell near-duplicates."""
    options = ["--labels", labels, "--catalog", mini_catalog, "--lang", "en", "--cosine", "1"]
    return ["generate", "patterns", *map(str, options)]


@pytest.fixture
def run(command, monkeypatch, capsys):
    def run(*arguments) -> tuple[int, dict, str]:
        monkeypatch.setattr(sys, "argv", ["catalog-ner", *command, *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        out, err = capsys.readouterr()
        return exit_.value.code or 0, json.loads(out or "{}"), err

    return run


def write_config(folder: Path, server: LocalServer, **settings) -> Path:
    lines = ["[model]", '@llm_models = "spacy_catalog_ner.OpenAICompatible.v1"']
    values = {"model": "stand-in", "base_url": server.url, "max_retries": 0, **settings}
    lines += [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    path = folder / "model.cfg"
    path.write_text("\n".join(lines))
    return path


def test_without_a_model_annotated_utterances_are_abstracted(run, mini_annotated, tmp_path):
    out = tmp_path / "patterns.jsonl"
    code, summary, _ = run(mini_annotated, "-o", out, "--min-words", 2)
    assert code == 0
    assert [row["pattern"] for row in read(out)][:2] == ["play <SONG> by <ARTIST>", "put on <SONG>"]
    assert summary["input"] == {"rows": 8, "abstracted": 7, "unused": 1}
    assert summary["model"] is None
    assert summary["by_label"] == {"ALBUM": 1, "ARTIST": 2, "CITY": 2, "MOVIE": 1, "SONG": 2}
    assert summary["rejected"] == {}
    assert read(tmp_path / "patterns.rejected.jsonl") == []


def test_nothing_is_lost_of_what_a_model_writes(run, tmp_path):
    def answer(body):
        return {
            "one": "I would rather talk about something else.",
            "two": {"patterns": ["put on <SONG> will you", "see you at <DATE> then"]},
            "three": {"patterns": ["play hello by adele for <ARTIST>", "I like <GAME> a lot"]},
        }[seed_of(body)]

    rows = [{"text": word, "representative": True, "cluster": n} for n, word in enumerate(WORDS)]
    source, out = write_rows(tmp_path / "seeds.jsonl", rows), tmp_path / "patterns.jsonl"
    with LocalServer(answer) as server:
        config = write_config(tmp_path, server)
        code, summary, _ = run(source, "-o", out, "--model-config", config, "--limit", 3)
    assert code == 0
    assert [(row["pattern"], row["cluster"]) for row in read(out)] == [
        ("put on <SONG> will you", 1)
    ]
    assert summary["rejected"] == {
        "label without a catalog": 1,
        "name left in": 1,
        "unknown label": 1,
        "unreadable answer": 1,
    }
    first = read(tmp_path / "patterns.rejected.jsonl")[0]
    assert (first["text"], first["representative"]) == ("one", True)
    assert (summary["model"]["seeds"], summary["model"]["calls"]) == (3, 3)


def test_values_of_the_models_config_can_be_given(run, tmp_path):
    source = write_rows(tmp_path / "seeds.jsonl", [{"text": "one", "representative": True}])
    cache = tmp_path / "answers.cache"
    with LocalServer(lambda body: {"patterns": ["put on <SONG> will you"]}) as server:
        config = write_config(tmp_path, server)
        options = ("-o", tmp_path / "p.jsonl", "--model-config", config)
        code, _, err = run("--model.cache", cache, source, *options)
    assert code == 0, err
    assert cache.exists()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"text": "hello"}], "no pattern to be had from 1 rows in 'en': expected rows with"),
        ([{"text": "hello", "representative": True}], "1 are seeds for a model; name one by"),
    ],
)
def test_an_input_that_gives_nothing_is_one_line(run, tmp_path, rows, message):
    source = write_rows(tmp_path / "in.jsonl", rows)
    code, _, err = run(source, "-o", tmp_path / "out.jsonl")
    assert code == 2
    assert message in err


def test_where_no_pattern_passes_the_run_has_failed(run, tmp_path):
    source = write_rows(tmp_path / "in.jsonl", [{"pattern": "play it by adele"}])
    code, summary, err = run(source, "-o", tmp_path / "out.jsonl")
    assert (code, summary["patterns"]) == (1, 0)
    assert "no pattern passed the checks" in err


def test_a_model_that_fails_again_and_again_stops_the_run(run, tmp_path):
    rows = [{"text": word, "representative": True} for word in WORDS]
    source = write_rows(tmp_path / "seeds.jsonl", rows)
    with LocalServer(lambda body: status(500)) as server:
        config = write_config(tmp_path, server, max_failures=3)
        code, _, err = run(source, "-o", tmp_path / "out.jsonl", "--model-config", config)
    assert code == 1
    assert "stopped after 3 texts in a row failed" in err
    assert not (tmp_path / "out.jsonl").exists()


def test_a_run_that_is_killed_half_way_goes_on_and_gives_the_same(command, run, tmp_path):
    rows = [{"text": f"{a} {b}", "representative": True} for a in WORDS for b in WORDS[:4]]
    source = write_rows(tmp_path / "seeds.jsonl", rows)

    def answer(body):
        if seed_of(body) == "two three":
            return "prose"
        return {"patterns": [f"{seed_of(body)} of <SONG> by <ARTIST>", "play adele"]}

    with LocalServer(answer, delay=0.05) as server:
        shared = {"concurrency": 2, "cache": str(tmp_path / "answers.cache")}
        config = write_config(tmp_path, server, **shared)
        options = [str(source), "--model-config", str(config), "--edit-similarity", "1"]
        out = tmp_path / "out.jsonl"
        program = [sys.executable, "-m", "spacy_catalog_ner.cli.main", *command, *options]
        process = subprocess.Popen([*program, "-o", str(out)], stderr=subprocess.DEVNULL)
        while len(server.bodies) < len(rows) // 2:
            assert process.poll() is None, "it ended too early"
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not out.exists()
        server.delay = 0
        code, summary, err = run(*options, "-o", out)
        assert code == 0, err
        asked = len(server.bodies)
        write_config(tmp_path, server)
        whole = tmp_path / "whole.jsonl"
        run(*options, "-o", whole)
    assert summary["model"]["cache_hits"] >= len(rows) // 2 - 4
    # Asked twice is at most what was in flight when it was killed
    assert asked <= len(rows) + 1 + 2 * 2
    for kind in ("jsonl", "rejected.jsonl"):
        assert (tmp_path / f"out.{kind}").read_bytes() == (tmp_path / f"whole.{kind}").read_bytes()
