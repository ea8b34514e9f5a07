"""One normal form for the names in a catalog and the words of a text."""

from __future__ import annotations

import unicodedata

NAME = "nfkc-casefold"
"""Identifies this normalisation in a compiled catalog's ``meta.json``."""

_PUNCTUATION = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201b\u02bc\u00b4\u0060", "'"),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
    }
)


def normalize(text: str) -> str:
    """Fold case, compatibility forms, apostrophes, dashes and white space.

    NFKC, then full case folding (Unicode 15, section 3.13), then NFKC again because folding can
    leave a sequence that is not composed.

    Examples
    --------
    >>> normalize("Guns N\u2019  ROSES")
    "guns n' roses"
    """
    # The typographic forms come first: NFKC takes the acute accent (U+00B4) apart.
    folded = unicodedata.normalize("NFKC", text.translate(_PUNCTUATION)).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).translate(_PUNCTUATION).split())
