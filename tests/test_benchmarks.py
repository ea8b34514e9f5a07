"""`benchmarks/`: that it runs, on very little; its figures mean nothing here."""

from __future__ import annotations

import gzip
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ENTRIES, REPOSITORY, UTTERANCES, annotate

SIZES = {"names": 20, "large": 40, "live": 5, "longest": 10_000, "repetitions": 1}
ARTISTS = ("Sam River", "Alex Stone", "Ada Lake", "Max Hill", "Ida Field", "Leo Wood", "Mia Moor")


def write_packed(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def data(tmp_path) -> Path:
    """A folder laid out as the benchmark wants it."""
    names = [*ENTRIES, *({"text": name, "label": "ARTIST"} for name in ARTISTS)]
    write_packed(tmp_path / "data/catalogs/names.jsonl.gz", names)
    rows = [annotate(*utterance) for utterance in UTTERANCES]
    for name in ("massive_en", "snips", "music_ner"):
        write_packed(tmp_path / f"data/{name}/test.jsonl.gz", rows)
    return tmp_path / "data"


def options(data: Path, *more: str) -> list[str]:
    sizes = [text for key, value in SIZES.items() for text in (f"--{key}", str(value))]
    return ["--data", str(data), "--output", str(data.parent / "results"), *sizes, *more]


def check(path: Path, printed: str) -> dict:
    """Check what is so of every run, and return what it reports."""
    report = json.loads(path.read_text(encoding="utf8"))
    assert set(report) == {"machine", "settings", "table", "measurements"}
    assert {"cpu", "cores", "python", "spacy"} <= set(report["machine"])
    assert len([line for line in printed.splitlines() if line]) == len(report["table"]) + 2
    assert all(set(line) == {"what", "figure", "target", "holds"} for line in report["table"])
    return report


def test_all_parts_but_workers(data, monkeypatch, capsys):
    """Processes take seconds each to start: here there is one."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))
    catalog, parts = importlib.import_module("catalog"), importlib.import_module("parts")
    monkeypatch.setattr(parts, "alone", lambda task, *arguments: task(*arguments))
    monkeypatch.setattr(sys, "argv", ["catalog.py", *options(data, "--only", "A,C,D,E")])
    assert catalog.main() == 0
    report = check(data.parent / "results/catalog.json", capsys.readouterr().out)
    assert report["settings"]["names"] == SIZES["names"]
    measured = report["measurements"]
    of_parts = {"engines", "spans", "throughput", "time_per_character", "live", "coverage"}
    assert set(measured) == {"names", *of_parts}
    assert set(measured["engines"]) == {"catalog", "PhraseMatcher", "SpanRuler", "pyahocorasick"}
    assert len({row[str(SIZES["names"])]["spans"] for row in measured["engines"].values()}) == 1
    assert all(row["common"] and not row["only_catalog"] for row in measured["spans"].values())
    assert (data.parent / "results/catalog.svg").exists()


def run(*arguments: str) -> subprocess.CompletedProcess:
    script = str(REPOSITORY / "benchmarks/catalog.py")
    command = [sys.executable, script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=1200)


def test_a_mistake_is_one_line(tmp_path):
    result = run(*options(tmp_path / "nowhere"))
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1 and result.stderr.startswith("Error: ")


@pytest.mark.slow
def test_workers(data):
    result = run(*options(data, "--only", "B", "--workers", "2", "--methods", "fork"))
    assert result.returncode == 0, result.stderr
    report = check(data.parent / "results/catalog.json", result.stdout)
    assert set(report["measurements"]["workers"]) == {"fork"}


# Evaluation


@pytest.fixture
def evaluation(monkeypatch, tmp_path):
    """The benchmark of evaluation, in one process, of a tiny set."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))
    module = importlib.import_module("evaluation")
    monkeypatch.setattr(module, "alone", lambda task, *arguments: task(*arguments))
    sizes = {"texts": 30, "spans": 90, "samples": 5, "errors": 10, "repetitions": 1}
    options = [text for key, value in sizes.items() for text in (f"--{key}", str(value))]
    monkeypatch.setattr(sys, "argv", ["evaluation.py", "--output", str(tmp_path), *options])
    return module


def test_evaluation_is_measured_beside_seqeval_and_spacy(evaluation, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(evaluation, "find_chromium", lambda: None)
    evaluation.main()
    report = check(tmp_path / "evaluation.json", capsys.readouterr().out)
    measured = report["measurements"]
    assert {key: measured["set"][key] for key in ("texts", "gold")} == {"texts": 30, "gold": 90}
    assert set(measured) == {
        "set", "evaluation", "command", "flat, ours", "flat, seqeval", "flat, spaCy", "html"
    }  # fmt: skip
    # All targets of so few texts are reached, and all three give the same F1
    assert {line["holds"] for line in report["table"]} == {True, None}
    assert report["table"][-1]["figure"].startswith("left out: needs chromium")


def test_opening_the_report_is_measured(evaluation, tmp_path):
    browser = importlib.import_module("browser")
    chromium = browser.find_chromium()
    if chromium is None:
        pytest.skip("no chromium or google-chrome on the PATH")
    evaluation.write_set(tmp_path, 30, 90, 0)
    evaluation.measure_html(tmp_path, 10, tmp_path / "report.html")
    opened = browser.measure_open(chromium, tmp_path / "report.html", 2)
    assert len(opened["open_s"]) == 2 and all(seconds > 0 for seconds in opened["open_s"])


# The teacher


@pytest.fixture
def teacher(monkeypatch):
    """The modules of the teacher's benchmark."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))
    return {name: importlib.import_module(f"teacher_{name}") for name in ("runs", "systems")}


def test_a_threshold_lies_between_the_confidences_where_f1_is_best(teacher):
    choose = teacher["systems"].best_threshold
    gold = [{"spans": [{"start": 0, "end": 5, "label": "SONG"}]}, {"spans": []}]
    found = [[(0, 5, "SONG", 0.8), (0, 5, "CITY", 0.3)], [(2, 4, "CITY", 0.6)]]
    assert choose(found, gold) == pytest.approx(0.7)
    assert choose([[], []], gold) == 0


def test_answers_that_are_kept_are_not_asked_for_again(teacher, tmp_path):
    kept = tmp_path / "all-verdicts-5.test.jsonl"
    kept.write_text('{"selected": []}\n{"selected": []}\n{"sel', encoding="utf8")
    runs = teacher["runs"]
    # Without a set there is nothing that could be asked
    done = runs.run(None, "all", runs.selection(), {"k": 5}, [{"text": "a"}, {"text": "b"}], kept)
    assert done == [{"selected": []}] * 2
    assert len(kept.read_text(encoding="utf8").splitlines()) == 2
