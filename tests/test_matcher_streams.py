"""`catalog_matcher` under ``nlp.pipe``: streams, batches, memory zones."""

from __future__ import annotations

import random

import pytest
import spacy
from matching import EXPECTED, blank, candidates, name, texts
from spacy.language import Language

from spacy_catalog_ner.catalog import Entry, compile_catalog
from spacy_catalog_ner.matching import catalog_matcher
from spacy_catalog_ner.matching.catalog_matcher import CatalogMatcher

WORDS = ["hello", "Boston", "the", "weeknd", "DUNE", "up", "blinding", "lights", ",", "arrival"]


@pytest.fixture
def nlp(mini_catalog) -> Language:
    nlp = blank()
    nlp.add_pipe("catalog_matcher", config={"catalog": str(mini_catalog)})
    nlp.get_pipe("catalog_matcher").add_entries([name("Arrival", "MOVIE")])
    return nlp


def some_texts(count: int) -> list[str]:
    """Make texts of up to thirty words, some of them empty or blank."""
    rng = random.Random(0)
    made = [" ".join(rng.choices(WORDS, k=rng.randint(0, 30))) for _ in range(count)]
    return [text if number % 7 else " \n" * (number % 2) for number, text in enumerate(made)]


def test_an_empty_stream_gives_nothing(nlp):
    assert list(nlp.pipe([])) == []


@pytest.mark.parametrize("batch_size", [1, 64])
def test_a_stream_gives_what_the_texts_give_one_by_one(nlp, batch_size):
    stream = some_texts(300)
    docs = nlp.pipe(stream, batch_size=batch_size)
    assert [candidates(doc) for doc in docs] == [candidates(nlp(text)) for text in stream]


def test_very_long_documents_in_a_stream_give_what_they_give_alone(nlp):
    rng = random.Random(0)
    long = " ".join(rng.choices(WORDS, k=20_000))
    stream = ["Dune", long, "", long[::-1], "Hello Boston", long]
    found = [candidates(doc) for doc in nlp.pipe(stream)]
    assert found == [candidates(nlp(text)) for text in stream]
    assert len(found[1]) > 5_000


def test_a_name_never_reaches_from_one_document_into_the_next(nlp):
    stream = ["blinding", "lights", "the", "weeknd"]
    assert [texts(doc) for doc in nlp.pipe(stream)] == [[], [], [], ["weeknd"]]


def test_a_change_in_the_middle_of_a_stream_shows_in_the_documents_that_follow(nlp):
    matcher = nlp.get_pipe("catalog_matcher")
    docs = matcher.pipe(nlp.make_doc("tenet") for _ in range(500))
    assert texts(next(docs)) == []
    matcher.add_entries([name("Tenet")])
    *_, last = docs
    assert texts(last) == ["tenet"]


def test_documents_of_several_vocabs_may_come_in_one_stream(nlp):
    matcher = nlp.get_pipe("catalog_matcher")
    others = [spacy.blank("en"), spacy.blank("es"), spacy.blank("en")]
    stream = [other.make_doc("Hello Boston") for other in [*others, *others]]
    for doc in list(matcher.pipe(iter(stream))):
        assert candidates(doc) == EXPECTED


@pytest.mark.parametrize("text", ["", " ", "\n\t ", "\u00a0", "...", "?!"])
def test_a_document_without_words_has_no_candidates_in_a_stream(nlp, text):
    docs = list(nlp.pipe([text, "Adele", text]))
    assert [texts(doc) for doc in docs] == [[], ["Adele"], []]
    assert docs[0]._.catalog_ner == {"candidates": 0}


class Broken(dict):
    """User data that cannot be read."""

    def get(self, key, default=None):
        raise OSError("user data cannot be read")


def test_a_broken_document_goes_to_the_error_handler_and_the_others_go_on(nlp):
    matcher = nlp.get_pipe("catalog_matcher")
    handled = []
    matcher.set_error_handler(lambda name, pipe, docs, err: handled.append((name, docs, str(err))))
    stream = [nlp.make_doc(text) for text in ("Adele", "Dune", "Hello", "Drake")]
    stream[1].user_data = Broken()
    docs = list(matcher.pipe(iter(stream)))
    assert docs == [stream[0], stream[2], stream[3]]
    assert [texts(doc) for doc in docs] == [["Adele"], ["Hello"], ["Drake"]]
    assert handled == [("catalog_matcher", [stream[1]], "user data cannot be read")]


def test_a_broken_document_ends_the_stream_where_no_error_handler_is_set(nlp):
    matcher = nlp.get_pipe("catalog_matcher")
    stream = [nlp.make_doc(text) for text in ("Adele", "Dune")]
    stream[1].user_data = Broken()
    docs = matcher.pipe(iter(stream))
    assert texts(next(docs)) == ["Adele"]
    with pytest.raises(OSError, match="cannot be read"):
        next(docs)


def test_labels_and_ids_are_right_in_one_memory_zone_after_another(mini_catalog):
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher", config={"catalog": str(mini_catalog)})
    for text, label, identifier in (
        ("Hello", "SONG", "song/hello"),
        ("Hello", "SONG", "song/hello"),
        ("Paris", "CITY", "city/paris"),
    ):
        with nlp.memory_zone():
            assert candidates(nlp(text)) == [(text, label, identifier)]
            assert [candidates(doc) for doc in nlp.pipe(["Hello Boston"])] == [EXPECTED]
    assert candidates(nlp("Hello Boston")) == EXPECTED


def test_what_was_seen_before_a_memory_zone_is_right_within_it_and_after_it(mini_catalog):
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher", config={"catalog": str(mini_catalog)})
    assert candidates(nlp("Hello Boston")) == EXPECTED
    with nlp.memory_zone():
        assert candidates(nlp("Hello Boston")) == EXPECTED
        assert texts(nlp("Adele unheardof")) == ["Adele"]
    assert candidates(nlp("Hello Boston")) == EXPECTED
    assert candidates(nlp("Adele")) == [("Adele", "ARTIST", "artist/adele")]


def test_tokens_that_are_forgotten_when_there_are_too_many_are_learned_again(nlp, monkeypatch):
    monkeypatch.setattr(catalog_matcher, "_MAX_FORMS", 20)
    for number in range(30):
        assert texts(nlp(f"word{number} Adele and another{number} arrival")) == ["Adele", "arrival"]


@pytest.mark.parametrize("length", [31, 32, 33, 34, 64, 65, 300, 1000])
@pytest.mark.parametrize("added", [False, True])
def test_a_long_name_is_found_anywhere_in_a_long_text(tmp_path, length, added):
    words = ("a bc def ghij " * 100)[: length - 2].rstrip()
    entries = [Entry(f"{words}{'x' * (length - len(words))}", "X"), Entry("short", "X")]
    assert len(entries[0].text) == length
    matcher = CatalogMatcher()
    if added:
        matcher.add_entries(entries)
    else:
        matcher.reload(compile_catalog(entries, tmp_path / "c").path)
    name = entries[0].text
    nlp = blank()
    for text in (name, f"{name} b", f"b {name}", f"{'b ' * 2000}{name}{' b' * 2000}", f"a {name}"):
        assert texts(matcher(nlp.make_doc(text))) == [name]
    for text in (name[:-1], name[1:], f"{name}x", name.replace("x", "y")):
        assert texts(matcher(nlp.make_doc(text))) == []
    docs = matcher.pipe(nlp.make_doc(text) for text in ("b", name, name[:-1], f"b {name}"))
    assert [texts(doc) for doc in docs] == [[], [name], [], [name]]
