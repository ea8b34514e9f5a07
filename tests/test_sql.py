"""Catalog entries from Parquet files and SQL queries, with DuckDB."""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest

from spacy_catalog_ner.catalog import Entry, read_entries
from spacy_catalog_ner.catalog.readers import read_sql
from spacy_catalog_ner.catalog.tables import iter_parquet
from spacy_catalog_ner.errors import CatalogNERError, MissingExtraError, Problems

ADELE = "SELECT 'Adele' AS text, 'ARTIST' AS label"


def write_parquet(path: Path, query: str) -> Path:
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path


def from_sql(query: str) -> tuple[list[Entry], Problems]:
    problems = Problems()
    return list(read_sql(query, problems)), problems


def from_parquet(path: Path) -> tuple[list[Entry], Problems]:
    problems = Problems()
    return list(read_entries(path, problems)), problems


# Values


def test_a_query_gives_entries():
    entries, problems = from_sql(
        "SELECT 'The Weeknd' AS text, 'ARTIST' AS label, 'w/1' AS id, 3 AS weight,"
        " ['Weeknd', 'Abel Tesfaye'] AS aliases, 'en' AS lang, 'more' AS other"
    )
    assert entries == [Entry("The Weeknd", "ARTIST", "w/1", 3.0, ("Weeknd", "Abel Tesfaye"), "en")]
    assert len(problems) == 0


def test_the_rows_of_a_parquet_file_become_entries(tmp_path):
    query = f"{ADELE}, 7 AS id, 2.5 AS weight, ['Adele Adkins'] AS aliases"
    entries, problems = from_parquet(write_parquet(tmp_path / "a.parquet", query))
    assert entries == [Entry("Adele", "ARTIST", "7", 2.5, ("Adele Adkins",))]
    assert len(problems) == 0


VALUES = {
    "an integer id": ("12 AS id", Entry("Adele", "ARTIST", "12")),
    "a larger integer": (f"{10**30} AS id", Entry("Adele", "ARTIST", str(10**30))),
    "an id that a data frame made a float": ("12.0::DOUBLE AS id", Entry("Adele", "ARTIST", "12")),
    "no id": ("NULL AS id", Entry("Adele", "ARTIST", "")),
    "no id, in a data frame": ("'nan'::DOUBLE AS id", Entry("Adele", "ARTIST", "")),
    "a UUID": (
        "'00000000-0000-0000-0000-000000000007'::UUID AS id",
        Entry("Adele", "ARTIST", "00000000-0000-0000-0000-000000000007"),
    ),
    "a decimal weight": ("2.5::DECIMAL(9, 3) AS weight", Entry("Adele", "ARTIST", weight=2.5)),
    "no weight": ("NULL AS weight", Entry("Adele", "ARTIST", weight=1.0)),
    "NULL among the aliases": ("['A', NULL] AS aliases", Entry("Adele", "ARTIST", aliases=("A",))),
    "no aliases": ("NULL AS aliases", Entry("Adele", "ARTIST")),
    "aliases in one string": ("'A|B' AS aliases", Entry("Adele", "ARTIST", aliases=("A", "B"))),
    "aliases in an array": (
        "array_value('A', 'B') AS aliases",
        Entry("Adele", "ARTIST", aliases=("A", "B")),
    ),
}


@pytest.mark.parametrize("value", VALUES)
def test_values_of_sql_become_those_of_an_entry(value):
    column, expected = VALUES[value]
    entries, problems = from_sql(f"{ADELE}, {column}")
    assert entries == [expected]
    assert len(problems) == 0


def test_a_category_is_a_label():
    entries, _ = from_sql("SELECT 'Adele' AS text, 'ARTIST'::ENUM('ARTIST', 'SONG') AS label")
    assert entries == [Entry("Adele", "ARTIST")]


def test_strings_that_an_old_writer_did_not_mark_as_such_are_strings(tmp_path):
    query = "SELECT 'Adele'::BLOB AS text, 'ARTIST'::BLOB AS label"
    entries, _ = from_parquet(write_parquet(tmp_path / "a.parquet", query))
    assert entries == [Entry("Adele", "ARTIST")]


# Queries


def test_rows_come_in_the_order_of_the_query_however_many_there_are():
    entries, _ = from_sql("SELECT 'n' || i AS text, 'X' AS label FROM range(5000) t(i) ORDER BY i")
    assert [entry.text for entry in entries] == [f"n{i}" for i in range(5000)]


def test_a_query_reads_files_and_may_have_several_statements(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("name,mbid\nAdele,1\n")
    entries, _ = from_sql(
        f"CREATE TABLE artists AS FROM '{path}';"
        " SELECT name AS text, 'ARTIST' AS label, mbid AS id FROM artists"
    )
    assert entries == [Entry("Adele", "ARTIST", "1")]


def test_a_query_that_nobody_reads_to_its_end_is_given_up():
    entries = read_sql(f"{ADELE} FROM range(100_000_000_000)", Problems())
    assert next(entries) == Entry("Adele", "ARTIST")
    entries.close()


@pytest.fixture
def interruptible():
    """Take SIGINT as Python does by itself: a shell lets its background jobs ignore it."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, handler)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_stops_a_query_at_once():
    main = threading.main_thread().ident
    timer = threading.Timer(0.5, signal.pthread_kill, (main, signal.SIGINT))
    start = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        from_sql(f"SELECT max(text) AS text, 'X' AS label FROM ({ADELE} FROM range({10**13}))")
    assert time.monotonic() - start < 10


def test_problems_know_the_row_that_was_read_last():
    problems = Problems()
    places = [problems.at for _ in read_sql(f"{ADELE} FROM range(2)", problems)]
    assert places == [("--sql", 1), ("--sql", 2)]


# Parquet files


def test_a_folder_of_parquet_parts_is_read_in_the_order_of_their_names(tmp_path):
    folder = tmp_path / "artists.parquet"
    folder.mkdir()
    for number in (2, 1):
        write_parquet(
            folder / f"part-{number}.parquet", f"SELECT 'n{number}' AS text, 'X' AS label"
        )
    (folder / "_SUCCESS").touch()
    entries, problems = from_parquet(folder)
    assert [entry.text for entry in entries] == ["n1", "n2"]
    assert len(problems) == 0


def test_the_name_of_a_file_is_no_pattern(tmp_path):
    write_parquet(tmp_path / "a.parquet", ADELE)
    path = write_parquet(tmp_path / "[a]*.parquet", "SELECT 'Dune' AS text, 'MOVIE' AS label")
    assert from_parquet(path)[0] == [Entry("Dune", "MOVIE")]


def test_of_a_wide_file_only_the_columns_of_an_entry_are_read(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", f"SELECT [1, 2] AS vector, * FROM ({ADELE})")
    assert [row for _, row in iter_parquet(path)] == [{"text": "Adele", "label": "ARTIST"}]


def test_the_size_of_a_parquet_file_is_told_when_it_was_read(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", ADELE)
    told: list[int] = []
    list(read_entries(path, Problems(), told.append))
    assert told == [path.stat().st_size]


# Broken rows


BROKEN_ROWS = {
    "no name": ("NULL", "'X'", "expected a name, got None"),
    "empty name": ("''", "'X'", "without a letter or digit"),
    "punctuation only": ("'?!...'", "'X'", "without a letter or digit"),
    "10,000 characters": ("repeat('x', 10000)", "'X'", "a name of 10000 characters"),
    "NUL": ("'a' || chr(0) || 'b'", "'X'", "name with a NUL byte"),
    "no label": ("'Dune'", "NULL", "no label"),
}


@pytest.mark.parametrize("broken", BROKEN_ROWS)
def test_a_broken_row_is_named_and_counted_while_the_rest_goes_on(broken):
    text, label, message = BROKEN_ROWS[broken]
    entries, problems = from_sql(f"{ADELE} UNION ALL SELECT {text}, {label} UNION ALL {ADELE}")
    assert [entry.text for entry in entries] == ["Adele", "Adele"]
    assert problems.counts == {"broken entry": 1}
    assert problems.messages[0].startswith("--sql:2: ")
    assert message in problems.messages[0]


def test_a_column_of_numbers_holds_no_names():
    entries, problems = from_sql("SELECT 1984 AS text, 'BOOK' AS label")
    assert entries == []
    assert problems.messages[0] == "--sql:1: expected a name, got 1984; row skipped"


def test_a_query_without_rows_is_reported():
    entries, problems = from_sql(f"{ADELE} LIMIT 0")
    assert entries == []
    assert problems.messages == ["--sql:1: no catalog entry in it"]


# Broken queries and files


def error_of(run) -> str:
    with pytest.raises(CatalogNERError) as error:
        run()
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELEC 1", "--sql: the query fails (Parser Error: syntax error"),
        ("SELECT * FROM problems", "Table with name problems does not exist"),
        ("SELECT * FROM 'nothing.parquet'", "No files found"),
        (f"{ADELE}, error('no' || chr(10) || 'way')", "Invalid Input Error: no)"),
    ],
)
def test_a_query_that_fails_is_a_one_line_error(query, message):
    assert message in error_of(lambda: from_sql(query))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("SELECT 'Adele' AS name, 'ARTIST' AS label", '["name", "label"]'),
        ("CREATE TABLE t (text TEXT)", '["Count"]'),
        ("", "[]"),
        (";", "[]"),
    ],
)
def test_a_query_without_the_columns_is_an_error_that_shows_what_was_found(query, found):
    message = error_of(lambda: from_sql(query))
    assert message == f'--sql: expected columns "text" and "label", got {found}'


def test_a_column_that_is_there_twice_is_an_error():
    message = error_of(lambda: from_sql(f"SELECT *, 'SINGER' AS label FROM ({ADELE})"))
    assert 'two columns are named "label"' in message


def test_a_parquet_file_without_the_columns_is_an_error_that_shows_what_was_found(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", "SELECT 'Adele' AS name")
    message = error_of(lambda: from_parquet(path))
    assert message == f'{path}: expected columns "text" and "label", got ["name"]'


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_truncated_parquet_file_is_a_one_line_error(tmp_path, keep):
    path = write_parquet(tmp_path / "a.parquet", ADELE)
    path.write_bytes(path.read_bytes()[:keep])
    assert error_of(lambda: from_parquet(path)).startswith(f"{path}: not a whole Parquet file (")


def test_invalid_utf8_in_a_parquet_file_is_a_one_line_error(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", ADELE)
    path.write_bytes(path.read_bytes().replace(b"Adele", b"Ad\xe9le"))
    assert error_of(lambda: from_parquet(path)).startswith(f"{path}: not a whole Parquet file (")


@pytest.mark.parametrize(
    ("run", "feature"),
    [
        (lambda folder: from_parquet(folder / "a.parquet"), "reading Parquet"),
        (lambda folder: from_sql(ADELE), "reading from SQL"),
    ],
)
def test_without_duckdb_the_error_says_what_to_install(tmp_path, monkeypatch, run, feature):
    write_parquet(tmp_path / "a.parquet", ADELE)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(MissingExtraError, match=rf"{feature} needs .*spacy-catalog-ner\[sql\]"):
        run(tmp_path)
