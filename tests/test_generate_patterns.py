"""``catalog-ner generate patterns``: what goes in, what comes out, and runs that are stopped."""

from __future__ import annotations

import json
import re
import sys
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
        ([{"text": "hello"}], "no pattern can be made of 1 rows in 'en': expected rows with"),
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


def test_a_run_stopped_by_a_failing_model_goes_on_and_gives_the_same(run, tmp_path):
    rows = [{"text": f"{a} {b}", "representative": True} for a in WORDS for b in WORDS[:4]]
    source = write_rows(tmp_path / "seeds.jsonl", rows)
    out, whole = tmp_path / "out.jsonl", tmp_path / "whole.jsonl"

    def answer(body):
        if fails and len(server.bodies) > len(rows) // 2:
            return status(500)
        if seed_of(body) == "two three":
            return "prose"
        return {"patterns": [f"{seed_of(body)} of <SONG> by <ARTIST>", "play adele"]}

    fails = True
    with LocalServer(answer) as server:
        cache = str(tmp_path / "answers.cache")
        config = write_config(tmp_path, server, max_failures=3, concurrency=1, cache=cache)
        options = (source, "--model-config", config, "--edit-similarity", 1)
        code, _, err = run(*options, "-o", out)
        assert code == 1
        assert "stopped after 3 texts in a row failed" in err
        assert not out.exists()
        fails = False
        asked = len(server.bodies)
        code, summary, err = run(*options, "-o", out)
        assert code == 0, err
        assert summary["model"]["cache_hits"] == len(rows) // 2
        assert len(server.bodies) - asked <= len(rows) // 2 + 1  # prose is asked for again
        write_config(tmp_path, server)
        run(*options, "-o", whole)
    for kind in ("jsonl", "rejected.jsonl"):
        assert (
            out.with_suffix(f".{kind}").read_bytes() == whole.with_suffix(f".{kind}").read_bytes()
        )
