"""`benchmarks/serving.py`: that it runs, on very little; its figures mean nothing here."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from conftest import REPOSITORY
from test_benchmarks import check, data  # noqa: F401, a fixture
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
def test_every_way_is_measured_with_both_catalogs(data, folder, tmp_path):  # noqa: F811
    compile_catalog(
        (Entry(row["text"], row["label"]) for row in NAMES), folder / "catalog_matcher/catalog"
    )
    sizes = ("--names", 20, "--texts", 8, "--singles", 3, "--repetitions", 1)
    result = run("--data", data, "--model", folder, "--output", tmp_path, *sizes)
    assert result.returncode == 0, result.stderr
    report = check(tmp_path / "serving.json", result.stdout)
    runs = report["measurements"]["runs"]
    assert len(runs) == 2 * (1 + 4 + 4)
    assert all("f1" in run for key, (run,) in runs.items() if "tokenizer" not in key)
    assert json.dumps(report).count("at most 10 ms") == 8
