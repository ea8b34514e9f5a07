"""Locks that keep two processes from writing the same output."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from spacy_catalog_ner.errors import CatalogNERError


def try_lock(stream: IO[Any]) -> bool:
    """Lock an open file until it is closed or the process ends; False if another holds the lock.

    Where the platform has no `fcntl`, as Windows, nothing is locked.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Lock:
    """A lock file, locked until it is released, which removes it, or the process ends.

    `refusal` is the message of the error if another process or thread still holds the lock after
    `wait` seconds.
    """

    def __init__(self, path: Path, refusal: str, *, wait: float = 0) -> None:
        self._path = path
        give_up = time.monotonic() + wait
        while not self._take():
            if time.monotonic() >= give_up:
                raise CatalogNERError(refusal)
            time.sleep(0.02)

    def _take(self) -> bool:
        self._stream = self._path.open("ab")
        try:
            # Whoever held it may have removed the file since it was opened
            if try_lock(self._stream) and os.path.samestat(
                self._path.stat(), os.fstat(self._stream.fileno())
            ):
                return True
        except FileNotFoundError:
            pass
        self._stream.close()
        return False

    def release(self) -> None:
        """Let others write."""
        with suppress(OSError):  # an open file stays on Windows
            self._path.unlink()  # while it is locked: later it may be another's
        self._stream.close()

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()
