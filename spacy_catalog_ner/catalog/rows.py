"""From the rows of any source to entries: a broken row is reported while the rest goes on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from spacy_catalog_ner.catalog.entry import Entry
from spacy_catalog_ner.errors import CatalogNERError, Place, Problems

COLUMNS = ("text", "label", "id", "weight", "aliases", "lang")
"""What an entry takes of a row."""


def check_columns(columns: Sequence[str], where: str) -> None:
    """Make sure that a table has the columns of a catalog.

    Raises
    ------
    CatalogNERError
        If ``text`` or ``label`` is missing, or a column that an entry takes is there twice.
    """
    if "text" not in columns or "label" not in columns:
        found = json.dumps(list(columns), ensure_ascii=False)
        raise CatalogNERError(f'{where}: expected columns "text" and "label", got {found:.200}')
    for name in COLUMNS:
        if columns.count(name) > 1:
            raise CatalogNERError(f'{where}: two columns are named "{name}"; rename one of them')


def entries_of(
    rows: Iterable[tuple[int, dict[str, Any]]], source: str, problems: Problems
) -> Iterator[tuple[int, Entry]]:
    """Yield the (line number, entry) of each (line number, row).

    Parameters
    ----------
    rows
        Lines are numbered from 1.
    source
        What messages name: a file, usually.
    problems
        Receives every row that is skipped.
    """
    for line, row in rows:
        try:
            yield line, Entry.from_row(row)
        except CatalogNERError as err:
            problems.add("broken entry", Place(source, line), f"{err}; row skipped")


def place_entries(
    entries: Iterable[tuple[int, Entry]], source: str, problems: Problems
) -> Iterator[Entry]:
    """Yield the entries and keep the place of each in ``problems.at``.

    A source that gives no entry at all is reported.
    """
    found = False
    for line, entry in entries:
        found = True
        problems.at = Place(source, line)
        yield entry
    if not found:
        problems.add("empty file", Place(source, 1), "no catalog entry in it")
