"""`benchmarks/student.py`: its sets, its figures and its thresholds, on very little."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from conftest import REPOSITORY


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    """The benchmarks' modules can be imported."""
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    yield
    for name in [name for name in sys.modules if name.startswith("student_")]:
        del sys.modules[name]


def row(text: str, **names: str) -> dict:
    spans = [
        {"start": text.index(name), "end": text.index(name) + len(name), "label": label}
        for name, label in names.items()
    ]
    return {"text": text, "spans": spans}


def test_a_pattern_is_the_text_with_labels_in_the_place_of_names():
    from student_sets import to_pattern

    assert to_pattern(row("Play hello by adele", hello="song", adele="artist")) == (
        "play <song> by <artist>"
    )


def test_head_are_frequent_patterns_and_unseen_have_no_name_of_training():
    from student_sets import _test_parts

    train = [row("play adele", adele="artist"), row("play drake", drake="artist")]
    known, new = row("play adele", adele="artist"), row("anything by sade", sade="artist")
    parts = _test_parts(train, [known, new, row("what time is it")])
    assert parts == {"head": [known], "unseen": [new]}


def test_the_threshold_with_the_best_f1_lies_between_two_confidences():
    from thresholds import best_threshold

    found = [[(5, 10, "artist", 0.75), (0, 4, "artist", 0.25)]]
    assert best_threshold(found, [row("play adele", adele="artist")]) == 0.5


def test_figures_are_means_over_students_with_an_interval_over_texts():
    from student_scores import count, summarise

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
    from student_scores import difference

    right, wrong = np.array([[1, 1, 1]] * 4), np.array([[0, 1, 1]] * 4)
    assert difference([wrong, wrong], [right, right]) == [1.0, 1.0]
    assert difference([right], [right]) == [0.0, 0.0]


def test_new_names_stand_where_the_old_ones_were():
    from student_names import _replace

    replaced = _replace(row("play hello by adele", hello="song", adele="artist"), ["up", "sade b"])
    assert replaced == row("play up by sade b", up="song", **{"sade b": "artist"})
