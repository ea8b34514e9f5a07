"""A student's own names among a million others, under the labels of MASSIVE."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from benchmarks.common.names import write_names, write_real_names
from spacy_catalog_ner.catalog import Catalog, Entry, compile_catalog, read_entries
from spacy_catalog_ner.errors import Problems

# What the labels of the real catalogs are called in MASSIVE
_LABELS = {
    "ACTOR": "person",
    "AIRLINE": "business_name",
    "AIRPORT": "place_name",
    "AUTHOR": "audiobook_author",
    "BOOK": "audiobook_name",
    "BRAND": "business_name",
    "CITY": "place_name",
    "COMPANY": "business_name",
    "COUNTRY": "place_name",
    "FIRST_NAME": "person",
    "MOVIE": "movie_name",
    "OPERATOR": "business_name",
    "PERSON": "person",
    "SURNAME": "person",
    "TRANSIT_NETWORK": "transport_agency",
    "UNIVERSITY": "place_name",
}


def make_large_catalog(own: Path, data: Path, path: Path, *, names: int, seed: int) -> None:
    """Compile the names of a catalog together with others, under labels that it has.

    Parameters
    ----------
    own
        The compiled catalog.
    data
        Folder of the public sets and catalogs.
    path
        Where to.
    names
        How many there are with the others. Some of these have no label in common with it, or the
        name is there already, and are left out.
    seed
        Of the choice.
    """
    catalog = Catalog.open(own)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        real, others = Path(folder) / "real.jsonl", Path(folder) / "names.jsonl"
        write_real_names(data, real)
        write_names(real, others, max(1, names - len(catalog)), seed)
        compile_catalog(chain(catalog, _relabelled(others, set(catalog.labels))), path)


def _relabelled(names: Path, known: set[str]) -> Iterator[Entry]:
    for entry in read_entries(names, Problems()):
        label = entry.label if entry.label in known else _LABELS.get(entry.label)
        if label in known:
            yield Entry(entry.text, label, weight=entry.weight)
