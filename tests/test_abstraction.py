"""Abstraction: with its names put back, a pattern is the utterance that it was made from."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.generation.patterns.pattern import Rejected, Tags
from spacy_catalog_ner.generation.patterns.sources import PatternSources, abstract, choose_names
from spacy_catalog_ner.io.row import Row, RowSpan

TAGS = Tags({"ARTIST": "a singer", "SONG": "a song", "CITY": "a city"}, ["ARTIST", "SONG"])


def make_row(text: str, *names: tuple[str, str], **keys) -> Row:
    starts = [text.index(name) for name, _ in names]
    spans = [
        RowSpan(start, start + len(name), label)
        for start, (name, label) in zip(starts, names, strict=True)
    ]
    return Row(text, spans, keys)


def made_of(text: str, *names: tuple[str, str]) -> str:
    return abstract(make_row(text, *names), TAGS, "en").text


@st.composite
def annotated(draw):
    """A text with spans that may overlap, nest, be equal or be of white space."""
    text = draw(st.text(st.sampled_from("ab ñ\t,<>"), min_size=1, max_size=25))
    bounds = st.integers(0, len(text))
    pairs = draw(st.lists(st.tuples(bounds, bounds, st.sampled_from(["ARTIST", "song", "X"]))))
    return Row(text, [RowSpan(a, b, label) for a, b, label in pairs if a < b])


@given(annotated())
def test_putting_the_names_back_gives_the_text(row):
    try:
        pattern = abstract(row, TAGS, "en")
    except Rejected as reason:
        assert reason.kind == "placeholder in the text"
        return
    chosen = choose_names(row.text, row.spans, TAGS)
    if pattern is None:
        assert not chosen
        return
    names = [row.text[name.start : name.end] for name in chosen]
    assert pattern.labels == tuple(name.label for name in chosen)
    parts = [text for pair in zip(pattern.literals, [*names, ""], strict=True) for text in pair]
    assert "".join(parts).split() == row.text.split()


@given(annotated())
def test_no_name_overlaps_another_and_none_is_white_space(row):
    chosen = choose_names(row.text, row.spans, TAGS)
    for name in chosen:
        inside = row.text[name.start : name.end]
        assert inside == inside.strip() != ""
    assert all(one.end <= two.start for one, two in pairwise(chosen))


def test_every_name_gives_way_to_its_label():
    text = "play hello by adele, no, thriller"
    names = [("hello", "SONG"), ("adele", "ARTIST"), ("thriller", "SONG")]
    assert made_of(text, *names) == "play <SONG> by <ARTIST>, no, <SONG>"


def test_of_nested_names_the_longest_is_taken():
    text = "put on the ballad of john and yoko"
    names = [("john", "ARTIST"), ("the ballad of john and yoko", "SONG"), ("yoko", "ARTIST")]
    assert made_of(text, *names) == "put on <SONG>"


def test_of_two_labels_of_one_name_the_first_is_taken():
    assert made_of("play boston", ("boston", "ARTIST"), ("boston", "CITY")) == "play <ARTIST>"


def test_labels_are_written_as_they_are_defined():
    assert made_of("play adele", ("adele", "artist")) == "play <ARTIST>"


def test_a_name_with_an_unknown_label_stays():
    text = "play adele on friday"
    assert made_of(text, ("adele", "ARTIST"), ("friday", "DATE")) == "play <ARTIST> on friday"


def test_white_space_is_folded_and_that_of_a_span_stays_outside():
    assert made_of("play  adele \n now", (" adele ", "ARTIST")) == "play <ARTIST> now"


def test_a_pattern_remembers_where_it_comes_from():
    row = make_row("play adele", ("adele", "ARTIST"), cluster=4, lang="es")
    pattern = abstract(row, TAGS, "en")
    assert (pattern.source, pattern.seed, pattern.cluster) == ("abstracted", "play adele", 4)
    assert pattern.lang == "es"


@pytest.mark.parametrize("names", [[], [("play", "VERB")]])
def test_an_utterance_without_known_names_gives_no_pattern(names):
    assert abstract(make_row("play adele", *names), TAGS, "en") is None


def test_a_text_with_a_placeholder_of_its_own_is_rejected():
    text = "what does <b> mean in hello"
    with pytest.raises(Rejected, match="the text has <b>, which looks") as caught:
        made_of(text, ("hello", "SONG"))
    assert caught.value.kind == "placeholder in the text"


def test_a_broken_span_rejects_the_utterance_as_its_name_would_stay():
    row = {"text": "play adele", "spans": [{"start": 5, "end": 99, "label": "ARTIST"}]}
    with pytest.raises(Rejected, match="in a text of 10 characters") as caught:
        PatternSources(TAGS, "en", "en").add(row)
    assert caught.value.kind == "span out of range"


def test_a_label_that_is_no_placeholder_is_refused():
    with pytest.raises(CatalogNERError, match="label 'TV SHOW' cannot be written"):
        Tags({"TV SHOW": "a series"}, ["TV SHOW"])


def test_a_catalog_of_other_labels_is_refused():
    with pytest.raises(CatalogNERError, match="names for none of the labels ARTIST; it has DISH"):
        Tags({"ARTIST": "a singer"}, ["DISH"])


def test_a_label_that_differs_in_case_only_is_found_as_written():
    tags = Tags({"Song": "one", "SONG": "another"}, ["Song", "SONG"])
    assert [tags.find(label) for label in ("Song", "SONG", "song")] == ["Song", "SONG", "Song"]
