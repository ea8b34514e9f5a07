"""Reading catalog entries from the files people have."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from spacy_catalog_ner.catalog.entry import Entry
from spacy_catalog_ner.catalog.json_entries import iter_json_entries
from spacy_catalog_ner.catalog.rows import COLUMNS, check_columns, entries_of, place_entries
from spacy_catalog_ner.catalog.sql import iter_parquet
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.files import iter_lines, require_path

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_KINDS = (".jsonl", ".parquet", *_DELIMITERS)
_PACKED = (".gz", ".zst")
_EXPECTED = ".jsonl, .csv, .tsv or .parquet file"
_NOT_CLOSED = "a quote that is not closed"
_MAX_ROW_LINES = 100  # a quoted field may span lines; one that spans more was never closed


def read_entries(
    path: str | Path, problems: Problems, on_read: Callable[[int], object] = lambda size: None
) -> Iterator[Entry]:
    """Stream the entries of a JSONL, CSV, TSV or Parquet file, or of a folder of such files.

    A CSV or TSV file has a header that names ``text`` and ``label`` and perhaps ``id``,
    ``weight``, ``lang`` and ``aliases`` (``a|b``); Parquet has columns of these names. All but
    Parquet may be packed: ``.gz`` or ``.zst``. spaCy EntityRuler patterns in JSONL are read as
    they are, where they stand for a name.

    Parameters
    ----------
    path
        File or folder.
    problems
        Receives every row that is skipped, with its line; ``problems.at`` is the line of the entry
        yielded last.
    on_read
        Called with the number of bytes of each block read, as the file has them; they add up to
        the sizes of `find_files`.

    Raises
    ------
    CatalogNERError
        If the file is missing, broken, of an unknown kind, or has no usable header.
    """
    for file in find_files(path):
        kind = _kind(file)
        if kind == ".jsonl":
            entries = iter_json_entries(file, problems, on_read)
        elif kind == ".parquet":
            entries = entries_of(iter_parquet(file), str(file), problems)
        else:
            rows = _iter_delimited(file, _DELIMITERS[kind], problems, on_read)
            entries = entries_of(rows, str(file), problems)
        yield from place_entries(entries, str(file), problems)
        if kind == ".parquet":  # DuckDB does not tell how far it has come
            on_read(file.stat().st_size)


def find_files(path: str | Path) -> list[Path]:
    """Return the files that `read_entries` reads: those of a folder in the order of their names.

    Raises
    ------
    CatalogNERError
        If there is none.
    """
    path = require_path(path, f"catalog entries (a {_EXPECTED})")
    if path.is_dir():
        children = sorted(child for child in path.iterdir() if not child.name.startswith("."))
        files = [child for child in children if _kind(child) and child.is_file()]
        if not files:
            raise CatalogNERError(f"{path}: no {_EXPECTED} in this folder")
        return files
    if not _kind(path):
        raise CatalogNERError(
            f"{path}: expected a {_EXPECTED}; the first three may end in .gz or .zst"
        )
    return [path]


def _kind(path: Path) -> str:
    """Return the suffix that says how to read a file, or an empty string for another kind."""
    packed = path.suffix in _PACKED
    kind = Path(path.stem).suffix if packed else path.suffix
    return kind if kind in _KINDS and not (packed and kind == ".parquet") else ""


def _iter_delimited(
    path: Path, delimiter: str, problems: Problems, on_read: Callable[[int], object]
) -> Iterator[tuple[int, dict[str, Any]]]:
    lines = _RowLines(iter_lines(path, problems, on_read))
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as err:
        raise CatalogNERError(f"{path}:1: no usable header ({err})") from None
    check_columns(header, f"{path}:1")
    while True:
        lines.row.clear()
        message = ""
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as err:
            message = str(err)
        else:
            if len(lines.row) > 1 and not _may_span_lines(header, row, lines.row, delimiter):
                message = _NOT_CLOSED
            elif len(row) > len(header):
                message = f"more than the header's {len(header)} fields (quote a name with a comma)"
        number = lines.row[0][0]
        if message:
            problems.add("broken row", path, number, f"{message}; row skipped")
            lines.put_back_all_but_first()
        elif row:
            yield number, dict(zip(header, row, strict=False))


class _RowLines:
    """The lines of a CSV file, with the (number, text) of those that the present row took."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self.row: list[tuple[int, str]] = []
        self._lines = lines
        self._again: deque[tuple[int, str]] = deque()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.row) == _MAX_ROW_LINES:
            raise csv.Error(_NOT_CLOSED)
        line = self._again.popleft() if self._again else next(self._lines)
        self.row.append(line)
        return line[1]

    def put_back_all_but_first(self) -> None:
        """Read on after the row's first line: where a quote is missing, the others are rows."""
        self._again.extendleft(reversed(self.row[1:]))


def _may_span_lines(
    header: list[str], row: list[str], lines: list[tuple[int, str]], delimiter: str
) -> bool:
    """Tell a field of several lines from a quote that a later line happened to close."""
    try:
        next(csv.reader((text for _, text in lines), delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    taken = [value for name, value in zip(header, row, strict=False) if name in COLUMNS]
    return not any("\n" in value for value in taken)
