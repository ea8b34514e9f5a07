"""Finding the mentions of a name in a text."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

from spacy.tokens import Doc, Span


def find_mentions(doc: Doc, name: str, label: str) -> list[Span]:
    """Return the mentions of a name on token boundaries as spans that do not overlap, in order.

    Case, spacing and whether an accent is a character of its own make no difference.
    """
    words = unicodedata.normalize("NFC", name).split()
    pattern = re.compile(r"\s+".join(map(re.escape, words)), re.IGNORECASE)
    text, places = _compose(doc.text)
    found = []
    match = pattern.search(text)
    while match:
        span = doc.char_span(places[match.start()], places[match.end()], label=label)
        if span is not None:
            found.append(span)
        # Off the boundaries a name may begin again before it ends: "a a" in "ba a a"
        match = pattern.search(text, match.start() + 1 if span is None else match.end())
    return found


def _compose(text: str) -> tuple[str, list[int]]:
    """Join letters and their accents; return the old offset of each character and of the end."""
    if unicodedata.is_normalized("NFC", text):
        return text, list(range(len(text) + 1))
    starts = [place for place, char in enumerate(text) if not unicodedata.combining(char)]
    bounds = sorted({0, *starts, len(text)})
    composed, places = "", []
    for start, end in pairwise(bounds):
        part = unicodedata.normalize("NFC", text[start:end])
        composed += part
        places += [start] * len(part)
    return composed, [*places, len(text)]
