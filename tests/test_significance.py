"""Whether the difference between two systems could be chance."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.evaluation import Pair, compare_systems
from spacy_catalog_ner.io.row import Row, RowSpan

NAME, OTHER = RowSpan(0, 4, "NAME"), RowSpan(5, 8, "NAME")


def pairs(*answers: list[RowSpan], gold: tuple[RowSpan, ...] = (NAME,)) -> list[Pair]:
    texts = [f"text {number}" for number in range(1, len(answers) + 1)]
    return [
        Pair(text, Row(text, spans), Row(text, list(gold)))
        for text, spans in zip(texts, answers, strict=True)
    ]


def random_pairs(texts: int, seed: int, right: float = 0.7) -> list[Pair]:
    random = np.random.default_rng(seed)
    return pairs(
        *[
            [NAME] * bool(random.random() < right) + [OTHER] * bool(random.random() < 0.2)
            for _ in range(texts)
        ]
    )


def test_a_system_does_not_differ_from_itself():
    system = random_pairs(50, 0)
    assert compare_systems(system, system).p_value == 1


def test_the_figures_are_the_f1_of_both_and_a_minus_b():
    result = compare_systems(pairs([NAME], [NAME]), pairs([NAME], []))
    assert result.f1_a == 1
    assert result.f1_b == 0.6667
    assert result.difference == 0.3333


def test_a_better_system_on_many_texts_is_no_chance():
    result = compare_systems(random_pairs(500, 0, right=0.9), random_pairs(500, 1, right=0.6))
    assert result.difference > 0
    assert result.p_value == 0.0001


def test_a_better_answer_to_one_text_may_be_chance():
    worse = pairs(*[[NAME]] * 9, [])
    assert compare_systems(pairs(*[[NAME]] * 10), worse).p_value == 1


def test_the_other_way_round_the_difference_changes_its_sign_only():
    a, b = random_pairs(200, 0, right=0.75), random_pairs(200, 1)
    one, other = compare_systems(a, b), compare_systems(b, a)
    assert one.difference == -other.difference
    assert one.p_value == pytest.approx(other.p_value, abs=0.02)


def test_the_same_seed_gives_the_same_p_value():
    a, b = random_pairs(100, 0), random_pairs(100, 1)
    one, same, other = (compare_systems(a, b, seed=seed).p_value for seed in (1, 1, 2))
    assert one == same != other


def test_the_p_value_is_that_of_all_ways_to_exchange_answers():
    a, b = random_pairs(10, 3, right=0.8), random_pairs(10, 5, right=0.6)

    def difference(exchange: tuple[bool, ...]) -> float:
        f1 = []
        for side in (0, 1):
            answers = zip(exchange, a, b, strict=True)
            system = [both[side ^ exchanged] for exchanged, *both in answers]
            sets = [[{span.key for span in row.spans} for row in pair[1:]] for pair in system]
            right = sum(len(found & gold) for found, gold in sets)
            f1.append(2 * right / sum(len(found) + len(gold) for found, gold in sets))
        return abs(f1[0] - f1[1])

    observed = difference((False,) * 10)
    extreme = [difference(way) >= observed - 1e-12 for way in product((False, True), repeat=10)]
    assert 0.05 < np.mean(extreme) < 0.9
    assert compare_systems(a, b).p_value == pytest.approx(np.mean(extreme), abs=0.02)


def test_systems_that_do_not_differ_rarely_seem_to():
    values = [
        compare_systems(random_pairs(60, seed), random_pairs(60, 1000 + seed), rounds=400).p_value
        for seed in range(100)
    ]
    assert np.mean(np.array(values) <= 0.05) <= 0.1
    assert 0.35 <= np.mean(values) <= 0.65


def test_systems_on_other_texts_cannot_be_compared():
    with pytest.raises(CatalogNERError, match="the same gold rows only, got 2 and 1"):
        compare_systems(pairs([], []), pairs([]))
    with pytest.raises(
        CatalogNERError, match=r"text 1 \('text 1'\) and text 1 \('text 1'\) differ"
    ):
        compare_systems(pairs([]), pairs([], gold=(OTHER,)))


def test_texts_without_any_span_do_not_differ():
    empty = pairs([], [], gold=())
    expected = {"f1_a": 0, "f1_b": 0, "difference": 0, "p_value": 1}
    assert compare_systems(empty, empty).to_dict() == expected
