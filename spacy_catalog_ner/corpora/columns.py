"""Reading a corpus of column files: CoNLL-2003, OntoNotes and whatever has their layout."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import srsly

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.formats import conll
from spacy_catalog_ner.formats.detection import COLUMN_ENDINGS
from spacy_catalog_ner.io.files import PACKED, atomic_write, require_path, write_jsonl

SPLITS = ("train", "dev", "test")

_ENDINGS = (*COLUMN_ENDINGS, ".txt")


def convert_columns(
    source: str | Path, target: str | Path, problems: Problems
) -> dict[str, dict[str, Any]]:
    """Write ``train``, ``dev`` and ``test`` ``.jsonl`` of column files, and ``labels.yml``.

    `source` is a folder with one file for each split, named ``train``, ``dev`` and ``test`` with an
    ending of columns (``.conll``, ``.iob``, ``.iob2``, ``.bio``, ``.tsv``, ``.txt``), also packed
    (``.gz``, ``.zst``). `conll.read` says what may be in them; each has a scheme of its own.
    In ``labels.yml`` each label is its own description.

    Returns
    -------
    dict
        For each split the number of ``sentences``, and of ``entities`` by label.

    Raises
    ------
    CatalogNERError
        If a split has no file or several, or its file no usable sentence or no entity. Then
        nothing is written.
    """
    files = _find_files(require_path(source, "a folder with column files"))
    target = Path(target)
    splits = {name: [row for _, row in conll.read(path, problems)] for name, path in files.items()}
    entities = {
        name: Counter(span.label for row in rows for span in row.spans or ())
        for name, rows in splits.items()
    }
    for name, path in files.items():
        if not entities[name]:
            raise CatalogNERError(
                f"{path}: no entity in {len(splits[name])} usable sentences; expected a token and,"
                " in the last column, a tag such as B-PER on each line"
            )
    for name, rows in splits.items():
        write_jsonl(target / f"{name}.jsonl", rows)
    labels = sorted(set().union(*entities.values()))
    with atomic_write(target / "labels.yml") as stream:
        stream.write(srsly.yaml_dumps({label: label for label in labels}))
    return {
        name: {"sentences": len(rows), "entities": dict(sorted(entities[name].items()))}
        for name, rows in splits.items()
    }


def _find_files(source: Path) -> dict[str, Path]:
    """Return the one file of each split."""
    endings = [ending + packed for ending in _ENDINGS for packed in ("", *PACKED)]
    found = {
        name: [path for end in endings if (path := source / f"{name}{end}").is_file()]
        for name in SPLITS
    }
    missing = " and ".join(name for name in SPLITS if not found[name])
    if missing:
        raise CatalogNERError(
            f"{source}: no column file for {missing}; expected train, dev and test with one of the"
            f" endings {', '.join(_ENDINGS)}: copy or rename the files you have"
        )
    for name, paths in found.items():
        if len(paths) > 1:
            names = " and ".join(path.name for path in paths)
            raise CatalogNERError(f"{source}: {names}, expected one file for {name}; remove others")
    return {name: path for name, (path,) in found.items()}
