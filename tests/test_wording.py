"""Articles, contractions and conjunctions before names, and the spoken form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_catalog_ner.wording.english import starts_with_vowel_sound
from spacy_catalog_ner.wording.spoken_form import spells_numbers, spoken_form, spoken_literal
from spacy_catalog_ner.wording.wording import Wording

needs_num2words = pytest.mark.skipif(not spells_numbers("en"), reason="num2words is not there")


def words_before(name: str, literal: str, lang: str) -> str:
    return Wording(lang).literals((literal, ""), [name], "written")[0]


# English


@pytest.mark.parametrize(
    "name",
    [
        "Adele", "hour", "Honest Thief", "Heir Apparent", "8 Mile", "11", "18 Wheeler", "FBI",
        "NBA", "HBO Max", "R.E.M.", "X-Men", "R&B", "Uber", "Unforgiven", "Ólafur Arnalds",
        "M83", "¡Adiós!", "UNO", "Yves Tumor",
    ],
)  # fmt: skip
def test_an_goes_before_a_vowel_sound(name):
    assert starts_with_vowel_sound(name)


@pytest.mark.parametrize(
    "name",
    [
        "Queen", "University Challenge", "One Direction", "OneRepublic", "Europe", "U2", "UFO",
        "USA", "NASA", "Utah", "Ukraine", "United", "YouTube", "YMCA", "Honolulu", "110", "7",
        "Hotel California", "BBC", "東京",
    ],
)  # fmt: skip
def test_a_goes_before_a_consonant_sound(name):
    assert not starts_with_vowel_sound(name)


@pytest.mark.parametrize(
    ("literal", "name", "expected"),
    [
        ("play a ", "Adele", "play an "),
        ("play an ", "Queen", "play a "),
        ("An ", "Queen", "A "),
        ("like a really good ", "Adele", "like a really good "),
        ("la ", "Adele", "la "),
    ],
)
def test_a_and_an_follow_the_name(literal, name, expected):
    assert words_before(name, literal, "en") == expected


@pytest.mark.parametrize(
    ("literal", "name", "expected"),
    [
        ("play the ", "The Beatles", "play "),
        ("play a ", "A Star Is Born", "play "),
        ("The ", "The Who", ""),
        ("play the ", "Thermals", "play the "),
        ("bathe ", "The Who", "bathe "),
    ],
)
def test_of_two_articles_that_of_the_pattern_goes(literal, name, expected):
    assert words_before(name, literal, "en") == expected


# Spanish


@pytest.mark.parametrize(
    ("literal", "name", "expected"),
    [
        ("una reseña de el ", "Quijote", "una reseña del "),
        ("vamos a el ", "Prado", "vamos al "),
        ("una reseña del ", "El principito", "una reseña de "),
        ("una reseña de el ", "El principito", "una reseña de "),
        ("vamos al ", "El Cairo", "vamos a "),
        ("dile a él ", "Prado", "dile a él "),
    ],
)
def test_prepositions_contract_but_not_with_the_article_of_a_name(literal, name, expected):
    assert words_before(name, literal, "es") == expected


@pytest.mark.parametrize(
    ("literal", "name", "expected"),
    [
        ("lee el ", "El principito", "lee "),
        ("pon la ", "La La Land", "pon "),
        ("algo de los ", "The Beatles", "algo de "),
        ("pon la ", "Laguna", "pon la "),
    ],
)
def test_of_two_spanish_articles_that_of_the_pattern_goes(literal, name, expected):
    assert words_before(name, literal, "es") == expected


@pytest.mark.parametrize(
    ("literal", "name", "expected"),
    [
        ("Adele y ", "Imagine Dragons", "Adele e "),
        ("padre y ", "Hijo de la luna", "padre e "),
        ("agua y ", "hielo", "agua y "),
        ("Metallica y ", "Iron Maiden", "Metallica y "),
        ("¿Y ", "Inés", "¿Y "),
        ("hola, ¿y ", "Inés", "hola, ¿y "),
        ("Blur o ", "Oasis", "Blur u "),
        ("siete o ", "8", "siete u "),
        ("Queen o ", "One Direction", "Queen o "),
        ("Queen o ", "Blur", "Queen o "),
    ],
)
def test_y_and_o_change_before_their_own_sound(literal, name, expected):
    assert words_before(name, literal, "es") == expected


def test_a_conjunction_between_two_names_follows_the_second():
    literals = Wording("es").literals(("pon ", " y ", ""), ["Adele", "Iggy Pop"], "written")
    assert literals == ["pon ", " e ", ""]


def test_a_language_without_rules_stays_as_it_is():
    assert words_before("El Cairo", "an el ", "de") == "an el "


# Spoken form


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Hey, play something!", "hey play something"),
        ("AC/DC", "ac dc"),
        ("S.W.A.T.", "swat"),
        ("Guns N\u2019 Roses", "guns n roses"),
        ("don't stop", "don't stop"),
        ("P!nk", "pink"),
        ("A$AP Rocky", "asap rocky"),
        ("Simon & Garfunkel", "simon and garfunkel"),
        ("U2", "u2"),
        ("Beyoncé", "beyoncé"),
        ("हिन्दी", "हिन्दी"),
    ],
)
def test_the_spoken_form_has_no_capitals_and_no_punctuation(written, spoken):
    assert spoken_form(written, "en") == spoken


@needs_num2words
@pytest.mark.parametrize(
    ("written", "lang", "spoken"),
    [
        ("Maroon 5", "en", "maroon five"),
        ("1984", "en", "nineteen eighty four"),
        ("Web 2.0", "en", "web two point zero"),
        ("Los 40", "es", "los cuarenta"),
        ("10,000 Maniacs", "en", "10000 maniacs"),
    ],
)
def test_numbers_are_spelled_out(written, lang, spoken):
    assert spoken_form(written, lang) == spoken


@pytest.mark.parametrize(
    ("literal", "first", "last", "spoken"),
    [
        ("Hey, play ", True, False, "hey play "),
        ("'s, please!", False, True, "'s please"),
        (" & ", False, False, " and "),
        ("¿", True, False, ""),
        ("?", False, True, ""),
    ],
)
def test_space_and_apostrophes_at_a_name_stay(literal, first, last, spoken):
    assert spoken_literal(literal, "en", first=first, last=last) == spoken


@given(st.text(), st.sampled_from(["en", "es", "de"]))
def test_the_spoken_form_of_a_spoken_form_is_itself(text, lang):
    spoken = spoken_form(text, lang)
    assert spoken_form(spoken, lang) == spoken
