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


def check(data: Path, printed: str) -> dict:
    """Check what is so of every run, and return what it measured."""
    report = json.loads((data.parent / "results/catalog.json").read_text(encoding="utf8"))
    assert set(report) == {"machine", "settings", "table", "measurements"}
    assert {"cpu", "cores", "python", "spacy"} <= set(report["machine"])
    assert report["settings"]["names"] == SIZES["names"]
    assert len([line for line in printed.splitlines() if line]) == len(report["table"]) + 2
    assert all(set(line) == {"what", "figure", "target", "holds"} for line in report["table"])
    return report["measurements"]


def test_all_parts_but_workers(data, monkeypatch, capsys):
    """Processes take seconds each to start: here there is one."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))
    catalog, parts = importlib.import_module("catalog"), importlib.import_module("parts")
    monkeypatch.setattr(parts, "alone", lambda task, *arguments: task(*arguments))
    monkeypatch.setattr(sys, "argv", ["catalog.py", *options(data, "--only", "A,C,D,E")])
    assert catalog.main() == 0
    measured = check(data, capsys.readouterr().out)
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
    result = run(*options(data, "--only", "B"))
    assert result.returncode == 0, result.stderr
    measured = check(data, result.stdout)
    assert set(measured["workers"]) == {"fork", "spawn"}
