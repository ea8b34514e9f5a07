"""`benchmarks/`: figures of so little that they can be counted by hand."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import srsly
from conftest import annotate, write_rows

from benchmarks.generation import detection
from benchmarks.student.names import _replace
from benchmarks.student.scores import count, difference, summarise
from benchmarks.student.sets import _test_parts, to_pattern
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.generation.traffic.detection import ConversationDetector

TALK = "um could you play that one again, no wait, the other one"
COMMAND = "set an alarm for seven"
EN = ConversationDetector.load("en")


# Detection


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


def test_scores_are_counted():
    rows = [labelled(TALK, True), labelled(TALK, False), labelled(COMMAND, True)]
    assert detection.score(EN, rows) == {
        "utterances": 3,
        "conversational": 2,
        "taken": 2,
        "right": 1,
        "precision": 0.5,
        "recall": 0.5,
    }


def test_a_label_weighs_as_much_as_what_it_stands_for(tmp_path):
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


def test_a_text_with_another_verdict_keeps_the_weight_it_was_drawn_with(tmp_path):
    path = write_massive(tmp_path / "massive_en", [TALK, TALK, COMMAND])
    rows = [(True, True), (False, True), (False, True)]
    labels = write_labels(tmp_path / "labels.json", 10, 40, rows)
    found = detection.measure_massive(EN, path, labels)
    assert found["recall"] == round((10 + 20) / (10 + 20 + 20), 4)
    assert (found["precision"], found["changed"]) == (1.0, 1)


def test_labels_of_other_texts_are_refused(tmp_path):
    path = write_massive(tmp_path / "massive_en", [TALK])
    labels = write_labels(tmp_path / "labels.json", 1, 1, [(True, True), (False, False)])
    with pytest.raises(CatalogNERError, match=r"1 are not there, as id 1"):
        detection.measure_massive(EN, path, labels)


def test_a_broken_row_is_refused(tmp_path):
    assets = write_assets(tmp_path / "assets/conversational")
    path = assets / "conversational/en.jsonl"
    path.write_text(path.read_text(encoding="utf8") + "{\n", encoding="utf8")
    with pytest.raises(CatalogNERError, match=r"en\.jsonl:3: .*mend the file"):
        detection.measure_detection(assets, None)


def test_everything_is_measured(tmp_path, monkeypatch):
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
    found = detection.measure_detection(assets, None)
    assert (found["massive"], list(found["throughput"])) == (None, ["es"])


def test_the_labels_of_massive_hold_no_text():
    known = srsly.read_json(detection.LABELS)
    assert all(key.isdecimal() for key in known["labels"])
    assert all(set(row) == {"taken", "conversational"} for row in known["labels"].values())


# Students


def row(text: str, **names: str) -> dict:
    return annotate(text, names)


def test_a_pattern_is_the_text_with_labels_in_the_place_of_names():
    assert to_pattern(row("Play hello by adele", hello="song", adele="artist")) == (
        "play <song> by <artist>"
    )


def test_head_are_frequent_patterns_and_unseen_have_no_name_of_training():
    train = [row("play adele", adele="artist"), row("play drake", drake="artist")]
    known, new = row("play adele", adele="artist"), row("anything by sade", sade="artist")
    parts = _test_parts(train, [known, new, row("what time is it")])
    assert parts == {"head": [known], "unseen": [new]}


def test_figures_are_means_over_students_with_an_interval_over_texts():
    gold = [row("play adele", adele="artist"), row("play drake", drake="artist")]
    right = [[(5, 10, "artist", 0.9)], [(5, 10, "artist", 0.9)]]
    half = [[(5, 10, "artist", 0.9)], [(5, 10, "artist", 0.1)]]
    counts = [count(found, gold, 0.5) for found in (right, half)]
    assert np.array_equal(counts[1], [[1, 1, 1], [0, 0, 1]])
    scores = summarise(counts)
    assert scores["f1"] == pytest.approx((1 + 2 / 3) / 2, abs=1e-4)
    assert (scores["lowest"], scores["highest"], scores["students"]) == (0.6667, 1.0, 2)
    low, high = scores["interval"]
    assert low <= scores["f1"] <= high


def test_a_gain_has_an_interval_over_the_same_texts():
    right, wrong = np.array([[1, 1, 1]] * 4), np.array([[0, 1, 1]] * 4)
    assert difference([wrong, wrong], [right, right]) == [1.0, 1.0]
    assert difference([right], [right]) == [0.0, 0.0]


def test_new_names_stand_where_the_old_ones_were():
    replaced = _replace(row("play hello by adele", hello="song", adele="artist"), ["up", "sade b"])
    assert replaced == row("play up by sade b", up="song", **{"sade b": "artist"})
