"""Hashes of the stretches of a text, and the bit table that says which of them may be names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_catalog_ner.catalog import fingerprints
from spacy_catalog_ner.catalog.fingerprints import (
    BASE,
    build_filter,
    hash_forms,
    hash_stretches,
    in_filter,
)

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
many = settings(max_examples=200, deadline=None)


def points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)


def test_the_hash_of_a_form_is_the_sum_that_is_documented():
    assert hash_forms(["", "a", "ab"]).tolist() == [0, 98, (98 + 99 * BASE) % 2**64]


@many
@given(text=TEXT, cut=st.tuples(st.integers(0, 60), st.integers(0, 60)))
def test_the_hash_of_a_stretch_is_that_of_the_form_it_reads_like(text, cut):
    start, end = sorted(min(offset, len(text)) for offset in cut)
    found = hash_stretches(points(text), np.array([start]), np.array([end]))
    assert found.tolist() == hash_forms([text[start:end]]).tolist()


@many
@given(texts=st.lists(TEXT, max_size=8))
def test_forms_are_hashed_together_as_they_are_alone(texts):
    assert hash_forms(texts).tolist() == [int(hash_forms([text])[0]) for text in texts]


def test_more_forms_than_are_hashed_at_once_are_hashed_alike(monkeypatch):
    forms = ["", "a", "", "\U0001f3b5b", "new york", ""]
    expected = hash_forms(forms).tolist()
    monkeypatch.setattr(fingerprints, "_CHUNK", 2)
    assert hash_forms(forms).tolist() == expected


@pytest.mark.parametrize("length", [4095, 4096, 4097, 20_000])
def test_a_stretch_far_into_a_long_text_has_the_hash_of_its_form(length):
    text = "ab" * (length // 2) + "new york"
    whole = np.array([0, len(text)])
    assert hash_stretches(points(text), whole[:1], whole[1:]) == hash_forms([text])
    found = hash_stretches(points(text), np.array([len(text) - 8]), np.array([len(text)]))
    assert found.tolist() == hash_forms(["new york"]).tolist()


@many
@given(texts=st.lists(TEXT))
def test_what_is_in_a_filter_is_always_found_in_it(texts):
    hashes = hash_forms(texts)
    assert in_filter(build_filter(hashes), hashes).all()


def test_hardly_anything_that_is_not_in_a_filter_is_found_in_it():
    table = build_filter(hash_forms([f"name {number}" for number in range(10_000)]))
    others = hash_forms([f"word {number}" for number in range(10_000)])
    assert in_filter(table, others).mean() < 0.01


def test_an_empty_filter_has_nothing_in_it():
    table = build_filter(hash_forms([]))
    assert not in_filter(table, hash_forms(["", "a", "new york"])).any()


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 1000])
def test_a_filter_is_a_power_of_two_long(count):
    assert len(build_filter(hash_forms([str(n) for n in range(count)]))).bit_count() == 1
