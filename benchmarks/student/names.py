"""Names that are new since a student was trained: utterances with nothing but such names."""

from __future__ import annotations

import gzip
import json
import random
from itertools import cycle
from pathlib import Path

from benchmarks.common.thresholds import Row
from benchmarks.student.sets import StudentSet
from spacy_catalog_ner.catalog import Catalog
from spacy_catalog_ner.catalog.normalization import normalize

# Of MASSIVE's labels: real names, as files of --data and the label there, if it has several
_SOURCES = {
    "place_name": ("catalogs/geonames_cities500.jsonl.gz", None),
    "person": ("catalogs/first_names.jsonl.gz", None),
    "business_name": ("catalogs/osm_name_suggestion_index.jsonl.gz", None),
    "movie_name": ("catalogs/wikipedia_movies.jsonl.gz", None),
    "audiobook_name": ("catalogs/goodbooks10k_titles.jsonl.gz", None),
    "audiobook_author": ("catalogs/goodbooks10k_authors.jsonl.gz", None),
    "artist_name": ("music_ner/dataset1_train.jsonl.gz", "Artist"),
    "song_name": ("music_ner/dataset1_train.jsonl.gz", "WoA"),
}
_MOST_WORDS = 4


def make_new_names(
    made: StudentSet, data: Path, *, count: int, seed: int
) -> tuple[list[Row], list[Row], list[Row]]:
    """Put new names into the test utterances whose labels there are real names of.

    Parameters
    ----------
    made
        MASSIVE.
    data
        Folder of the public sets and catalogs.
    count
        How many names.
    seed
        Of their choice.

    Returns
    -------
    entries
        The new names, none of which is in the set's catalog, as catalog entries.
    known
        The test utterances, as they are.
    new
        The same utterances, each perhaps several times, with the new names.
    """
    catalog = Catalog.open(made.catalog)
    chooser = random.Random(seed)
    names = {}
    for label, (file, kind) in _SOURCES.items():
        found = sorted(
            name
            for name in _read_names(data / file, kind)
            if len(name.split()) <= _MOST_WORDS and name.replace(" ", "").isalpha()
            if not catalog.labels_and_ids(normalize(name))
        )
        chooser.shuffle(found)
        names[label] = found
    known = [
        row
        for row in made.rows("test")
        if row["spans"] and all(span["label"] in names for span in row["spans"])
    ]
    new: list[Row] = []
    entries: list[Row] = []
    for row in cycle(known):
        if len(entries) >= count or not all(names[span["label"]] for span in row["spans"]):
            break
        drawn = [names[span["label"]].pop() for span in row["spans"]]
        new.append(_replace(row, drawn))
        entries += [
            {"text": name, "label": span["label"]}
            for name, span in zip(drawn, row["spans"], strict=True)
        ]
    return entries, known, new


def _read_names(path: Path, label: str | None) -> set[str]:
    with gzip.open(path, "rt", encoding="utf8") as stream:
        rows = [json.loads(line) for line in stream]
    if label is None:
        return {row["text"].lower() for row in rows}
    return {
        row["text"][span["start"] : span["end"]].lower()
        for row in rows
        for span in row["spans"]
        if span["label"] == label
    }


def _replace(row: Row, names: list[str]) -> Row:
    """Put names in the places of the spans, which are in reading order."""
    text, spans, end = "", [], 0
    for span, name in zip(row["spans"], names, strict=True):
        text += row["text"][end : span["start"]]
        spans.append({"start": len(text), "end": len(text) + len(name), "label": span["label"]})
        text += name
        end = span["end"]
    return {"text": text + row["text"][end:], "spans": spans}
