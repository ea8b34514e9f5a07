"""An annotated utterance in the form in which the LLM is shown it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from spacy_catalog_ner.catalog.normalization import normalize

if TYPE_CHECKING:
    from spacy.tokens import Span


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """What the catalog may mean by a part of a text.

    Attributes
    ----------
    start, end
        Offsets in characters, end exclusive.
    text
        The part of the text.
    label
        Entity type.
    """

    start: int
    end: int
    text: str
    label: str

    @property
    def key(self) -> tuple[int, int, str]:
        """Start, end and label: two candidates with the same key are the same decision."""
        return self.start, self.end, self.label


def make_candidates(spans: Iterable[Span]) -> list[Candidate]:
    """Return spans of a Doc as exemplars have them."""
    return [Candidate(span.start_char, span.end_char, span.text, span.label_) for span in spans]


class Exemplar(msgspec.Struct, frozen=True, gc=False):
    """An annotated utterance with its candidates.

    Attributes
    ----------
    text
        The utterance.
    candidates
        Every catalog candidate, in reading order.
    selected
        Those of the candidates that are right.
    lang
        Language of the utterance; an empty string where it is not known.
    """

    text: str
    candidates: list[Candidate]
    selected: list[Candidate]
    lang: str = ""

    def to_dict(self, score: float) -> dict[str, Any]:
        """Return what ``doc._.exemplars`` holds of it: its own copies, and `score`."""
        return {
            "text": self.text,
            "candidates": list(map(msgspec.structs.asdict, self.candidates)),
            "selected": list(map(msgspec.structs.asdict, self.selected)),
            "score": score,
        }


def duplicate_key(text: str) -> str:
    """Return what is the same for texts that differ in case, punctuation or spacing alone.

    It is the normal form without punctuation and white space; the normal form where there is
    nothing else.

    Examples
    --------
    >>> duplicate_key("What's  up?") == duplicate_key("whats up")
    True
    """
    form = normalize(text)
    return form.translate(_WITHOUT_PUNCTUATION) or form


class _WithoutPunctuation(dict[int, int | None]):
    """A table for `str.translate` that learns of a character when it meets it."""

    def __missing__(self, code: int) -> int | None:
        character = chr(code)
        dropped = character.isspace() or unicodedata.category(character).startswith("P")
        self[code] = kept = None if dropped else code
        return kept


_WITHOUT_PUNCTUATION = _WithoutPunctuation()
