"""Public sets with oracle catalogs, laid out for a teacher."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common.command import REPOSITORY
from benchmarks.common.public_sets import SOURCES, oracle_entries, read_splits
from spacy_catalog_ner.catalog import compile_catalog
from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.exemplars import ExemplarStore, SentenceTransformerEmbedder
from spacy_catalog_ner.exemplars.reading import read_exemplars
from spacy_catalog_ner.io.files import read_labels, write_jsonl
from spacy_catalog_ner.matching.catalog_matcher import CatalogMatcher

Row = dict[str, Any]
_LABELS = REPOSITORY / "configs" / "labels"


@dataclass(frozen=True)
class TeacherSet:
    """A set on disk, as the components take it.

    Attributes
    ----------
    catalog
        Compiled catalog of all gold names of all splits.
    stores
        Exemplar stores by name: ``all`` of train, or only ``few`` of it.
    dev, test
        Annotated texts, seeded samples of each split.
    """

    name: str
    labels_path: Path
    catalog: Path
    stores: dict[str, Path]
    dev: list[Row]
    test: list[Row]


def prepare(
    name: str, data: Path, folder: Path, *, dev: int, test: int, few: int, seed: int
) -> TeacherSet:
    """Read a set and write its catalog and exemplar stores to a folder, if they are not there."""
    source, labels_name, files = SOURCES[name]
    labels_path = _LABELS / labels_name
    labels = set(read_labels(labels_path))
    splits = read_splits(data / source, files, labels, seed)
    folder.mkdir(parents=True, exist_ok=True)
    catalog = folder / f"{name}.catalog"
    if not catalog.exists():
        compile_catalog(oracle_entries(splits), catalog)
    held_out = {normalize(row["text"]) for part in ("dev", "test") for row in splits[part]}
    train = [row for row in splits["train"] if normalize(row["text"]) not in held_out]
    stores = {}
    for size, rows in (("all", train), ("few", random.Random(seed).sample(train, few))):
        stores[size] = folder / f"{name}-{size}"
        if not (stores[size] / "meta.json").exists():
            _build_store(rows, catalog, stores[size])
    samples = {
        part: random.Random(seed).sample(splits[part], min(count, len(splits[part])))
        for part, count in (("dev", dev), ("test", test))
    }
    return TeacherSet(name, labels_path, catalog, stores, samples["dev"], samples["test"])


def _build_store(rows: list[Row], catalog: Path, path: Path) -> None:
    source = path.with_suffix(".jsonl")
    write_jsonl(source, rows)
    exemplars = read_exemplars(source, CatalogMatcher(catalog=catalog), "en", Problems())
    ExemplarStore.build(exemplars, SentenceTransformerEmbedder()).to_disk(path)
