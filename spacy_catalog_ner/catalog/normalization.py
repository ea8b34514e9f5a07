"""Normal forms: what the names of a catalog and the words of a text are compared in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from spacy_catalog_ner.errors import CatalogNERError

_APOSTROPHES = "\u2018\u2019\u201b\u02bc\u00b4\u1ffd\u0060"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212"
_PUNCTUATION = str.maketrans({**dict.fromkeys(_APOSTROPHES, "'"), **dict.fromkeys(_DASHES, "-")})
_HAS_PUNCTUATION = re.compile(f"[{_APOSTROPHES}{_DASHES}]").search
# Letters whose stroke or missing dot is no combining mark: decomposition leaves them as they are.
_STROKES = str.maketrans("\u00f8\u0142\u0111\u0127\u0167\u0131", "oldhti")
_COMBINING_DIACRITICS = re.compile("[\u0300-\u036f]")


def normalize(text: str) -> str:
    """Fold case, compatibility forms, apostrophes, dashes and white space.

    NFKC, then full case folding (Unicode 15, section 3.13), then NFKC again because folding can
    leave a sequence that is not composed.

    Examples
    --------
    >>> normalize("Guns N\u2019  ROSES")
    "guns n' roses"
    """
    if text.isascii():  # nothing else can change: four times faster
        return " ".join(text.lower().replace("`", "'").split())
    # The typographic forms come first: NFKC takes the acute accent (U+00B4) apart.
    folded = unicodedata.normalize("NFKC", _fold_punctuation(text)).casefold()
    return " ".join(_fold_punctuation(unicodedata.normalize("NFKC", folded)).split())


def _fold_punctuation(text: str) -> str:
    # To translate takes four times as long as to see that there is nothing to translate.
    return text.translate(_PUNCTUATION) if _HAS_PUNCTUATION(text) else text


def normalize_without_diacritics(text: str) -> str:
    """Do as `normalize`, and take accents off: "Beyonc\u00e9" and "beyonce" are one name.

    Marks of the block Combining Diacritical Marks (U+0300 to U+036F) go; vowel signs of other
    scripts are letters and stay.

    Examples
    --------
    >>> normalize_without_diacritics("Sigur R\u00f3s")
    'sigur ros'
    """
    form = normalize(text)
    if form.isascii():
        return form
    bare = _COMBINING_DIACRITICS.sub("", unicodedata.normalize("NFD", form)).translate(_STROKES)
    return " ".join(unicodedata.normalize("NFC", bare).split())


NORMALIZERS: dict[str, Callable[[str], str]] = {
    "nfkc-casefold": normalize,
    "nfkc-casefold-no-diacritics": normalize_without_diacritics,
}
"""By the name that a compiled catalog's ``meta.json`` records."""

DEFAULT = "nfkc-casefold"


def get_normalizer(name: str) -> Callable[[str], str]:
    """Return the normalisation of a name.

    Raises
    ------
    CatalogNERError
        If there is none of this name.
    """
    if name not in NORMALIZERS:
        known = ", ".join(NORMALIZERS)
        raise CatalogNERError(f"unknown normalization {name!r}; there are {known}")
    return NORMALIZERS[name]
