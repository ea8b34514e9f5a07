"""A small catalog and patterns that several tests of populated data sets share."""

from __future__ import annotations

from spacy_catalog_ner.catalog import Entry
from spacy_catalog_ner.generation.patterns import Pattern
from spacy_catalog_ner.generation.population.names import gather_names

ARTISTS = [
    "Adele", "AC/DC", "The Beatles", "Guns N' Roses", "Beyoncé", "U2", "Maroon 5", "P!nk",
    "Sigur Rós", "Queen", "Blur", "Oasis", "Metallica", "Ólafur Arnalds", "NWA", "Drake",
    "Rosalía", "Los Planetas", "El Kanka", "Iggy Pop",
]  # fmt: skip
CITIES = [
    "Paris", "Boston", "El Cairo", "La Paz", "Lima", "Oslo", "Ibiza", "Rome", "Berlin", "Kyiv",
    "York", "New York", "San José", "Quito", "Lagos", "Accra", "Delhi", "Hanoi", "Perth", "Leeds",
]  # fmt: skip

ENTRIES = [
    Entry(text, label, id=f"{label}/{number}", weight=float(number + 1))
    for label, texts in (("ARTIST", ARTISTS), ("CITY", CITIES))
    for number, text in enumerate(texts)
]
LABELS = {"ARTIST": "a singer or band", "CITY": "a city"}

PATTERNS = [
    Pattern("Put on a <ARTIST> song, please!", "en"),
    Pattern("no wait, not <ARTIST>, I meant <ARTIST>", "en"),
    Pattern("is <ARTIST>'s tour coming to <CITY> or <CITY>?", "en", source="llm"),
    Pattern("what's on in <CITY> tonight", "en"),
    Pattern("Turn it down a bit", "en"),
    Pattern("never mind", "en"),
]


def names(lang: str = "en") -> dict:
    return gather_names(ENTRIES, lang, LABELS)
