"""The response cache: what a model answered, so that the same is never asked twice."""

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

_APPLICATION = 0x434E4552  # "CNER": marks the file as ours, where SQLite keeps such a mark
_FORMAT = 1
_BUSY_SECONDS = 60.0  # how long to wait while another process writes
_TABLE = """
CREATE TABLE IF NOT EXISTS responses (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, created REAL NOT NULL, answer TEXT NOT NULL
) WITHOUT ROWID
"""


@dataclass
class _Connection:
    database: sqlite3.Connection
    lock: threading.Lock
    is_faulty: bool = False


class ResponseCache:
    """Answers by a key, in an SQLite file that several processes and threads use at once.

    The file is opened, and made where there is none, when it is first needed; every process opens
    it for itself. What is stored is JSON.

    Parameters
    ----------
    path
        The file. Beside it SQLite keeps its write-ahead log while it is in use, which needs a
        local disk and not a network share.
    must_exist
        Raise an error where there is no file, instead of making one.
    """

    def __init__(self, path: str | Path, *, must_exist: bool = False) -> None:
        self.path = Path(path)
        self.must_exist = must_exist
        self._connection = PerProcess(self._open)

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the answer stored under a key, None where there is none.

        Raises
        ------
        CatalogNERError
            If the file cannot be opened.
        """
        query = "SELECT answer FROM responses WHERE key = ?"

        def look_up(database: sqlite3.Connection) -> dict[str, Any] | None:
            row = database.execute(query, (key,)).fetchone()
            return None if row is None else json.loads(row[0])

        return self._try(look_up, "read")

    def put(self, key: str, model: str, answer: dict[str, Any]) -> None:
        """Store an answer; where that fails a warning says so, once, and the run goes on.

        Parameters
        ----------
        key
            What it is found by.
        model
            Name of the model that gave it.
        answer
            JSON-serialisable.

        Raises
        ------
        CatalogNERError
            If the file cannot be opened.
        """
        row = (key, model, time.time(), json.dumps(answer))
        statement = "INSERT OR REPLACE INTO responses VALUES (?, ?, ?, ?)"
        self._try(lambda database: database.execute(statement, row), "written to")

    def info(self) -> dict[str, Any]:
        """Describe what is stored.

        Returns
        -------
        dict
            ``path``; ``rows``; ``bytes`` on disk; ``models``, the number of rows of each;
            ``oldest`` and ``newest``, UTC times in ISO format, None where the cache is empty.

        Raises
        ------
        CatalogNERError
            If the file cannot be opened or read.
        """
        with self._whole() as database:
            models = dict(
                database.execute(
                    "SELECT model, count(*) FROM responses GROUP BY model ORDER BY model"
                )
            )
            query = "SELECT min(created), max(created) FROM responses"
            oldest, newest = database.execute(query).fetchone()
        return {
            "path": str(self.path),
            "rows": sum(models.values()),
            "bytes": sum(file.stat().st_size for file in _files(self.path)),
            "models": models,
            "oldest": _iso(oldest),
            "newest": _iso(newest),
        }

    def clear(self, model: str | None = None) -> int:
        """Delete all answers, or those of one model, and give the space back.

        Parameters
        ----------
        model
            Name of the model; all answers are deleted if None.

        Returns
        -------
        int
            How many were deleted.

        Raises
        ------
        CatalogNERError
            If the file cannot be opened or written.
        """
        where = ("", ()) if model is None else (" WHERE model = ?", (model,))
        with self._whole() as database:
            deleted = database.execute("DELETE FROM responses" + where[0], where[1]).rowcount
            database.execute("VACUUM")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return deleted

    def _try(self, use: Callable[[sqlite3.Connection], T], what: str) -> T | None:
        """Use the database; a failure costs the answer that is asked for or stored, no more."""
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
    def _whole(self) -> Iterator[sqlite3.Connection]:
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
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(
                self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as err:
            raise self._unusable(err) from None
        try:
            _prepare(database)
        except sqlite3.Error as err:
            database.close()
            raise self._unusable(err) from None
        return _Connection(database, threading.Lock())

    def _unusable(self, err: Exception) -> CatalogNERError:
        return CatalogNERError(
            f"{self.path}: cannot be opened as a response cache ({err}); name another file, or"
            " remove this one if nothing in it is needed"
        )


def _prepare(database: sqlite3.Connection) -> None:
    """Make the table, or check that the file is a response cache.

    Raises
    ------
    sqlite3.Error
        If it is something else, or cannot be written.
    """
    # Whether the file is ours is known before anything of it is changed.
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    mark = (_pragma(database, "application_id"), _pragma(database, "user_version"))
    if tables and mark != (_APPLICATION, _FORMAT):
        raise sqlite3.DatabaseError("it holds something else, or is of another version")
    _use_write_ahead_log(database)
    # With a write-ahead log this loses nothing when a process is killed, and waits for no disk.
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("BEGIN IMMEDIATE")  # a full disk or a read-only file shows here
    database.execute(_TABLE)
    database.execute(f"PRAGMA application_id = {_APPLICATION}")
    database.execute(f"PRAGMA user_version = {_FORMAT}")
    database.execute("COMMIT")


def _use_write_ahead_log(database: sqlite3.Connection) -> None:
    """Switch to a write-ahead log, for which SQLite does not wait while another process does it."""
    end = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as err:
            if "locked" not in str(err) or time.monotonic() > end:
                raise
            time.sleep(0.01)


def _pragma(database: sqlite3.Connection, name: str) -> int:
    (value,) = database.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def _files(path: Path) -> list[Path]:
    """Return the file and what SQLite keeps beside it while it is in use."""
    names = (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm"))
    return [file for file in names if file.exists()]


def _iso(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
