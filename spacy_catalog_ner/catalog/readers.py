"""Reading catalog entries from the files people have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from spacy_catalog_ner.catalog.entry import Entry
from spacy_catalog_ner.catalog.json_entries import iter_json_entries
from spacy_catalog_ner.catalog.rows import COLUMNS, check_columns, entries_of, place_entries
from spacy_catalog_ner.catalog.sql import iter_parquet
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.io.delimited import DELIMITERS, iter_delimited
from spacy_catalog_ner.io.files import detect_kind, require_path

_KINDS = (".jsonl", ".parquet", *DELIMITERS)
_EXPECTED = ".jsonl, .csv, .tsv or .parquet file"


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
        kind = detect_kind(file, _KINDS)
        if kind == ".jsonl":
            entries = iter_json_entries(file, problems, on_read)
        elif kind == ".parquet":
            entries = entries_of(iter_parquet(file), str(file), problems)
        else:
            rows = iter_delimited(
                file,
                DELIMITERS[kind],
                problems,
                check_header=check_columns,
                one_line=COLUMNS,
                on_read=on_read,
            )
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
        files = [child for child in children if detect_kind(child, _KINDS) and child.is_file()]
        if not files:
            raise CatalogNERError(f"{path}: no {_EXPECTED} in this folder")
        return files
    if not detect_kind(path, _KINDS):
        raise CatalogNERError(
            f"{path}: expected a {_EXPECTED}; the first three may end in .gz or .zst"
        )
    return [path]
