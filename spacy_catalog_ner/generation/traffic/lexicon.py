"""The words by which talk is told from commands, as one file a language."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from spacy_catalog_ner.catalog.normalization import normalize_without_diacritics
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.files import find_shipped, read_yaml

T = TypeVar("T", bound=msgspec.Struct)

START, END = "^", "$"
"""In a phrase, the beginning and the end of the text."""

_SHIPPED = Path(__file__).parent / "lexicons"
# All but white space and punctuation is part of a word: to \w the vowel signs of Hindi are not
_PART = (
    r"[^\s!-/:-@\[-`{-\u00bf\u02bc\u060c\u061b\u061f\u0964\u0965\u2010-\u2027\u2030-\u205e"
    r"\u3000-\u303f\ufe50-\ufe6b\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]+"
)
_WORD = re.compile(rf"{_PART}(?:['`\u00b4\u2019\u02bc]+{_PART})*")
_DRAWN_OUT = re.compile(r"([^\W\d])\1{2,}")
_MAX_WORD = 40  # characters; nothing longer is a word of talk
_MAX_FORMS = 10_000  # of one phrase, by the alternatives in it


class Feature(msgspec.Struct, forbid_unknown_fields=True):
    """Phrases that tell talk from commands, or the other way round.

    Attributes
    ----------
    weight
        Added to the sum for each match; negative for what commands have.
    phrases
        As the file has them.
    up_to
        How many matches count.
    """

    weight: float
    phrases: Annotated[list[str], msgspec.Meta(min_length=1)]
    up_to: Annotated[int, msgspec.Meta(ge=1)] = 1

    @property
    def forms(self) -> Iterator[tuple[str, ...]]:
        """The phrases as sequences of word forms, see `word_form`."""
        return iter(dict.fromkeys(form for phrase in self.phrases for form in _forms(phrase)))


class _File(msgspec.Struct, forbid_unknown_fields=True):
    lang: Annotated[str, msgspec.Meta(min_length=1)]
    threshold: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    bias: float
    features: Annotated[dict[str, Any], msgspec.Meta(min_length=1)]


class Lexicon:
    """The features of one language, with their weights.

    Parameters
    ----------
    spec
        Contents of the file: ``lang``, ``threshold`` (score from which a text is conversational),
        ``bias`` (the sum of a text in which nothing is found) and ``features``, each with
        ``weight``, ``phrases`` and optionally ``up_to`` (how many matches count, 1 by default).
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
        file = _convert(spec, _File, where)
        self.lang, self.threshold, self.bias = file.lang, file.threshold, file.bias
        self.features = {}
        for name, feature in file.features.items():
            self.features[name] = _convert(feature, Feature, f"{where}: feature {name}")
            for phrase in self.features[name].phrases:
                _check_phrase(phrase, f"{where}: feature {name}")

    @classmethod
    def load(cls, path: str | Path) -> Lexicon:
        """Read a YAML file, or one that comes with the package: "en" or "es".

        Raises
        ------
        CatalogNERError
            If there is no such file or it is no lexicon.
        """
        file = find_shipped(path, _SHIPPED, "a lexicon")
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


def _forms(phrase: str) -> Iterator[tuple[str, ...]]:
    for words in itertools.product(*(choice.split("|") for choice in phrase.split())):
        yield tuple(map(word_form, words))


def _check_phrase(phrase: str, where: str) -> None:
    choices = [choice.split("|") for choice in phrase.split()]
    words = choices[choices[:1] == [[START]] : -1 if choices[-1:] == [[END]] else None]
    if not words or not all(_WORD.fullmatch(word) for choice in words for word in choice):
        raise CatalogNERError(
            f"{where}: {phrase!r:.60}: expected words, a|b for either of two, and ^ at the"
            " beginning or $ at the end"
        )
    if math.prod(map(len, choices)) > _MAX_FORMS:
        raise CatalogNERError(f"{where}: {phrase!r:.60}: has too many alternatives")


def _convert(data: Any, kind: type[T], where: str) -> T:
    """Check a part of the file; an error names the key, and what was expected and given."""
    try:
        value = msgspec.convert(data, kind)
    except msgspec.ValidationError as err:
        message, _, key = str(err).partition(" - at `$")
        place = f"{where}: {key.strip('.`')}" if key else where
        known = ", ".join(kind.__struct_fields__)
        raise CatalogNERError(f"{place}: {message} (keys: {known})") from None
    for name in ("weight", "bias"):
        if not math.isfinite(getattr(value, name, 0)):
            raise CatalogNERError(f"{where}: {name}: expected a finite number")
    return value
