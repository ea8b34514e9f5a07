"""Finding what an answer names in the text."""

from __future__ import annotations

import re

from spacy.tokens import Doc, Span


def find_mentions(doc: Doc, name: str, label: str) -> list[Span]:
    """Find where a name stands in a text, in any case and spacing, on token boundaries.

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
    pattern = re.compile(r"\s+".join(map(re.escape, name.split())), re.IGNORECASE)
    found = []
    match = pattern.search(doc.text)
    while match:
        span = doc.char_span(*match.span(), label=label)
        if span is not None:
            found.append(span)
        # Off the boundaries a name may begin again before it ends: "a a" in "ba a a"
        match = pattern.search(doc.text, match.start() + 1 if span is None else match.end())
    return found
