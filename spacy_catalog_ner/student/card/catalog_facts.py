"""What a matcher says of the names it brings along."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from spacy_catalog_ner.catalog import Snapshot
from spacy_catalog_ner.matching.catalog_matcher import CatalogMatcher


@dataclass(frozen=True)
class CatalogFacts:
    """The names that a matcher brings along.

    Attributes
    ----------
    matcher, spans_key
        Name of the component, and the group of ``doc.spans`` that it writes.
    entries
        Number of entries of each label.
    version
        Content version of the compiled catalog; None where there is none.
    has_cities
        Whether any entry comes from GeoNames, by its id.
    """

    matcher: str
    spans_key: str
    entries: dict[str, int]
    version: str | None
    has_cities: bool


def read_catalog_facts(matcher: CatalogMatcher) -> CatalogFacts:
    """Count what a matcher can find."""
    snapshot = matcher.snapshot
    catalog = snapshot.catalog
    return CatalogFacts(
        matcher=matcher.name,
        spans_key=matcher.spans_key,
        entries=_count_entries(snapshot),
        version=None if catalog is None else catalog.meta["content_version"],
        has_cities=any(identifier.startswith("geonames:") for identifier in _ids(snapshot)),
    )


def _count_entries(snapshot: Snapshot) -> dict[str, int]:
    counts = Counter(entry.label for entry in snapshot.overlay.entries)
    if (catalog := snapshot.catalog) is not None:
        counts.update(catalog.meta["entries_per_label"])
        hidden = snapshot.overlay.hidden_in(catalog)
        counts.subtract(catalog.label_and_id(number)[0] for number in hidden)
    return {label: counts[label] for label in snapshot.labels}


def _ids(snapshot: Snapshot) -> Iterator[str]:
    yield from (entry.id for entry in snapshot.overlay.entries)
    if (catalog := snapshot.catalog) is not None:
        yield from (catalog.label_and_id(number)[1] for number in range(len(catalog)))
