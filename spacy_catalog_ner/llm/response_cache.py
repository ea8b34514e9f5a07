"""The response cache keeps answers of models, so that no request is sent twice."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.files import require_file
from spacy_catalog_ner.io.per_process import PerProcess

T = TypeVar("T")

_APPLICATION = 0x434E4552  # "CNER", SQLite's application_id of our files
_FORMAT = 1
_BUSY_SECONDS = 60.0  # how long to wait while another process writes
_TABLE = """
CREATE TABLE IF NOT EXISTS responses (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, created REAL NOT NULL, answer TEXT NOT NULL
) WITHOUT ROWID
"""


@dataclass(frozen=True)
class CacheInfo:
    """What a response cache holds; `oldest` and `newest` are UTC times in ISO format."""

    path: str
    rows: int
    bytes: int
    models: dict[str, int]  # rows of each
    oldest: str | None  # None if there are no rows
    newest: str | None


@dataclass
class _Connection:
    database: sqlite3.Connection
    lock: threading.Lock
    is_faulty: bool = False


class ResponseCache:
    """Stores answers in an SQLite file that several processes and threads can share.

    Each process opens the file when it first needs it. All methods raise `CatalogNERError` if
    it cannot be opened.

    Parameters
    ----------
    path
        The file, on a local disk: its write-ahead log does not work on a network share.
    must_exist
        Raise an error if there is no file, instead of creating it.
    """

    def __init__(self, path: str | Path, *, must_exist: bool = False) -> None:
        self.path = Path(path)
        self.must_exist = must_exist
        self._connection = PerProcess(self._open)

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the answer stored under a key, or None."""
        query = "SELECT answer FROM responses WHERE key = ?"

        def look_up(database: sqlite3.Connection) -> dict[str, Any] | None:
            row = database.execute(query, (key,)).fetchone()
            return None if row is None else json.loads(row[0])

        return self._try(look_up, "read")

    def put(self, key: str, model: str, answer: dict[str, Any]) -> None:
        """Store a JSON-serialisable answer of a model; warns once if it cannot be written."""
        row = (key, model, time.time(), json.dumps(answer))
        statement = "INSERT OR REPLACE INTO responses VALUES (?, ?, ?, ?)"
        self._try(lambda database: database.execute(statement, row), "written to")

    def info(self) -> CacheInfo:
        """Describe what is stored."""
        with self._strict() as database:
            query = "SELECT model, count(*) FROM responses GROUP BY model ORDER BY model"
            models = dict(database.execute(query))
            query = "SELECT min(created), max(created) FROM responses"
            oldest, newest = map(_iso, database.execute(query).fetchone())
        files = [self.path.with_name(self.path.name + end) for end in ("", "-wal", "-shm")]
        size = sum(file.stat().st_size for file in files if file.exists())
        return CacheInfo(str(self.path), sum(models.values()), size, models, oldest, newest)

    def clear(self, model: str | None = None) -> int:
        """Delete the answers of one model, or all, free the space and return their number."""
        statement = "DELETE FROM responses WHERE ?1 IS NULL OR model = ?1"
        with self._strict() as database:
            deleted = database.execute(statement, (model,)).rowcount
            database.execute("VACUUM")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return deleted

    def _try(self, use: Callable[[sqlite3.Connection], T], what: str) -> T | None:
        """Use the database; warn once if that fails."""
        connection = self._connection.get()
        try:
            with connection.lock:
                return use(connection.database)
        except (sqlite3.Error, ValueError) as err:
            if not connection.is_faulty:
                connection.is_faulty = True
                warnings.warn(
                    f"{self.path}: the response cache could not be {what} ({err}); answers are not"
                    " lost, but what is not stored will be asked for again",
                    stacklevel=2,
                )
            return None

    @contextmanager
    def _strict(self) -> Iterator[sqlite3.Connection]:
        """Use the database; raise `CatalogNERError` if that fails."""
        connection = self._connection.get()
        try:
            with connection.lock:
                yield connection.database
        except sqlite3.Error as err:
            raise CatalogNERError(
                f"{self.path}: the response cache cannot be used ({err})"
            ) from None

    def _open(self) -> _Connection:
        if self.must_exist:
            require_file(self.path, "a response cache")
        database = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(
                self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            _prepare(database)
        except (OSError, sqlite3.Error) as err:
            if database is not None:
                database.close()
            raise CatalogNERError(
                f"{self.path}: cannot be opened as a response cache ({err}); name another file, or"
                " remove this one if nothing in it is needed"
            ) from None
        return _Connection(database, threading.Lock())


def _prepare(database: sqlite3.Connection) -> None:
    """Create the table, or raise `sqlite3.Error` if the file is no response cache."""
    # This is checked before anything in the file is changed.
    queries = "SELECT count(*) FROM sqlite_master", "PRAGMA application_id", "PRAGMA user_version"
    tables, application, version = (database.execute(each).fetchone()[0] for each in queries)
    if tables and (application, version) != (_APPLICATION, _FORMAT):
        raise sqlite3.DatabaseError("it holds something else, or is of another version")
    _use_write_ahead_log(database)
    # With a write-ahead log, this is safe if a process is killed, and fast.
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("BEGIN IMMEDIATE")  # fails here if the disk is full or the file read-only
    database.execute(_TABLE)
    database.execute(f"PRAGMA application_id = {_APPLICATION}")
    database.execute(f"PRAGMA user_version = {_FORMAT}")
    database.execute("COMMIT")


def _use_write_ahead_log(database: sqlite3.Connection) -> None:
    """Switch to a write-ahead log; SQLite itself does not wait for others that do the same."""
    end = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as err:
            if "locked" not in str(err) or time.monotonic() > end:
                raise
            time.sleep(0.01)


def _iso(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
