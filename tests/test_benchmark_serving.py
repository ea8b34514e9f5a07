"""`benchmarks/serving.py`: that it runs, on very little; its figures mean nothing here."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import REPOSITORY, annotate
from test_inference import NAMES, folder  # noqa: F401, a fixture

from spacy_catalog_ner.catalog import Entry, compile_catalog


def run(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, REPOSITORY / "benchmarks/serving.py", *arguments]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True)


def test_a_folder_without_a_student_is_a_line(tmp_path):
    result = run("--data", tmp_path, "--model", tmp_path)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1 and result.stderr.startswith("Error: ")


@pytest.mark.slow
def test_a_student_is_timed_and_scored_in_a_process_of_its_own(folder, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    from measure import alone
    from serving_runs import measure_serving

    catalog = tmp_path / "names.catalog"
    compile_catalog((Entry(row["text"], row["label"]) for row in NAMES), catalog)
    rows = [annotate("play something by boston", {"boston": "ARTIST"})] * 8
    found = alone(measure_serving, folder, catalog, "PyTorch", 1, rows, 3)
    assert 0 < found["median_s"] <= found["p95_s"]
    assert found["per_s"] > 0 and found["rss"] > 0
    assert 0 <= found["f1"] <= 1
