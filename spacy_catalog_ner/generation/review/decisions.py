"""The log of a reviewer's decisions."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType

from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.generation.patterns.files import iter_decisions
from spacy_catalog_ner.generation.review.decision import Decision, stand, standing
from spacy_catalog_ner.io.files import dump_row
from spacy_catalog_ner.io.lock import try_lock


class Decisions:
    """A file of decisions that only grows, open for writing by one session at a time.

    Every decision is on disk when `add` returns. What a session that was killed left half written
    is cut off and reported when the file is opened again. The file itself is locked: it is never
    renamed, and a lock ends with the process that holds it.

    Parameters
    ----------
    path
        JSONL file; made if there is none.
    problems
        Receives broken rows, which stay in the file, and what was cut off.

    Raises
    ------
    CatalogNERError
        If another session has it open, or it is no file of decisions.
    """

    def __init__(self, path: Path, problems: Problems) -> None:
        if path.suffix != ".jsonl":
            raise CatalogNERError(f"{path}: expected the name of a .jsonl file of decisions")
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._stream = path.open("ab", buffering=0)
        try:
            self._lock()
            self._mend(problems)
            self._standing = standing(self._read(problems))
        except BaseException:
            self.close()
            raise

    @property
    def standing(self) -> Mapping[str, Decision]:
        """The decisions that count: the last one on each pattern."""
        return MappingProxyType(self._standing)

    def add(self, *decisions: Decision) -> None:
        """Append decisions and sync them to disk.

        Raises
        ------
        OSError
            If they cannot be written; then none of them is.
        """
        rows = memoryview("".join(dump_row(one.to_row()) for one in decisions).encode("utf8"))
        size = os.fstat(self._stream.fileno()).st_size
        try:
            while rows:
                rows = rows[self._stream.write(rows) :]
            os.fsync(self._stream.fileno())
        except OSError:
            self._stream.truncate(size)
            raise
        for decision in decisions:
            stand(self._standing, decision)

    def close(self) -> None:
        """Close the file, which lets another session open it."""
        self._stream.close()

    def __enter__(self) -> Decisions:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _lock(self) -> None:
        if not try_lock(self._stream):
            raise CatalogNERError(f"{self.path}: another session is writing it; wait for it to end")

    def _mend(self, problems: Problems) -> None:
        """Make the last line whole: end it, or cut it off where it is only part of a row."""
        content = self.path.read_bytes()
        end = content.rfind(b"\n") + 1
        last = content[end:]
        if not last:
            return
        if not last.lstrip().startswith(b"{"):  # nothing that was written here
            raise CatalogNERError(f"{self.path}: not a file of decisions; name another one")
        try:
            json.loads(last)
        except ValueError:
            line = content.count(b"\n") + 1
            message = "only part of a row, as of a session that was killed; cut off"
            problems.add("torn row", Place(self.path, line), message)
            self._stream.truncate(end)
        else:
            self._stream.write(b"\n")

    def _read(self, problems: Problems) -> list[Decision]:
        decisions = []
        for line, decision in iter_decisions(self.path, problems):
            if decision.answer is None:
                raise CatalogNERError(
                    f'{self.path}:{line}: a pattern without "answer", expected a file of decisions;'
                    " name another one"
                )
            decisions.append(decision)
        return decisions
