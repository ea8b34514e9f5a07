"""Normal forms: what makes no difference between a name and a text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spacy_catalog_ner.catalog import Entry
from spacy_catalog_ner.catalog.normalization import (
    NORMALIZERS,
    get_normalizer,
    normalize,
    normalize_without_diacritics,
)
from spacy_catalog_ner.errors import CatalogNERError

CHARACTER = st.one_of(
    st.sampled_from(" \n\u00a0\u3000aAeE'`\u00b4\u2019\u1fef\u1ffd\u00a8-\u2013\u0301\u0327\u0345"),
    st.sampled_from("\u00df\u1e9e\u0130\u0131\u017f\ufb01\u03c2\u212b\u00f8\u0141\u1fb3\u01c4"),
    st.sampled_from("\u1100\u1161\u11a8\uac00\u0e01\u0e33\u304b\u3099\uff9e\u0915\u093c\u0f73"),
    st.characters(exclude_categories=("Cs",)),
)
TEXT = st.lists(CHARACTER, max_size=12).map("".join)  # st.text would draw all characters alike
both = pytest.mark.parametrize("name", NORMALIZERS)
many = settings(max_examples=300, deadline=None)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Guns N\u2019  ROSES", "guns n' roses"),
        ("\u2018\u201b\u02bc\u00b4`", "'''''"),
        ("Jay\u2013Z Jay\u2014Z Jay\u2212Z Spider\u2010Man", "jay-z jay-z jay-z spider-man"),
        ("Stra\u00dfe STRA\u1e9eE", "strasse strasse"),
        (
            "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2",
            "\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c3",
        ),
        ("\u0130stanbul", "i\u0307stanbul"),
        ("\ufb01nal \u00bd \uff21\uff22\uff22\uff21", "final 1\u20442 abba"),
        ("Beyonc\u00e9 beyonce\u0301", "beyonc\u00e9 beyonc\u00e9"),
        ("\u1112\u1161\u11ab", "\ud55c"),
        (" \t new\u00a0\u3000york\n", "new york"),
        (
            "\U0001f468\u200d\U0001f469\u200d\U0001f467",
            "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        ),
        ("", ""),
    ],
)
def test_case_compatibility_forms_apostrophes_dashes_and_spaces_are_folded(text, form):
    assert normalize(text) == form


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Sigur R\u00f3s", "sigur ros"),
        ("BEYONCE\u0301", "beyonce"),
        ("M\u00f8 \u0141\u00f3d\u017a \u0110or\u0111e", "mo lodz dorde"),
        ("\u0130stanbul Diyarbak\u0131r", "istanbul diyarbakir"),
        (
            "\u039a\u03b1\u03bb\u03b7\u03bc\u03ad\u03c1\u03b1",
            "\u03ba\u03b1\u03bb\u03b7\u03bc\u03b5\u03c1\u03b1",
        ),
        ("\u0939\u093f\u0928\u094d\u0926\u0940", "\u0939\u093f\u0928\u094d\u0926\u0940"),
        ("\u304c", "\u304c"),
        ("\u0e17\u0e35\u0e48", "\u0e17\u0e35\u0e48"),
        ("\ud55c", "\ud55c"),
    ],
)
def test_without_diacritics_accents_go_and_the_vowel_signs_of_other_scripts_stay(text, form):
    assert normalize_without_diacritics(text) == form


def test_an_accent_makes_a_difference_unless_diacritics_are_folded():
    assert normalize("beyonc\u00e9") != normalize("beyonce")
    assert normalize_without_diacritics("beyonc\u00e9") == normalize_without_diacritics("beyonce")


def test_an_unknown_normalization_says_which_there_are():
    with pytest.raises(CatalogNERError, match="'soundex'; there are nfkc-casefold, nfkc-case"):
        get_normalizer("soundex")


@both
@many
@given(text=TEXT)
@example(text="\u1fef")
@example(text="\u1ffd")
@example(text="a\u0315\u0300")
@example(text="\u0345\u0301")
@example(text="\u304b\u0327\u3099")
@example(text="\u1100\u0301\u1161")
def test_normalising_twice_changes_nothing(name, text):
    form = get_normalizer(name)(text)
    assert get_normalizer(name)(form) == form


@both
@many
@given(text=TEXT)
def test_texts_that_are_canonically_equivalent_have_one_normal_form(name, text):
    equivalent = [text, *(unicodedata.normalize(form, text) for form in ("NFC", "NFD"))]
    assert len(set(map(get_normalizer(name), equivalent))) == 1


@both
@many
@given(text=TEXT)
def test_a_normal_form_has_one_space_between_words_and_none_around(name, text):
    form = get_normalizer(name)(text)
    assert form == " ".join(form.split())


@many
@given(text=TEXT)
def test_folding_diacritics_goes_on_where_the_other_normal_form_ends(text):
    assert normalize_without_diacritics(normalize(text)) == normalize_without_diacritics(text)


@many
@given(text=st.text(st.characters(max_codepoint=127), max_size=12))
def test_the_short_way_for_ascii_gives_what_the_long_way_gives(text):
    assert f"{normalize(text)} \u4eac".strip() == normalize(f"{text} \u4eac")


@both
@many
@given(text=TEXT)
def test_every_name_that_an_entry_takes_has_a_normal_form(name, text):
    try:
        entry = Entry(text, "X")
    except CatalogNERError:
        return
    assert get_normalizer(name)(entry.text)
