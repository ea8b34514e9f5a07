"""Keeping two runs from writing the same file."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from spacy_catalog_ner.errors import CatalogNERError


class Lock:
    """A lock on an output, held until it is released or the process ends.

    Parameters
    ----------
    target
        The file that is to be written; the lock is on ``TARGET.lock`` beside it.

    Raises
    ------
    CatalogNERError
        If another run holds it.
    """

    def __init__(self, target: Path) -> None:
        self._path = target.with_name(f"{target.name}.lock")
        self._stream = self._path.open("ab")
        if not self._take():
            self._stream.close()
            raise CatalogNERError(f"{target}: another run is writing it; wait for it to end")

    def _take(self) -> bool:
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # It may have been released, and so removed, since it was opened
            return os.path.samestat(self._path.stat(), os.fstat(self._stream.fileno()))
        except (BlockingIOError, FileNotFoundError):
            return False

    def release(self) -> None:
        """Let other runs write; the last thing to do."""
        self._path.unlink(missing_ok=True)  # before it is let go: later it may be another's
        self._stream.close()
