"""Reading catalog entries from the files people have."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spacy_catalog_ner.catalog.entry import Entry
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.files import iter_jsonl, iter_lines, require_path

_DELIMITERS = {".csv": ",", ".tsv": "\t"}


def read_entries(path: str | Path, problems: Problems) -> Iterator[Entry]:
    """Stream the entries of a JSONL, CSV or TSV file, or of a folder of such files.

    A CSV or TSV file has a header that names ``text`` and ``label`` and perhaps ``id``,
    ``weight``, ``lang`` and ``aliases`` (``a|b``). A name may end in ``.gz``. spaCy EntityRuler
    phrase patterns are read as they are.

    Parameters
    ----------
    path
        File or folder.
    problems
        Receives every row that is skipped, with its line.

    Raises
    ------
    CatalogNERError
        If the file is missing, of an unknown kind, or has no usable header.
    """
    path = require_path(path, "catalog entries (.jsonl, .csv or .tsv)")
    if path.is_dir():
        files = sorted(
            child for child in path.iterdir() if _kind(child) in (".jsonl", *_DELIMITERS)
        )
        if not files:
            raise CatalogNERError(f"{path}: no .jsonl, .csv or .tsv file in this folder")
        for file in files:
            yield from read_entries(file, problems)
        return
    kind = _kind(path)
    if kind == ".jsonl":
        rows: Iterator[tuple[int, dict[str, Any]]] = iter_jsonl(path, problems)
    elif kind in _DELIMITERS:
        rows = _iter_delimited(path, _DELIMITERS[kind], problems)
    else:
        raise CatalogNERError(
            f"{path}: expected a .jsonl, .csv or .tsv file (or one ending in .gz)"
        )
    found = False
    for line, row in rows:
        try:
            entry = Entry.from_row(row)
        except CatalogNERError as err:
            problems.add("broken entry", path, line, f"{err}; row skipped")
            continue
        found = True
        yield entry
    if not found:
        problems.add("empty file", path, 1, "no catalog entry in this file")


def _kind(path: Path) -> str:
    return Path(path.stem).suffix if path.suffix == ".gz" else path.suffix


def _iter_delimited(
    path: Path, delimiter: str, problems: Problems
) -> Iterator[tuple[int, dict[str, Any]]]:
    line = 0

    def texts() -> Iterator[str]:
        nonlocal line  # the reader's own count leaves out the lines that iter_lines skips
        for line, text in iter_lines(path, problems):  # noqa: B007
            yield text

    reader = csv.DictReader(texts(), delimiter=delimiter)
    try:
        header = list(reader.fieldnames or [])
    except csv.Error as err:
        raise CatalogNERError(f"{path}:1: no usable header ({err})") from None
    if "text" not in header or "label" not in header:
        found = json.dumps(header, ensure_ascii=False)
        raise CatalogNERError(
            f'{path}:1: expected a header with "text" and "label", got {found:.200}'
        )
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as err:
            problems.add("broken row", path, line, f"{err}; row skipped")
            continue
        if None in row:
            message = f"more than the header's {len(header)} fields (quote a name that has a comma)"
            problems.add("broken row", path, line, f"{message}; row skipped")
            continue
        yield line, row
