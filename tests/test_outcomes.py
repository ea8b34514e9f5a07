"""What became of each span: right, or one of five kinds of error."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_catalog_ner.evaluation import Pair, compare
from spacy_catalog_ner.evaluation.outcomes import KINDS, count_confusion, pair_overlapping
from spacy_catalog_ner.io.row import Row, RowSpan

Key = tuple[int, int, str]


def pair(predicted: list[Key], gold: list[Key]) -> Pair:
    def row(keys: list[Key]) -> Row:
        return Row("x" * 40, [RowSpan(*key) for key in keys])

    return Pair("row", row(predicted), row(gold))


def outcomes(predicted: list[Key], gold: list[Key]) -> list[tuple[str, Key | None, Key | None]]:
    return [
        (outcome.kind, *(span and span.key for span in outcome[2:]))
        for outcome in compare([pair(predicted, gold)])
    ]


# Kinds


@pytest.mark.parametrize(
    ("predicted", "gold", "kind"),
    [
        ((0, 8, "CITY"), (0, 8, "CITY"), "right"),
        ((0, 8, "SONG"), (0, 8, "CITY"), "type"),
        ((0, 13, "CITY"), (0, 8, "CITY"), "boundary"),
        ((4, 13, "SONG"), (0, 8, "CITY"), "type and boundary"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_span_that_touches_gold_is_right_or_wrong_in_a_way(predicted, gold, kind):
    assert outcomes([predicted], [gold]) == [(kind, gold, predicted)]


def test_spans_that_share_no_character_are_missed_and_spurious():
    gold, predicted = (0, 8, "CITY"), (8, 13, "CITY")
    assert outcomes([predicted], [gold]) == [("missed", gold, None), ("spurious", None, predicted)]


def test_a_second_label_on_right_boundaries_is_spurious():
    city, song = (0, 8, "CITY"), (0, 8, "SONG")
    assert outcomes([city, song], [city]) == [("right", city, city), ("spurious", None, song)]


def test_each_text_has_its_own_spans():
    city = (0, 8, "CITY")
    found = compare([pair([city], []), pair([], [city])])
    assert [(outcome.pair, outcome.kind) for outcome in found] == [(0, "spurious"), (1, "missed")]


def test_the_spans_are_those_of_the_rows():
    rows = pair([(0, 8, "CITY")], [(0, 8, "CITY")])
    (outcome,) = compare([rows])
    assert outcome.gold is rows.gold.spans[0]
    assert outcome.predicted is rows.predicted.spans[0]


# Which is paired with which


def test_the_same_boundaries_come_before_the_same_label():
    gold = [(0, 8, "CITY")]
    assert outcomes([(0, 7, "CITY"), (0, 8, "SONG")], gold) == [
        ("type", (0, 8, "CITY"), (0, 8, "SONG")),
        ("spurious", None, (0, 7, "CITY")),
    ]


def test_the_same_label_comes_before_the_larger_overlap():
    gold = [(0, 8, "CITY")]
    assert outcomes([(0, 2, "CITY"), (0, 9, "SONG")], gold) == [
        ("boundary", (0, 8, "CITY"), (0, 2, "CITY")),
        ("spurious", None, (0, 9, "SONG")),
    ]


def test_the_larger_overlap_comes_first():
    gold = [(0, 8, "CITY"), (9, 13, "CITY")]
    assert outcomes([(6, 13, "CITY")], gold) == [
        ("boundary", (9, 13, "CITY"), (6, 13, "CITY")),
        ("missed", (0, 8, "CITY"), None),
    ]


def test_equal_overlaps_are_paired_from_left_to_right():
    gold = [(4, 6, "CITY"), (0, 2, "CITY")]
    assert outcomes([(0, 6, "CITY")], gold) == [
        ("boundary", (0, 2, "CITY"), (0, 6, "CITY")),
        ("missed", (4, 6, "CITY"), None),
    ]


KEYS = st.tuples(st.integers(0, 20), st.integers(1, 8), st.sampled_from("ABC")).map(
    lambda span: (span[0], span[0] + span[1], span[2])
)
SIDE = st.lists(KEYS, unique=True, max_size=10)


@settings(max_examples=200, deadline=None)
@given(predicted=SIDE, gold=SIDE, seed=st.integers(0, 9))
def test_the_order_of_the_spans_changes_nothing(predicted, gold, seed):
    shuffled = [random.Random(seed).sample(side, len(side)) for side in (predicted, gold)]
    assert Counter(outcomes(*shuffled)) == Counter(outcomes(predicted, gold))


@settings(max_examples=200, deadline=None)
@given(predicted=SIDE, gold=SIDE)
def test_every_span_has_one_outcome_and_its_kind_holds(predicted, gold):
    found = outcomes(predicted, gold)
    assert Counter(one for _, one, _ in found if one) == Counter(gold)
    assert Counter(other for *_, other in found if other) == Counter(predicted)
    right = set(gold) & set(predicted)
    assert {one for kind, one, _ in found if kind == "right"} == right
    for kind, one, other in found:
        if one and other:
            assert max(one[0], other[0]) < min(one[1], other[1])
            assert (
                kind
                == {
                    (True, True): "right",
                    (True, False): "type",
                    (False, True): "boundary",
                    (False, False): "type and boundary",
                }[one[:2] == other[:2], one[2] == other[2]]
            )
    left = [[key for k, *keys in found if k == kind for key in keys if key] for kind in KINDS[3:]]
    assert not any(max(a[0], b[0]) < min(a[1], b[1]) for a in left[0] for b in left[1])


@settings(max_examples=200, deadline=None)
@given(predicted=SIDE, gold=SIDE)
def test_spans_are_paired_as_if_every_two_were_looked_at(predicted, gold):
    # `compare` takes out equal spans before
    gold, predicted = set(gold) - set(predicted), set(predicted) - set(gold)

    def rank(link: tuple[Key, Key]) -> tuple:
        one, other = link
        shared = min(one[1], other[1]) - max(one[0], other[0])
        return one[:2] != other[:2], one[2] != other[2], -shared, one, other

    expected: list[tuple[Key, Key]] = []
    links = [(a, b) for a in gold for b in predicted if max(a[0], b[0]) < min(a[1], b[1])]
    for link in sorted(links, key=rank):
        if all(link[0] != one and link[1] != other for one, other in expected):
            expected.append(link)
    assert sorted(pair_overlapping(gold, predicted)) == sorted(expected)


# Confusion


def test_the_confusion_of_labels_counts_missed_and_spurious_at_the_edges():
    predicted = [(0, 8, "CITY"), (10, 12, "SONG"), (20, 24, "SONG"), (30, 31, "BOOK")]
    gold = [(0, 8, "CITY"), (10, 12, "CITY"), (20, 22, "SONG"), (35, 36, "CITY")]
    assert count_confusion(compare([pair(predicted, gold)])).to_dict() == {
        "labels": ["BOOK", "CITY", "SONG"],
        "counts": [
            # BOOK CITY SONG missed
            [0, 0, 0, 0],
            [0, 1, 1, 1],
            [0, 0, 1, 0],
            [1, 0, 0, 0],  # spurious
        ],
    }


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(st.tuples(SIDE, SIDE), max_size=4))
def test_the_confusion_adds_up_to_gold_and_predictions(texts):
    matrix = count_confusion(compare([pair(*sides) for sides in texts]))
    for position, label in enumerate(matrix.labels):
        in_gold = sum(key[2] == label for _, gold in texts for key in gold)
        in_predicted = sum(key[2] == label for predicted, _ in texts for key in predicted)
        assert sum(matrix.counts[position]) == in_gold
        assert sum(row[position] for row in matrix.counts) == in_predicted
