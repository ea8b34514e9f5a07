"""Public annotated sets, and catalogs of all their names."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from spacy_catalog_ner.catalog import Entry
from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.io.annotated import read_annotated

Row = dict[str, Any]

# Folder of --data and file of labels; files of train, development and test. Snips has no third
# split: its development set is the part of train that comes first in a seeded shuffle.
SOURCES = {
    "massive": ("massive_en", "massive_en.yml", ("train", "dev", "test")),
    "snips": ("snips", "snips.yml", ("train_full", None, "validate")),
}
SETS = tuple(SOURCES)


def read_splits(
    source: Path, files: tuple[str, str | None, str], labels: set[str] | None, seed: int
) -> dict[str, list[Row]]:
    """Return train, development and test texts, with spans of the labels given, or of all."""
    problems = Problems()
    splits = {
        part: [
            row.to_dict()
            for _, row in read_annotated(source / f"{file}.jsonl.gz", problems, labels)
        ]
        for part, file in zip(("train", "dev", "test"), files, strict=True)
        if file is not None
    }
    if "dev" not in splits:
        random.Random(seed).shuffle(splits["train"])
        cut = len(splits["test"])
        splits["dev"], splits["train"] = splits["train"][:cut], splits["train"][cut:]
    return splits


def oracle_entries(splits: dict[str, list[Row]]) -> Iterable[Entry]:
    """Return an entry for every name that is an entity in any of some splits."""
    names = {
        (normalize(row["text"][span["start"] : span["end"]]), span["label"])
        for rows in splits.values()
        for row in rows
        for span in row["spans"]
    }
    return (Entry(text, label) for text, label in sorted(names))
