"""`benchmarks/`: that they run, on very little; most figures mean nothing here."""

from __future__ import annotations

import gzip
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ENTRIES, REPOSITORY, UTTERANCES, annotate
from test_inference import NAMES, folder  # noqa: F401, a fixture

from benchmarks.catalog import __main__ as catalog
from benchmarks.catalog import parts
from benchmarks.common.measure import alone
from benchmarks.common.thresholds import best_threshold
from benchmarks.evaluation import __main__ as evaluation
from benchmarks.evaluation import browser
from benchmarks.generation import __main__ as generation
from benchmarks.generation import steps
from benchmarks.serving import __main__ as serving
from benchmarks.serving.runs import measure_serving
from benchmarks.teacher import runs
from spacy_catalog_ner.catalog import Entry, compile_catalog

SIZES = {"names": 20, "large": 40, "live": 5, "longest": 10_000, "repetitions": 1}
ARTISTS = ("Sam River", "Alex Stone", "Ada Lake", "Max Hill", "Ida Field", "Leo Wood", "Mia Moor")
ALL = ("catalog", "evaluation", "generation", "serving", "student", "teacher")


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


# Command lines


@pytest.mark.parametrize("name", ALL)
def test_help_shows_an_example_and_where_results_go(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit):
        importlib.import_module(f"benchmarks.{name}.__main__").main()
    shown = " ".join(capsys.readouterr().out.split())
    assert f"example: python -m benchmarks.{name} --" in shown
    assert "folder for results (benchmarks/results)" in shown


def test_a_mistake_is_one_line(tmp_path, monkeypatch, capsys):
    for module, arguments in (
        (catalog, options(tmp_path / "nowhere")),
        (serving, ["--data", str(tmp_path), "--model", str(tmp_path)]),
    ):
        monkeypatch.setattr(sys, "argv", ["benchmark", *arguments])
        assert module.main() == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and lines[0].startswith("Error: ")


# The catalog


def test_all_parts_but_workers(data, monkeypatch, capsys):
    """Processes take seconds each to start: here there is one."""
    monkeypatch.setattr(parts, "alone", lambda task, *arguments: task(*arguments))
    monkeypatch.setattr(sys, "argv", ["catalog", *options(data, "--only", "A,C,D,E")])
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


@pytest.mark.slow
def test_workers(data):
    """In a process that forks its workers, and all else in that one process."""
    code = """
import runpy
from benchmarks.catalog import parts

parts.alone = lambda task, *arguments: task(*arguments)
runpy.run_module("benchmarks.catalog", run_name="__main__")
"""
    arguments = options(data, "--only", "B", "--workers", "2", "--methods", "fork")
    command = [sys.executable, "-c", code, *arguments]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    report = check(data.parent / "results/catalog.json", result.stdout)
    assert set(report["measurements"]["workers"]) == {"fork"}


# Evaluation


def test_evaluation_is_measured_beside_seqeval_and_spacy(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(evaluation, "alone", lambda task, *arguments: task(*arguments))
    monkeypatch.setattr(evaluation, "find_chromium", lambda: None)
    sizes = {"texts": 30, "spans": 90, "samples": 5, "errors": 10, "repetitions": 1}
    options = [text for key, value in sizes.items() for text in (f"--{key}", str(value))]
    monkeypatch.setattr(sys, "argv", ["evaluation", "--output", str(tmp_path), *options])
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


def test_opening_the_report_is_measured(tmp_path):
    chromium = browser.find_chromium()
    if chromium is None:
        pytest.skip("no chromium or google-chrome on the PATH")
    evaluation.write_set(tmp_path, 30, 90, 0)
    evaluation.measure_html(tmp_path, 10, tmp_path / "report.html")
    opened = browser.measure_open(chromium, tmp_path / "report.html", 2)
    assert len(opened["open_s"]) == 2 and all(seconds > 0 for seconds in opened["open_s"])


# The teacher


def test_a_threshold_lies_between_the_confidences_where_f1_is_best():
    gold = [{"spans": [{"start": 0, "end": 5, "label": "SONG"}]}, {"spans": []}]
    found = [[(0, 5, "SONG", 0.8), (0, 5, "CITY", 0.3)], [(2, 4, "CITY", 0.6)]]
    assert best_threshold(found, gold) == pytest.approx(0.7)
    assert best_threshold([[], []], gold) == 0


def test_answers_that_are_kept_are_not_asked_for_again(tmp_path):
    kept = tmp_path / "all-verdicts-5.test.jsonl"
    kept.write_text('{"selected": []}\n{"selected": []}\n{"sel', encoding="utf8")
    # Without a set there is nothing that could be asked
    done = runs.run(None, "all", runs.selection(), {"k": 5}, [{"text": "a"}, {"text": "b"}], kept)
    assert done == [{"selected": []}] * 2
    assert len(kept.read_text(encoding="utf8").splitlines()) == 2


# Data sets


def test_populating_is_measured_in_both_languages(monkeypatch, tmp_path, capsys):
    options = ["--only", "populate", "--rows", "20", "--repetitions", "1"]
    monkeypatch.setattr(sys, "argv", ["generation", "--output", str(tmp_path), *options])
    generation.main()
    report = check(tmp_path / "generation.json", capsys.readouterr().out)
    assert set(report["measurements"]["population"]) == {"en", "es"}
    assert [line["what"] for line in report["table"]] == ["populate, en", "populate, es"]


def test_what_is_made_goes_to_an_empty_folder_only(monkeypatch, tmp_path, capsys):
    (tmp_path / "mine").write_text("kept", encoding="utf8")
    monkeypatch.setattr(sys, "argv", ["generation", "--work", str(tmp_path)])
    assert generation.main() == 2
    assert "expected an empty folder" in capsys.readouterr().err
    assert (tmp_path / "mine").read_text(encoding="utf8") == "kept"


def test_texts_to_cluster_are_distinct(tmp_path):
    write_packed(
        tmp_path / "massive_en/train.jsonl.gz", [{"text": "play adele"}, {"text": "Play Adele!"}]
    )
    texts = steps._many_texts(tmp_path, 30)
    assert len(texts) == len(set(texts)) == 30


# Serving


@pytest.mark.slow
def test_a_student_is_timed_and_scored_in_a_process_of_its_own(folder, tmp_path):  # noqa: F811
    catalog = tmp_path / "names.catalog"
    compile_catalog((Entry(row["text"], row["label"]) for row in NAMES), catalog)
    rows = [annotate("play something by boston", {"boston": "ARTIST"})] * 8
    found = alone(measure_serving, folder, catalog, "PyTorch", 1, rows, 3)
    assert 0 < found["median_s"] <= found["p95_s"]
    assert found["per_s"] > 0 and found["rss"] > 0
    assert 0 <= found["f1"] <= 1
