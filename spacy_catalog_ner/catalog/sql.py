"""Reading catalog entries from Parquet files and from whatever DuckDB can query."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from spacy_catalog_ner.catalog.entry import Entry
from spacy_catalog_ner.catalog.rows import COLUMNS, check_columns, entries_of, place_entries
from spacy_catalog_ner.errors import CatalogNERError, MissingExtraError, Problems

_SOURCE = "--sql"
_BATCH = 2048  # rows of one of DuckDB's own vectors


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
    entries = entries_of(_iter_query(query), _SOURCE, problems)
    return place_entries(entries, _SOURCE, problems)


def iter_parquet(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (row number, row) of a Parquet file.

    Raises
    ------
    CatalogNERError
        If the file is broken or has no columns ``text`` and ``label``.
    MissingExtraError
        If DuckDB is not installed.
    """
    # Old writers do not mark strings as such.
    table = "read_parquet(?, binary_as_string = true, hive_partitioning = false)"
    name = glob.escape(str(path))  # DuckDB would take it for a pattern
    with _Database(str(path), "not a whole Parquet file", "reading Parquet") as database:
        columns = database.execute(f"FROM {table} LIMIT 0", [name])
        check_columns(columns, str(path))
        taken = ", ".join(f'"{column}"' for column in columns if column in COLUMNS)
        database.execute(f"SELECT {taken} FROM {table}", [name])
        yield from database.rows()


def _iter_query(query: str) -> Iterator[tuple[int, dict[str, Any]]]:
    with _Database(_SOURCE, "the query fails", "reading from SQL") as database:
        check_columns(database.execute(query), _SOURCE)
        yield from database.rows()


class _Database:
    """An empty in-memory DuckDB whose errors are ours.

    It works in a thread of its own: in the main one, it leaves Ctrl-C unanswered for minutes.

    Parameters
    ----------
    source
        What messages name.
    failure
        What messages call an error of DuckDB.
    feature
        What cannot be done without DuckDB.
    """

    def __init__(self, source: str, failure: str, feature: str) -> None:
        try:
            import duckdb
        except ImportError:
            raise MissingExtraError(feature, "sql") from None
        self._source = source
        self._failure = failure
        self._error = duckdb.Error
        self._connection = duckdb.connect()
        # Otherwise a table that does not exist is looked for among the variables of this module.
        self._connection.execute("SET python_enable_replacements = false")
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._number = 0  # of the row given last
        self._names: list[str] = []

    def __enter__(self) -> _Database:
        return self

    def __exit__(self, kind: object, err: BaseException | None, traceback: object) -> None:
        if isinstance(err, KeyboardInterrupt):
            self._connection.interrupt()
        self._thread.shutdown()
        self._connection.close()
        if isinstance(err, self._error):
            where = f"{self._source}:{self._number + 1}" if self._number else self._source
            reason = str(err).splitlines()[0]
            raise CatalogNERError(f"{where}: {self._failure} ({reason})") from None

    def execute(self, query: str, parameters: Sequence[str] = ()) -> list[str]:
        """Run a query and return the names of its columns: none, if it is empty."""
        result = self._thread.submit(self._connection.execute, query, parameters).result()
        self._names = [] if result is None else [column[0] for column in result.description]
        return self._names

    def rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield (number, row) of the query executed last."""
        while batch := self._thread.submit(self._connection.fetchmany, _BATCH).result():
            for values in batch:
                self._number += 1
                yield self._number, _to_row(self._names, values)


def _to_row(names: list[str], values: tuple[Any, ...]) -> dict[str, Any]:
    return {
        name: value if type(value) is str else _plain(value)
        for name, value in zip(names, values, strict=True)
    }


def _plain(value: Any) -> Any:
    """Return what JSON would hold: tables have NULL among aliases and floats among ids."""
    if isinstance(value, list):
        return [item for item in value if item is not None]
    if isinstance(value, float):
        if value.is_integer():
            return int(value)  # a column of whole numbers and NULL, as data frames write it
        return None if value != value else value  # NaN is their NULL
    return value
