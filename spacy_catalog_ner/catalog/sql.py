"""Reading catalog entries from Parquet files and from whatever DuckDB can query."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from spacy_catalog_ner.catalog.entry import Entry
from spacy_catalog_ner.catalog.rows import check_columns, entries_of
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
    rows = _iter_query(query, [], _SOURCE, "the query fails", "reading from SQL")
    return entries_of(rows, _SOURCE, problems)


def iter_parquet(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (row number, row) of a Parquet file.

    Raises
    ------
    CatalogNERError
        If the file is broken or has no columns ``text`` and ``label``.
    MissingExtraError
        If DuckDB is not installed.
    """
    # Old writers do not mark strings as such. The name of the file is no pattern.
    query = "FROM read_parquet(?, binary_as_string = true, hive_partitioning = false)"
    name = glob.escape(str(path))
    return _iter_query(query, [name], str(path), "not a whole Parquet file", "reading Parquet")


def _iter_query(
    query: str, parameters: Sequence[str], source: str, failure: str, feature: str
) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        import duckdb
    except ImportError:
        raise MissingExtraError(feature, "sql") from None
    number = 0
    with duckdb.connect() as connection:
        # Otherwise a table that does not exist is looked for among the variables of this module.
        connection.execute("SET python_enable_replacements = false")
        try:
            result = connection.execute(query, parameters)
            names = [] if result is None else [column[0] for column in result.description]
            check_columns(names, source)
            while batch := result.fetchmany(_BATCH):
                for values in batch:
                    number += 1
                    yield number, _to_row(names, values)
        except RuntimeError as err:
            if "interrupted" in str(err):  # how DuckDB reports Ctrl-C
                raise KeyboardInterrupt from None
            raise
        except duckdb.Error as err:
            where = f"{source}:{number + 1}" if number else source
            reason = str(err).splitlines()[0]
            raise CatalogNERError(f"{where}: {failure} ({reason})") from None


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
