"""Scores of short and long texts, of known and new names, and the worth of confidences."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import annotate
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.evaluation import Score, align_rows, evaluate_rows
from spacy_catalog_ner.evaluation.breakdown import calibration
from spacy_catalog_ner.evaluation.result import LengthScore


def lengths_of(predicted: list[dict], gold: list[dict]) -> list[LengthScore]:
    return evaluate_rows(predicted, gold, samples=1).by_length


def counts(score: Score) -> tuple[int, int, int]:
    return score.tp, score.fp, score.fn


# Length


@pytest.mark.parametrize(
    ("words", "name"),
    [(4, "1 to 4"), (5, "5 to 8"), (8, "5 to 8"), (16, "9 to 16"), (17, "17 or more")],
)
def test_texts_are_told_apart_by_their_words(words, name):
    row = {"text": " ".join(["la"] * words), "spans": []}
    (found,) = lengths_of([row], [row])
    assert (found.name, found.texts) == (name, 1)


def test_each_length_has_its_own_score():
    short = annotate("play hello", {"hello": "SONG"})
    long = annotate("could you please play me hello", {"hello": "SONG"})
    parts = lengths_of([short, {**long, "spans": []}], [short, long])
    assert [(part.texts, part.f1) for part in parts] == [(1, 1.0), (1, 0.0)]
    assert [counts(part) for part in parts] == [(1, 0, 0), (0, 0, 1)]


# Novelty


def novelty_of(predicted: list[dict], gold: list[dict], train: list[dict]) -> dict[str, Score]:
    return evaluate_rows(predicted, gold, samples=1, train=train).by_novelty


def test_entities_that_training_had_are_scored_apart():
    train = [annotate("play HELLO", {"HELLO": "SONG"})]
    gold = [annotate("put on hello", {"hello": "SONG"}), annotate("put on dune", {"dune": "SONG"})]
    predicted = [gold[0], annotate("put on dune", {"on dune": "SONG"})]
    found = novelty_of(predicted, gold, train)
    assert counts(found["seen"]) == (1, 0, 0)
    assert counts(found["unseen"]) == (0, 1, 1)


def test_a_name_seen_with_another_label_is_new():
    train = [annotate("play boston", {"boston": "ARTIST"})]
    gold = [annotate("weather in boston", {"boston": "CITY"})]
    found = novelty_of(gold, gold, train)
    assert (found["seen"].tp, found["unseen"].tp) == (0, 1)


# Calibration


def scored(*items: tuple[float | None, bool]):
    """Make one text with a span for each (score, whether it is right)."""
    text = "la " * len(items)
    spans = [{"start": 3 * n, "end": 3 * n + 2, "label": "A"} for n in range(len(items))]
    predicted = [
        span if score is None else {**span, "score": score}
        for span, (score, _) in zip(spans, items, strict=True)
    ]
    gold = [span for span, (_, right) in zip(spans, items, strict=True) if right]
    rows = ([{"text": text, "spans": spans}] for spans in (predicted, gold))
    return align_rows(*rows, Problems())


def test_confidences_that_come_true_have_no_error():
    items = [(0.8, True)] * 4 + [(0.8, False)]
    found = calibration(scored(*items))
    assert found.expected_calibration_error == 0
    assert found.to_dict()["bins"] == [
        {"from": 0.8, "to": 0.9, "spans": 5, "confidence": 0.8, "accuracy": 0.8}
    ]


def test_the_error_is_the_mean_distance_weighted_by_spans():
    # Bin 0.9-1: confidence 0.95, accuracy 1/2, 2 spans. Bin 0.2-0.3: 0.25, 0, 1 span.
    found = calibration(scored((0.92, True), (0.98, False), (0.25, False)))
    assert found.expected_calibration_error == pytest.approx((2 * 0.45 + 0.25) / 3, abs=1e-4)
    assert [part.first for part in found.bins] == [0.2, 0.9]


def test_full_confidence_is_in_the_last_bin():
    (part,) = calibration(scored((1.0, True))).bins
    assert (part.first, part.last, part.accuracy) == (0.9, 1.0, 1.0)


def test_without_any_score_there_is_no_calibration():
    assert calibration(scored((None, True))) is None


@pytest.mark.parametrize("score", [-0.5, 1.5, 17, float("nan"), float("inf")])
def test_a_score_that_is_no_probability_is_left_out(score):
    assert calibration(scored((score, True))) is None
    assert calibration(scored((score, True), (0.5, False))).bins[0].spans == 1


@settings(max_examples=100, deadline=None)
@given(
    items=st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=20),
    bins=st.integers(1, 20),
)
def test_the_error_is_the_one_of_the_formula(items, bins):
    found = calibration(scored(*items), bins=bins)
    confidence, right = np.array(items, dtype=float).T
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    sums = [abs((right - confidence)[places == place].sum()) for place in range(bins)]
    assert found.expected_calibration_error == pytest.approx(sum(sums) / len(items), abs=1e-4)
    assert sum(part.spans for part in found.bins) == len(items)
