"""`benchmarks/generation.py`: that it runs, on very little; its figures mean nothing here."""

from __future__ import annotations

import gzip
import importlib
import json
import sys

import pytest
from conftest import REPOSITORY


@pytest.fixture
def generation(monkeypatch):
    """The benchmark's module."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))
    return importlib.import_module("generation")


def test_populating_is_measured_in_both_languages(generation, monkeypatch, tmp_path, capsys):
    options = ["--only", "populate", "--rows", "20", "--repetitions", "1"]
    monkeypatch.setattr(sys, "argv", ["generation.py", "--output", str(tmp_path), *options])
    generation.main()
    report = json.loads((tmp_path / "generation.json").read_text(encoding="utf8"))
    assert set(report["measurements"]["population"]) == {"en", "es"}
    assert [line["what"] for line in report["table"]] == ["populate, en", "populate, es"]
    assert "populate, es" in capsys.readouterr().out


def test_what_is_made_goes_to_an_empty_folder_only(generation, monkeypatch, tmp_path, capsys):
    (tmp_path / "mine").write_text("kept", encoding="utf8")
    monkeypatch.setattr(sys, "argv", ["generation.py", "--work", str(tmp_path)])
    assert generation.main() == 2
    assert "expected an empty folder" in capsys.readouterr().err
    assert (tmp_path / "mine").read_text(encoding="utf8") == "kept"


def test_texts_to_cluster_are_distinct(generation, tmp_path):
    steps = importlib.import_module("steps")
    packed = tmp_path / "massive_en/train.jsonl.gz"
    packed.parent.mkdir()
    packed.write_bytes(gzip.compress(b'{"text": "play adele"}\n{"text": "Play Adele!"}\n'))
    texts = steps._many_texts(tmp_path, 30)
    assert len(texts) == len(set(texts)) == 30
