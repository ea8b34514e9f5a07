"""Noise as in speech: hesitations, repeated words, and no punctuation."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import lru_cache

from spacy_catalog_ner.errors import CatalogNERError

HESITATION = "hesitation"
REPETITION = "repetition"
NO_PUNCTUATION = "no_punctuation"

_HESITATIONS = {"en": ("uh", "um", "er"), "es": ("eh", "este", "pues", "em")}
# People repeat function words far more than others (Clark and Wasow 1998, "Repeating Words in
# Spontaneous Speech")
_REPEATED = {
    "en": "a and but by can could do for from i i'm in is it it's me my of on or so some that the"
    " this to was we what when where who with you",
    "es": "a al con cuando de del donde el en es la las lo los me mi no para pero por que qué se si"
    " su un una y yo",
}
# "an uh song" and "e eh Inés" are not said: these words belong to the sound that follows
_BOUND = {"en": frozenset(("a", "an")), "es": frozenset(("e", "o", "u", "y"))}
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*(?=\s)")
_SPACE = re.compile(r"(?<=\S)\s+")
# But for apostrophes and hyphens within words, and points and commas within numbers
_PUNCTUATION = re.compile(r"(?<!\d)[.,]|[.,](?!\d)|[!?;:¡¿\"()…]|[\u2013\u2014]")
# Without the full stop there is no capital after it either, but of I and of names
_SENTENCE_START = re.compile(r"(?<=[.!?\u2026])\s+[¡¿\"(]*(?!I\b)[^\W\d_]")
_SPACES = re.compile(r"\s{2,}")


class SpeechNoise:
    """Puts noise into the words around names, each kind with the same probability.

    Parameters
    ----------
    lang
        spaCy's code of the language: English or Spanish, unless `probability` is 0.
    probability
        Of each kind of noise in each utterance.

    Raises
    ------
    CatalogNERError
        If `probability` is out of range, or the hesitations of the language are not known.
    """

    def __init__(self, lang: str, probability: float) -> None:
        if not 0 <= probability <= 1:
            raise CatalogNERError(f"noise: expected a probability from 0 to 1, got {probability}")
        if probability and lang not in _HESITATIONS:
            raise CatalogNERError(
                f"noise: no hesitations known for language {lang!r}, only for"
                f" {' and '.join(_HESITATIONS)}; leave noise out"
            )
        self._probability = probability
        self._hesitations = _HESITATIONS.get(lang, ())
        self._repeated = frozenset(_REPEATED.get(lang, "").split())
        self._bound = _BOUND.get(lang, frozenset())

    def __call__(
        self, literals: Sequence[str], chooser: random.Random
    ) -> tuple[list[str], list[str]]:
        """Return the text around names with noise, and the kinds of noise in it."""
        made, applied = list(literals), []
        if chooser.random() < self._probability and self._repeat(made, chooser):
            applied.append(REPETITION)
        if chooser.random() < self._probability and self._hesitate(made, chooser):
            applied.append(HESITATION)
        if chooser.random() < self._probability and _strip_punctuation(made):
            applied.append(NO_PUNCTUATION)
        return made, applied

    def _repeat(self, literals: list[str], chooser: random.Random) -> bool:
        """Repeat a word: "play the the"."""
        places = [
            (number, start, end)
            for number, literal in enumerate(literals)
            for start, end in _words(literal, self._repeated, first=not number)
        ]
        if not places:
            return False
        number, start, end = chooser.choice(places)
        literal = literals[number]
        word = literal[start:end]
        again = word if word.startswith("I") else word.lower()
        literals[number] = f"{literal[:end]} {again}{literal[end:]}"
        return True

    def _hesitate(self, literals: list[str], chooser: random.Random) -> bool:
        """Put a hesitation between two words, or before the first if it has no capital."""
        places = [
            (number, position)
            for number, literal in enumerate(literals)
            for position in _gaps(literal, self._bound, first=not number)
        ]
        if not places:
            return False
        number, position = chooser.choice(places)
        literal = literals[number]
        word = chooser.choice(self._hesitations)
        literals[number] = f"{literal[:position]}{word} {literal[position:]}"
        return True


@lru_cache(maxsize=1 << 16)
def _words(literal: str, repeated: frozenset[str], *, first: bool) -> list[tuple[int, int]]:
    """Return start and end of the whole words that may be repeated."""
    return [
        found.span()
        for found in _WORD.finditer(literal)
        if found[0].lower() in repeated
        # Not the end of a word that begins with a name
        and (literal[found.start() - 1].isspace() if found.start() else first)
    ]


@lru_cache(maxsize=1 << 16)
def _gaps(literal: str, bound: frozenset[str], *, first: bool) -> list[int]:
    """Return where a hesitation may go."""
    gaps = [
        found.end()
        for found in _SPACE.finditer(literal)
        if literal[: found.start()].rpartition(" ")[2].lower() not in bound
    ]
    if literal[:1] == " ":  # after a name
        gaps.append(1)
    if first and literal[:1].islower():
        gaps.append(0)
    return gaps


def _strip_punctuation(literals: list[str]) -> bool:
    stripped = [_without_punctuation(literal) for literal in literals]
    changed = stripped != literals
    stripped[0] = stripped[0].lstrip()
    stripped[-1] = stripped[-1].rstrip()
    literals[:] = stripped
    return changed


def _without_punctuation(literal: str) -> str:
    if not _PUNCTUATION.search(literal):
        return literal
    joined = _SENTENCE_START.sub(lambda match: match[0].lower(), literal)
    return _SPACES.sub(" ", _PUNCTUATION.sub("", joined))
