"""English: a or an before a name, and one article where pattern and name both have one."""

from __future__ import annotations

import re
from itertools import takewhile
from typing import NamedTuple

from spacy_catalog_ner.catalog.normalization import normalize_without_diacritics


class Opening(NamedTuple):
    """Whether a name begins with an article, and with a vowel sound."""

    article: bool
    vowel: bool


_ARTICLE = re.compile(r"(?:the|an?)\s+\S", re.IGNORECASE)
_LAST_ARTICLE = re.compile(r"(?<!\S)(?:the|an?)\s+$", re.IGNORECASE)
_INDEFINITE = re.compile(r"(?<!\S)(a)n?(\s+)$", re.IGNORECASE)
_FIRST_WORD = re.compile(r"[^\W_]+(?:\.[^\W\d_](?![^\W\d_]))*")
_LETTERS = re.compile(r"[^\W\d_]+")

# Letters whose names begin with a vowel sound: "an F", "a U"
_VOWEL_NAMES = frozenset("aefhilmnorsx")
# Consonants that can begin a word as it is said: other pairs are letters, as in "FBI" and "NBA"
_ONSETS = re.compile(
    r"[bcdfghjklmnpqrstvwxyz][aeiouy]|[aeiouy]|[bcdfgkpst]r|[bcfgpsk]l|[cgprstw]h|s[ckmnpqtw]|"
    r"[dt]w|qu|kn|ps|wr|gn"
)
# In capitals: said letter by letter though they could be words, and the other way round
_LETTER_BY_LETTER = frozenset(("fm", "la", "lfo", "mia", "mit", "rem", "sos", "tv", "usa"))
_SAID_AS_WORD = frozenset(("sza", "uno", "up"))
# A vowel letter with the sound of a consonant: "a university", "a European", "a one-hit wonder"
_CONSONANT_SOUND = re.compile(
    r"eu|ewe|oui|on(?:e|ce)(?![a-z])|onerepublic|uni(?![mnd]|nt)|us[aeiu]|ut[aeio]|ur[aeiu]|uk[ru]|"
    r"ub[iu]|uga|uly"
)
# The other way round: "an hour", "an honest man", "an heir", "an Yves Saint Laurent bag"
_VOWEL_SOUND = re.compile(r"hour|honou?r|honest|heir|y[bcdfghjklmnpqrstvwxz]")


def opening(name: str) -> Opening:
    """Return what the words before a name depend on."""
    return Opening(_ARTICLE.match(name.lstrip()) is not None, starts_with_vowel_sound(name))


def fit(literal: str, name: Opening) -> str:
    """Adapt the words before a name: "a" or "an", and no article if the name has its own."""
    if name.article:
        return _LAST_ARTICLE.sub("", literal)
    return _INDEFINITE.sub(rf"\1{'n' if name.vowel else ''}\2", literal)


def starts_with_vowel_sound(name: str) -> bool:
    """Tell whether "an" goes before a name, written as in the catalog, since capitals matter.

    The sound decides, not the letter: "an hour", "a university", "an FBI agent" (Chicago Manual of
    Style, 17th edition, sections 7.33 and 10.9). Numbers are taken as they are said ("an 8"), and
    capitals that do not sound like a word letter by letter ("an NBA game").
    """
    found = _FIRST_WORD.search(name)
    if found is None:
        return False
    word = found[0]
    if word[0].isdigit():
        return _number_starts_with_vowel(word)
    letters = _LETTERS.match(normalize_without_diacritics(word))
    if letters is None:
        return False
    start = letters[0]
    if _is_letter_by_letter(word, start):
        return start[0] in _VOWEL_NAMES
    if start[0] in "aeiou":
        return _CONSONANT_SOUND.match(start) is None
    return _VOWEL_SOUND.match(start) is not None


def _is_letter_by_letter(word: str, letters: str) -> bool:
    """Tell whether the first word is said as letters: "FBI", "R.E.M.", "U2", "X-Men"."""
    if len(letters) == 1 or "." in word:
        return True
    capitals = word[: len(letters)]
    if not capitals.isupper() or len(letters) > 5 or letters in _SAID_AS_WORD:
        return False
    if letters in _LETTER_BY_LETTER or not set(letters) & set("aeiouy"):
        return True
    # "UFO" and "YMCA", though they begin with vowels
    return _ONSETS.match(letters) is None or (letters[0] in "uy" and letters[1] not in "aeiouy")


def _number_starts_with_vowel(word: str) -> bool:
    """Tell whether a number begins with eight, eleven or eighteen."""
    if word[0] == "8":
        return True
    # 11 and 18, 11,000 and 18,000 without the comma, and years such as 1812
    length = sum(1 for _ in takewhile(str.isdigit, word))
    return word[:2] in ("11", "18") and (length % 3 == 2 or length == 4)
