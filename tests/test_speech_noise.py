"""Hesitations, repeated words and missing punctuation."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.generation.population.population import join
from spacy_catalog_ner.generation.population.speech_noise import (
    HESITATION,
    NO_PUNCTUATION,
    REPETITION,
    SpeechNoise,
)

EVERYTHING = SpeechNoise("en", 1.0)


def add_noise(literals: list[str], seed: int = 0, lang: str = "en") -> tuple[list[str], list[str]]:
    return SpeechNoise(lang, 1.0)(literals, random.Random(seed))


def test_without_noise_everything_stays():
    literals = ["play, the ", "!"]
    assert SpeechNoise("en", 0.0)(literals, random.Random(0)) == (literals, [])


def test_function_words_are_repeated():
    assert add_noise(["Play the", ""])[1] == [HESITATION]  # no space after "the"
    made, applied = add_noise(["the ", ""])
    assert REPETITION in applied
    assert made[0].replace("uh ", "").replace("um ", "").replace("er ", "") == "the the "


@pytest.mark.parametrize(("lang", "words"), [("en", {"uh", "um", "er"}), ("es", {"eh", "este"})])
def test_hesitations_are_of_the_language(lang, words):
    found = {add_noise(["x", ""], 0, lang)[0][0].split()[0] for _ in range(1)}
    found |= {add_noise(["x", ""], seed, lang)[0][0].split()[0] for seed in range(30)}
    assert words <= found


def test_nothing_comes_between_an_and_the_name():
    for seed in range(30):
        made, _ = add_noise(["play an ", ""], seed)
        assert made[0].endswith("an ")


def test_no_hesitation_goes_before_a_capital_at_the_start():
    for seed in range(30):
        made, _ = add_noise(["Would you play ", ""], seed)
        assert made[0].startswith("Would")


def test_punctuation_goes_but_not_that_within_words_and_numbers():
    made, applied = add_noise(["Don't, play ", "'s 2.5, please!"])
    assert NO_PUNCTUATION in applied
    assert "Don't " in made[0] and "," not in "".join(made)
    assert made[1].startswith("'s") and "2.5" in made[1] and not made[1].endswith("!")


def test_a_sentence_without_the_full_stop_before_it_has_no_capital():
    made, _ = SpeechNoise("en", 1.0)(["Xyz. Wxy ", "? Zzz! I Zzz"], random.Random(0))
    assert "wxy" in made[0] and made[0].startswith("Xyz")
    assert made[1].replace("I I", "I").endswith(" I Zzz") and " zzz " in made[1]


def test_noise_has_the_probability_given():
    noise, chooser = SpeechNoise("en", 0.3), random.Random(0)
    applied = [noise(["play the ", " please, now"], chooser)[1] for _ in range(2000)]
    for kind in (REPETITION, HESITATION, NO_PUNCTUATION):
        assert sum(kind in kinds for kinds in applied) / 2000 == pytest.approx(0.3, abs=0.04)


@given(st.lists(st.text(max_size=30), min_size=2, max_size=4), st.integers(0, 5))
def test_names_stay_as_they_are(literals, seed):
    made, _ = EVERYTHING(literals, random.Random(seed))
    names = [f"Name {number}" for number in range(len(literals) - 1)]
    text, spans = join(made, names)
    assert [text[start:end] for start, end in spans] == names


def test_noise_of_an_unknown_language_is_refused():
    with pytest.raises(CatalogNERError, match="no hesitations known for language 'de'"):
        SpeechNoise("de", 0.1)
    assert SpeechNoise("de", 0.0)(["spiel "], random.Random(0)) == (["spiel "], [])


def test_a_probability_is_from_0_to_1():
    with pytest.raises(CatalogNERError, match=r"from 0 to 1, got 1\.5"):
        SpeechNoise("en", 1.5)
