"""The words by which talk is told from commands, as one file a language."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from spacy_catalog_ner.catalog.normalization import normalize_without_diacritics
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.files import read_yaml

START, END = "^", "$"
"""In a phrase, the beginning and the end of the text."""

_SHIPPED = Path(__file__).parent / "lexicons"
_KEYS = ("lang", "threshold", "bias", "features")
_FEATURE_KEYS = ("weight", "up_to", "phrases")
# All but white space and punctuation is part of a word: to \w the vowel signs of Hindi are not
_PART = (
    r"[^\s!-/:-@\[-`{-\u00bf\u02bc\u060c\u061b\u061f\u0964\u0965\u2010-\u2027\u2030-\u205e"
    r"\u3000-\u303f\ufe50-\ufe6b\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]+"
)
_WORD = re.compile(rf"{_PART}(?:['`\u00b4\u2019\u02bc]+{_PART})*")
_DRAWN_OUT = re.compile(r"([^\W\d])\1{2,}")
_MAX_WORD = 40  # characters; nothing longer is a word of talk
_MAX_WAYS = 10_000  # that one phrase may be read, by the alternatives in it


class Feature(NamedTuple):
    """What tells talk from commands, or the other way round.

    Attributes
    ----------
    weight
        Added to the sum for each match, below 0 for what commands have.
    up_to
        How many matches count.
    phrases
        Each a sequence of word forms, as `word_form` gives them.
    """

    weight: float
    up_to: int
    phrases: tuple[tuple[str, ...], ...]


class Lexicon:
    """The features of one language, with their weights.

    Parameters
    ----------
    spec
        Contents of the file: ``lang``, ``threshold`` (score from which a text is conversational),
        ``bias`` (the sum of a text in which nothing is found) and ``features``, each with
        ``weight``, ``phrases`` and optionally ``up_to`` (how many matches count, 1 if left out).
    where
        Names the file in messages.

    Attributes
    ----------
    lang, threshold, bias
        As given.
    features
        By name.

    Notes
    -----
    A phrase is words with spaces between; case, accents and punctuation do not matter. ``a|b``
    stands for either word, ``^`` first for the beginning of the text and ``$`` last for its end.
    There is no more to it than that, so that a text is searched in time linear in its length,
    whatever the lexicon. The language must have spaces between words.

    Raises
    ------
    CatalogNERError
        If the contents have another shape.
    """

    def __init__(self, spec: dict[str, Any], where: str = "lexicon") -> None:
        _check_keys(spec, _KEYS, where)
        missing = [key for key in _KEYS if key not in spec]
        if missing:
            raise CatalogNERError(f"{where}: no {' and no '.join(missing)}")
        self.lang = spec["lang"]
        if not isinstance(self.lang, str) or not self.lang:
            raise CatalogNERError(f"{where}: lang: expected a code such as en, got {self.lang!r}")
        self.threshold = _number(spec["threshold"], f"{where}: threshold")
        if not 0 < self.threshold < 1:
            raise CatalogNERError(
                f"{where}: threshold: expected a number between 0 and 1, got {self.threshold}"
            )
        self.bias = _number(spec["bias"], f"{where}: bias")
        if not isinstance(spec["features"], dict) or not spec["features"]:
            raise CatalogNERError(f"{where}: features: expected NAME: {{weight, phrases}}")
        self.features = {
            str(name): _read_feature(feature, f"{where}: feature {name}")
            for name, feature in spec["features"].items()
        }

    @classmethod
    def load(cls, path: str | Path) -> Lexicon:
        """Read a YAML file, or one that comes with the package: "en" or "es".

        Raises
        ------
        CatalogNERError
            If there is no such file or it is no lexicon.
        """
        file = Path(path)
        if not file.is_file():
            shipped = {child.stem: child for child in sorted(_SHIPPED.glob("*.yml"))}
            if str(path) not in shipped:
                names = " or ".join(shipped)
                raise CatalogNERError(
                    f"{path}: no such file, expected a lexicon: {names}, or a YAML file"
                )
            file = shipped[str(path)]
        return cls(read_yaml(file), str(file))


def iter_words(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each word of a text, in characters."""
    for match in _WORD.finditer(text):
        yield match.span()


def word_form(word: str) -> str:
    """Return what a word is looked up as: no capitals, no accents, and "nooooo" is "noo"."""
    return _fold(word[:_MAX_WORD])


@lru_cache(maxsize=1 << 16)
def _fold(word: str) -> str:
    return _DRAWN_OUT.sub(r"\1\1", normalize_without_diacritics(word))


def _read_feature(feature: Any, where: str) -> Feature:
    _check_keys(feature, _FEATURE_KEYS, where)
    weight = _number(feature.get("weight"), f"{where}: weight")
    up_to = feature.get("up_to", 1)
    if type(up_to) is not int or up_to < 1:
        raise CatalogNERError(f"{where}: up_to: expected a whole number above 0, got {up_to!r:.60}")
    phrases = feature.get("phrases")
    if not isinstance(phrases, list) or not phrases:
        raise CatalogNERError(f"{where}: phrases: expected a list, got {phrases!r:.60}")
    read = dict.fromkeys(way for phrase in phrases for way in _read_phrase(phrase, where))
    return Feature(weight, up_to, tuple(read))


def _read_phrase(phrase: Any, where: str) -> Iterator[tuple[str, ...]]:
    if not isinstance(phrase, str):
        raise CatalogNERError(f"{where}: expected a phrase, in quotes, got {phrase!r:.60}")
    choices = [alternatives.split("|") for alternatives in phrase.split()]
    words = choices[choices[:1] == [[START]] : -1 if choices[-1:] == [[END]] else None]
    wrong = [word for choice in words for word in choice if not _WORD.fullmatch(word)]
    if not words or wrong:
        raise CatalogNERError(
            f"{where}: {phrase!r:.60}: expected words, a|b for either of two, and ^ at the"
            " beginning or $ at the end"
        )
    if math.prod(map(len, choices)) > _MAX_WAYS:
        raise CatalogNERError(f"{where}: {phrase!r:.60}: has too many alternatives")
    for way in itertools.product(*choices):
        yield tuple(map(word_form, way))


def _check_keys(spec: Any, known: tuple[str, ...], where: str) -> None:
    if not isinstance(spec, dict):
        raise CatalogNERError(f"{where}: expected {', '.join(known)}, got {spec!r:.60}")
    unknown = sorted(str(key) for key in spec if key not in known)
    if unknown:
        raise CatalogNERError(f"{where}: unknown {', '.join(unknown)}; expected {', '.join(known)}")


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise CatalogNERError(f"{where}: expected a number, got {value!r:.60}")
    return float(value)
