"""What holds of the matcher for any text and any names."""

from __future__ import annotations

import tempfile

import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc

from spacy_catalog_ner.catalog import Entry, compile_catalog
from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.components import CatalogMatcher
from spacy_catalog_ner.errors import CatalogNERError

NLP = spacy.blank("en")

UNICODE = st.characters(exclude_categories=("Cs",))
TRICKY = st.one_of(
    st.sampled_from(["a", "A", "b", " ", "  ", "\n", "-", "'", ".", "!", "/", "1", "\0"]),
    st.sampled_from("\u00df\u0130\u017f\ufb01\u00bd\u2019\u2013\u00b4\u00a8\u00a0\u200b"),
    st.sampled_from("\u0301\u0345\u00e9\u6771\u0e33\u1e9e\u03c2\u2126\U0001f3b5"),
)
WORD = st.sampled_from(["new", "York", "city", "NEW", "n'", "don't", "u.s.", "jay-z", "'s", "ab"])
PIECE = st.one_of(TRICKY, TRICKY, WORD, UNICODE)
TEXT = st.lists(st.one_of(PIECE, st.just(" ")), max_size=25).map("".join)


def is_name(text: str) -> bool:
    try:
        Entry.from_row({"text": text, "label": "X"})
    except CatalogNERError:
        return False
    return True


NAME = st.lists(PIECE, min_size=1, max_size=6).map("".join).filter(is_name)


@st.composite
def texts_and_entries(draw) -> tuple[str, list[Entry]]:
    """Draw a text and entries; some of the names are cut out of the text."""
    text = draw(TEXT)
    names = draw(st.lists(NAME, max_size=4))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text)))
        part = text[start : start + draw(st.integers(1, 12))]
        names += [form for form in (part, part.upper(), part.swapcase()) if is_name(form)]
    labels = st.sampled_from(["SONG", "CITY"])
    entries = [
        Entry.from_row(
            {"text": name, "label": draw(labels), "id": draw(st.sampled_from(["", "1", "2"]))}
        )
        for name in names or ["york"]
    ]
    return text, entries


def normal_form(doc: Doc, start: int, end: int) -> str:
    """Normalise token by token, joined by a space where the text has white space."""
    form = ""
    gap = False
    for token in doc[start:end]:
        part = normalize(token.text)
        if part:
            form += " " + part if gap and form else part
            gap = False
        gap = gap or bool(token.whitespace_) or token.is_space
    return form


def naive_matches(doc: Doc, entries: list[Entry]) -> set[tuple[int, int, str, str]]:
    """Compare every span of tokens with every surface form of every entry."""
    has_form = [bool(normalize(token.text)) for token in doc]
    return {
        (start, end, entry.label, entry.id)
        for start in range(len(doc))
        for end in range(start + 1, len(doc) + 1)
        if has_form[start] and has_form[end - 1]
        for form in [normal_form(doc, start, end)]
        for entry in entries
        if form in entry.surface_forms()
    }


def matches(doc: Doc) -> set[tuple[int, int, str, str]]:
    return {(s.start, s.end, s.label_, s.kb_id_) for s in doc.spans["candidates"]}


def added(entries: list[Entry]) -> CatalogMatcher:
    matcher = CatalogMatcher()
    matcher.add_entries(entries)
    return matcher


def compiled(entries: list[Entry]) -> CatalogMatcher:
    with tempfile.TemporaryDirectory() as folder:
        catalog = compile_catalog(entries, f"{folder}/c")
        matcher = CatalogMatcher(catalog=catalog.path)
        assert matcher.catalog is not None  # mapped now: the files may go
    return matcher


def half_and_half(entries: list[Entry]) -> CatalogMatcher:
    matcher = compiled(entries[::2])
    matcher.add_entries(entries[1::2])
    return matcher


ways = pytest.mark.parametrize("make", [added, compiled, half_and_half])
many = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@ways
@many
@given(drawn=texts_and_entries())
def test_the_matcher_finds_what_a_comparison_of_all_spans_finds_and_nothing_else(make, drawn):
    text, entries = drawn
    doc = make(entries)(NLP.make_doc(text))
    assert matches(doc) == naive_matches(doc, entries)


@ways
@many
@given(drawn=texts_and_entries())
def test_every_candidate_reads_like_a_surface_form_of_its_entry(make, drawn):
    text, entries = drawn
    doc = make(entries)(NLP.make_doc(text))
    for span in doc.spans["candidates"]:
        forms = {
            form
            for entry in entries
            if (entry.label, entry.id) == (span.label_, span.kb_id_)
            for form in entry.surface_forms()
        }
        assert normal_form(doc, span.start, span.end) in forms


@many
@given(drawn=texts_and_entries())
def test_candidates_lie_on_token_boundaries_and_none_comes_twice(drawn):
    text, entries = drawn
    doc = added(entries)(NLP.make_doc(text))
    starts = {token.idx for token in doc}
    ends = {token.idx + len(token) for token in doc}
    for span in doc.spans["candidates"]:
        assert span.start_char in starts
        assert span.end_char in ends
        assert doc.text[span.start_char : span.end_char] == span.text
    assert len(matches(doc)) == len(doc.spans["candidates"])


@many
@given(drawn=texts_and_entries())
def test_compiled_and_added_entries_give_the_same_candidates(drawn):
    text, entries = drawn
    one, two = added(entries)(NLP.make_doc(text)), compiled(entries)(NLP.make_doc(text))
    assert matches(one) == matches(two)


@many
@given(text=TEXT)
def test_normalising_twice_changes_nothing(text):
    assert normalize(normalize(text)) == normalize(text)


@many
@given(name=NAME)
def test_every_name_that_an_entry_takes_has_a_normal_form(name):
    assert normalize(Entry.from_row({"text": name, "label": "X"}).text)


@many
@given(entries=st.lists(NAME, min_size=1, max_size=5))
def test_every_name_is_looked_up_under_itself(entries):
    with tempfile.TemporaryDirectory() as folder:
        catalog = compile_catalog([Entry(name, "X", name) for name in entries], f"{folder}/c")
        for name in entries:
            assert name in {entry.text for entry in catalog.lookup(name)}
