"""Finding what an answer names in the text."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

from spacy.tokens import Doc, Span


def find_mentions(doc: Doc, name: str, label: str) -> list[Span]:
    """Find where a name stands in a text, on token boundaries.

    Case, spacing and whether an accent is a character of its own make no difference.

    Parameters
    ----------
    doc
        The text.
    name
        What to look for; other than white space.
    label
        Label of the spans.

    Returns
    -------
    list of Span
        They do not overlap, and are in reading order.
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
    """Join letters and their accents; return where each character, and the end, was before."""
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
