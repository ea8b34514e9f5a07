"""`benchmarks/detection.py`: its figures on so few utterances that they can be counted by hand."""

from __future__ import annotations

import gzip
import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest
import srsly
from conftest import REPOSITORY, write_rows

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.generation.traffic.detection import ConversationDetector

TALK = "um could you play that one again, no wait, the other one"
COMMAND = "set an alarm for seven"
EN = ConversationDetector.load("en")


@pytest.fixture
def detection(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))
    return importlib.import_module("detection")


def labelled(text: str, conversational: bool, **meta: str) -> dict:
    return {"text": text, "conversational": conversational, "meta": meta}


def write_massive(folder: Path, texts: list[str]) -> Path:
    folder.mkdir(parents=True)
    for name in ("train", "test"):
        with gzip.open(folder / f"{name}.jsonl.gz", "wt", encoding="utf8") as stream:
            for i, text in enumerate(texts):
                stream.write(json.dumps({"text": text, "meta": {"id": str(i)}}) + "\n")
    return folder / "test.jsonl.gz"


def write_labels(path: Path, taken: int, left: int, rows: list[tuple[bool, bool]]) -> Path:
    """Write labels of the ids 0, 1, ...: stratum (taken or not), and conversational or not."""
    labels = {
        str(i): {"taken": stratum, "conversational": label}
        for i, (stratum, label) in enumerate(rows)
    }
    srsly.write_json(path, {"taken": taken, "left": left, "labels": labels})
    return path


def write_assets(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for lang, talk, command in (("en", TALK, COMMAND), ("es", "eh no espera", "pon la radio")):
        rows = [labelled(talk, True, split="dev"), labelled(command, False, split="test")]
        write_rows(folder / f"{lang}.jsonl", rows)
        write_rows(folder / f"unseen.{lang}.jsonl", [labelled(command, True)])
    return folder.parent


def test_scores_are_counted(detection):
    rows = [labelled(TALK, True), labelled(TALK, False), labelled(COMMAND, True)]
    assert detection.score(EN, rows) == {
        "utterances": 3,
        "conversational": 2,
        "taken": 2,
        "right": 1,
        "precision": 0.5,
        "recall": 0.5,
    }


def test_a_label_weighs_as_much_as_what_it_stands_for(detection, tmp_path):
    """Each of two taken ones stands for 5 utterances, each of four left for 10."""
    path = write_massive(tmp_path / "massive_en", [TALK, TALK, *[COMMAND] * 4])
    rows = [(True, True), (True, False), (False, True), *[(False, False)] * 3]
    labels = write_labels(tmp_path / "labels.json", 10, 40, rows)
    found = detection.measure_massive(EN, path, labels)
    assert found["precision"] == 0.5
    assert found["recall"] == round(5 / (5 + 10), 4)
    low, high = found["recall_interval"]
    assert low <= found["recall"] <= high
    assert found["changed"] == 0
    assert found == detection.measure_massive(EN, path, labels)


def test_a_text_with_another_verdict_keeps_the_weight_it_was_drawn_with(detection, tmp_path):
    path = write_massive(tmp_path / "massive_en", [TALK, TALK, COMMAND])
    rows = [(True, True), (False, True), (False, True)]
    labels = write_labels(tmp_path / "labels.json", 10, 40, rows)
    found = detection.measure_massive(EN, path, labels)
    assert found["recall"] == round((10 + 20) / (10 + 20 + 20), 4)
    assert (found["precision"], found["changed"]) == (1.0, 1)


def test_labels_of_other_texts_are_refused(detection, tmp_path):
    path = write_massive(tmp_path / "massive_en", [TALK])
    labels = write_labels(tmp_path / "labels.json", 1, 1, [(True, True), (False, False)])
    with pytest.raises(CatalogNERError, match=r"1 are not there, as id 1"):
        detection.measure_massive(EN, path, labels)


def test_a_broken_row_is_refused(detection, tmp_path):
    assets = write_assets(tmp_path / "assets/conversational")
    path = assets / "conversational/en.jsonl"
    path.write_text(path.read_text(encoding="utf8") + "{\n", encoding="utf8")
    with pytest.raises(CatalogNERError, match=r"en\.jsonl:3: .*mend the file"):
        detection.measure_detection(assets, None)


def test_everything_is_measured(detection, tmp_path, monkeypatch):
    assets = write_assets(tmp_path / "assets/conversational")
    write_massive(tmp_path / "data/massive_en", [TALK, COMMAND])
    labels = write_labels(tmp_path / "labels.json", 1, 1, [(True, True), (False, False)])
    monkeypatch.setattr(detection, "LABELS", labels)
    monkeypatch.setattr(detection, "_FEW", 10)
    found = detection.measure_detection(assets, tmp_path / "data")
    for lang in ("en", "es"):
        assert found["assets"][lang]["dev"]["recall"] == 1
        assert found["assets"][lang]["unseen"]["recall"] == 0
    assert found["massive"]["recall"] == 1
    assert [row["texts"] for row in found["throughput"].values()] == [2, 10]
    assert json.loads(json.dumps(found)) == found


def test_without_data_only_the_assets_are_measured(detection, tmp_path, monkeypatch):
    monkeypatch.setattr(detection, "_FEW", 10)
    found = detection.measure_detection(write_assets(tmp_path / "assets/conversational"), None)
    assert found["massive"] is None
    assert list(found["throughput"]) == ["es"]


def test_the_labels_of_massive_hold_no_text(detection):
    known = srsly.read_json(detection.LABELS)
    assert all(key.isdecimal() for key in known["labels"])
    assert all(set(row) == {"taken", "conversational"} for row in known["labels"].values())
