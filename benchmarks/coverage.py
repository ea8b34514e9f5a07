"""How much of annotated text the real catalogs know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import spacy
from names import read_real_names, read_rows

from spacy_catalog_ner.catalog import Entry, Variants, compile_catalog
from spacy_catalog_ner.evaluation.coverage import measure_coverage

_PEOPLE = ("PERSON", "ACTOR", "AUTHOR")
_COMPANIES = ("COMPANY", "BRAND", "OPERATOR")
LABELS: dict[str, dict[str, tuple[str, ...]]] = {
    "massive_en": {
        "artist_name": _PEOPLE,
        "person": (*_PEOPLE, "FIRST_NAME", "SURNAME"),
        "audiobook_author": ("AUTHOR",),
        "audiobook_name": ("BOOK",),
        "movie_name": ("MOVIE",),
        "place_name": ("CITY", "COUNTRY"),
        "business_name": (*_COMPANIES, "AIRLINE"),
        "transport_agency": ("AIRLINE", "TRANSIT_NETWORK", "OPERATOR"),
    },
    "snips": {
        "artist": _PEOPLE,
        "movie_name": ("MOVIE",),
        "city": ("CITY",),
        "country": ("COUNTRY",),
        "restaurant_name": _COMPANIES,
        "object_name": ("BOOK", "MOVIE"),
    },
    "music_ner": {"Artist": _PEOPLE},
}
"""By set and gold label the labels of the catalogs in which such a name would stand."""


def measure_real_coverage(data: Path, folder: Path) -> dict[str, Any]:
    """Measure the coverage of a catalog of all real names, ``plain`` and with ``variants``.

    Returns
    -------
    dict
        By set and by these two, what `measure_coverage` gives.
    """
    nlp = spacy.blank("en")
    rows = read_real_names(data)
    results: dict[str, Any] = {}
    for key, variants in (("plain", None), ("variants", Variants.load("en"))):
        entries = map(Entry.from_row, rows)
        catalog = compile_catalog(entries, folder / f"{key}.catalog", variants=variants)
        for name, labels in LABELS.items():
            # A text that stands in several splits counts once.
            texts = {row["text"]: row for row in read_rows(data / name)}
            result = measure_coverage(texts.values(), catalog, nlp, labels)
            results.setdefault(name, {})[key] = result
    return results
