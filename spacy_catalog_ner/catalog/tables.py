"""Rows of Parquet files and of whatever else DuckDB can query."""

from __future__ import annotations

import glob
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from spacy_catalog_ner.catalog.entry import Entry
from spacy_catalog_ner.errors import CatalogNERError, MissingExtraError

COLUMNS = Entry._fields
"""The columns that an entry takes of a table."""

_BATCH = 2048  # rows of one of DuckDB's own vectors


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


def iter_query(query: str, source: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (row number, row) of a query; errors, which name `source`, are as `iter_parquet`'s."""
    with _Database(source, "the query fails", "reading from SQL") as database:
        check_columns(database.execute(query), source)
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
