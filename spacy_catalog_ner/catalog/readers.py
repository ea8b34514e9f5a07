"""Reading catalog entries from the files and tables people have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from spacy_catalog_ner.catalog.entry import Entry
from spacy_catalog_ner.catalog.tables import COLUMNS, check_columns, iter_parquet, iter_query
from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.io.delimited import DELIMITERS, iter_delimited
from spacy_catalog_ner.io.files import detect_kind, iter_line_blocks, parse_block, require_path

_KINDS = (".jsonl", ".parquet", *DELIMITERS)
_EXPECTED = ".jsonl, .csv, .tsv or .parquet file"
_SQL = "--sql"


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
            entries = _iter_json_entries(file, problems, on_read)
        elif kind == ".parquet":
            entries = _make_entries(iter_parquet(file), str(file), problems)
        else:
            rows = iter_delimited(
                file,
                DELIMITERS[kind],
                problems,
                check_header=check_columns,
                one_line=COLUMNS,
                on_read=on_read,
            )
            entries = _make_entries(rows, str(file), problems)
        yield from _keep_place(entries, str(file), problems)
        if kind == ".parquet":  # DuckDB does not tell how far it has come
            on_read(file.stat().st_size)


def read_sql(query: str, problems: Problems) -> Iterator[Entry]:
    """Stream the entries that a query gives, in an empty in-memory DuckDB.

    Parameters
    ----------
    query
        SQL that gives columns ``text`` and ``label`` and perhaps ``id``, ``weight``, ``aliases``
        and ``lang``: ``SELECT name AS text, 'ARTIST' AS label FROM 'artists.parquet'``.
    problems
        Receives every row that is skipped, with its number from 1.

    Raises
    ------
    CatalogNERError
        If the query fails or gives other columns.
    MissingExtraError
        If DuckDB is not installed.
    """
    entries = _make_entries(iter_query(query, _SQL), _SQL, problems)
    return _keep_place(entries, _SQL, problems)


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


def _make_entries(
    rows: Iterable[tuple[int, dict[str, Any]]], source: str, problems: Problems
) -> Iterator[tuple[int, Entry]]:
    for line, row in rows:
        try:
            yield line, Entry.from_row(row)
        except CatalogNERError as err:
            problems.add("broken entry", Place(source, line), f"{err}; row skipped")


def _keep_place(
    entries: Iterable[tuple[int, Entry]], source: str, problems: Problems
) -> Iterator[Entry]:
    """Yield the entries, with the place of each in ``problems.at``; report if there is none."""
    found = False
    for line, entry in entries:
        found = True
        problems.at = Place(source, line)
        yield entry
    if not found:
        problems.add("empty file", Place(source, 1), "no catalog entry in it")


class _Row(msgspec.Struct, gc=False):
    """What most rows look like; `Entry.from_row` takes more than this."""

    text: str
    label: str
    id: str | int | None = ""
    weight: float | None = 1.0
    lang: str | None = ""
    aliases: list[str] | None = None


_DECODER = msgspec.json.Decoder(_Row)


def _iter_json_entries(
    path: Path, problems: Problems, on_read: Callable[[int], object]
) -> Iterator[tuple[int, Entry]]:
    """Yield (line number, entry) of a JSONL file; broken rows are reported and skipped.

    A block of usual rows is checked and made as a whole. One with anything else in it is read row
    by row, so that what is reported of a row does not depend on its neighbours.
    """
    for first, block in iter_line_blocks(path, on_read):
        entries = _decode(block)
        if entries is None:
            rows = parse_block(path, first, block, problems)
            yield from _make_entries(rows, str(path), problems)
        else:
            yield from enumerate(entries, start=first)


def _decode(block: bytes) -> list[Entry] | None:
    """Return the entry of each line, or None where a row is not of the usual kind."""
    lines = block.count(b"\n") + (not block.endswith(b"\n"))
    try:
        rows = _DECODER.decode_lines(block.decode("utf8"))
        if len(rows) != lines:
            return None
        texts = [row.text.strip() for row in rows]
        labels = [row.label.strip() for row in rows]
        ids = ["" if row.id is None else str(row.id) for row in rows]
        weights = [1.0 if row.weight is None else row.weight for row in rows]
        langs = [row.lang or "" for row in rows]
        if not any(row.aliases for row in rows):
            return Entry.from_columns(texts, labels, ids, weights, langs)
        aliases = [tuple(filter(None, map(str.strip, row.aliases or ()))) for row in rows]
        return list(map(Entry, texts, labels, ids, weights, aliases, langs))
    except (UnicodeDecodeError, msgspec.MsgspecError, CatalogNERError):
        return None
