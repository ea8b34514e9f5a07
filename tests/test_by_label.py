"""Choosing exemplars that have candidates of the labels in question."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spacy_catalog_ner.exemplars import Candidate, Exemplar
from spacy_catalog_ner.exemplars.dynamic_exemplar_retriever import choose_by_label


def make_found(*labels: str) -> list[tuple[Exemplar, float]]:
    """Exemplars, best first; each string has a letter for the label of each candidate."""
    return [
        (
            Exemplar(
                f"text {n}",
                [Candidate(0, 4, "text", label) for label in letters],
                [],
            ),
            1 - n / 100,
        )
        for n, letters in enumerate(labels)
    ]


def choose(found, labels: str, k: int) -> list[int]:
    return [found.index(item) for item in choose_by_label(found, labels, k)]


def test_exemplars_without_the_labels_are_passed_over():
    assert choose(make_found("", "B", "A", "AB"), "A", 2) == [2, 3]


def test_a_frequent_label_leaves_places_to_a_rare_one():
    assert choose(make_found("A", "A", "A", "A", "B"), "AB", 3) == [0, 1, 4]


def test_an_exemplar_with_several_labels_is_chosen_once():
    assert choose(make_found("AB", "AB", "B"), "AB", 3) == [0, 1, 2]


def test_where_none_has_a_label_the_nearest_are_chosen():
    assert choose(make_found("B", "", "C"), "A", 2) == [0, 1]


@given(st.lists(st.text("ABC", max_size=3), max_size=8), st.text("ABC"), st.integers(0, 9))
def test_at_most_k_are_chosen_best_first(labels, wanted, k):
    numbers = choose(make_found(*labels), wanted, k)
    assert len(numbers) <= k
    assert numbers == sorted(set(numbers))
