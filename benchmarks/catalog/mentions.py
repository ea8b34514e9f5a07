"""How much of annotated text the real catalogs know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import spacy

from benchmarks.common.names import read_rows
from spacy_catalog_ner.catalog import Variants, compile_catalog, read_entries
from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.matching.coverage import measure_coverage

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


def measure_real_coverage(data: Path, real: Path, folder: Path) -> dict[str, Any]:
    """Measure the coverage of a catalog of all real names, ``plain`` and with ``variants``.

    Parameters
    ----------
    real
        What `names.write_real_names` wrote.

    Returns
    -------
    dict
        By set and by these two, what `measure_coverage` gives, as JSON.
    """
    nlp = spacy.blank("en")
    results: dict[str, Any] = {}
    for key, variants in (("plain", None), ("variants", Variants.load("en"))):
        entries = read_entries(real, Problems())
        catalog = compile_catalog(entries, folder / f"{key}.catalog", variants=variants)
        for name, labels in LABELS.items():
            # A text that stands in several splits counts once.
            texts = {row["text"]: row for row in read_rows(data / name)}
            result = measure_coverage(texts.values(), catalog, nlp, labels)
            results.setdefault(name, {})[key] = msgspec.to_builtins(result)
    return results
