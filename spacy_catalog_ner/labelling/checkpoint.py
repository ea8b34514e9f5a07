"""The files of a run: written so that one that was killed goes on where it was."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.files import atomic_write, dump_row, write_json


def summary_path(target: Path) -> Path:
    """Return where the summary of a labelled file is."""
    return target.with_suffix(".summary.json")


def failed_path(target: Path) -> Path:
    """Return where the rows are that got no answer, with the reason: the dead letters."""
    return target.with_suffix(".failed.jsonl")


class Checkpoint:
    """Rows so far, and how many of them are safe.

    Rows are appended to ``TARGET.part``, those that failed to another, and synced to disk; then
    ``TARGET.part.json`` says how far both are whole. What was appended after that is cut off at
    the next start.

    Parameters
    ----------
    target
        JSONL file that the run is to write.
    fingerprint
        Of the run.

    Attributes
    ----------
    summary
        The summary as it was saved last, None for a new run.
    result
        The summary for the user where the run had come to its end and only files had yet to be
        given their names.

    Raises
    ------
    CatalogNERError
        If the files are of another run, or another process is writing them.
    """

    def __init__(self, target: Path, fingerprint: str) -> None:
        self.target = target
        self.part = _part(target)
        self._state_path = self.part.with_name(f"{self.part.name}.json")
        self._fingerprint = fingerprint
        self._streams: list[IO[bytes]] = []
        state = self._read_state()
        self.summary: dict[str, Any] | None = state.get("summary")
        self.result: dict[str, Any] | None = state.get("result")
        if self.result is None:
            self._open(state.get("bytes", [0, 0]))

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for stream in self._streams:
            with suppress(OSError):  # what a full disk did not take is not safe, and not needed
                stream.close()

    def append(
        self,
        rows: Sequence[dict[str, Any]],
        failed: Sequence[dict[str, Any]],
        summary: dict[str, Any],
    ) -> None:
        """Write the rows of a batch, and remember that all rows so far are whole.

        Parameters
        ----------
        rows
            Labelled rows.
        failed
            Rows that got no answer.
        summary
            Of all rows so far.
        """
        for stream, batch in zip(self._streams, (rows, failed), strict=True):
            if batch:
                stream.write("".join(map(dump_row, batch)).encode("utf8"))
                stream.flush()
                os.fsync(stream.fileno())
        self.summary = summary
        self._save({"summary": summary})

    def publish(self, result: dict[str, Any]) -> None:
        """Write what there is so far to the final files, and keep it so that a run can go on."""
        for path in self._final:
            with _part(path).open("rb") as source, atomic_write(path, "wb") as copy:
                shutil.copyfileobj(source, copy)
        self._remove_empty()
        write_json(summary_path(self.target), result)

    def finish(self, result: dict[str, Any]) -> None:
        """Give the finished files their names; done again after an interruption, it ends the job.

        Parameters
        ----------
        result
            The summary for the user.
        """
        if self.result is None:
            self._save({"summary": self.summary, "result": result})
        for path in self._final:
            with suppress(FileNotFoundError):  # it has its name already
                _part(path).replace(path)
        self._remove_empty()
        write_json(summary_path(self.target), result)
        self._state_path.unlink(missing_ok=True)

    @property
    def _final(self) -> tuple[Path, Path]:
        return self.target, failed_path(self.target)

    def _remove_empty(self) -> None:
        failed = failed_path(self.target)
        if failed.is_file() and not failed.stat().st_size:
            failed.unlink()

    def _read_state(self) -> dict[str, Any]:
        if not self._state_path.is_file():
            return {}
        try:
            state: dict[str, Any] = json.loads(self._state_path.read_bytes())
            is_same = state["fingerprint"] == self._fingerprint
            texts = state["summary"]["texts"]
        except (ValueError, KeyError, TypeError):
            raise CatalogNERError(
                f"{self._state_path}: not the state of a run; remove it to start anew"
            ) from None
        if is_same and "result" in state:
            return state
        if not self.part.is_file():
            return {}
        if not is_same:  # it may have taken days
            raise CatalogNERError(
                f"{self.part}: {texts} texts of a run with another pipeline, input or version; go"
                f" on with those, or remove {self._state_path.name} to start anew"
            )
        return state

    def _open(self, sizes: Sequence[int]) -> None:
        self.target.parent.mkdir(parents=True, exist_ok=True)
        try:
            for path, size in zip(self._final, sizes, strict=True):
                stream = _part(path).open("ab")
                self._streams.append(stream)
                _lock(stream, _part(path))
                if os.fstat(stream.fileno()).st_size < size:
                    raise CatalogNERError(
                        f"{_part(path)}: shorter than {self._state_path.name} says; remove"
                        " both to start anew"
                    )
                stream.truncate(size)
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def _save(self, values: dict[str, Any]) -> None:
        sizes = [os.fstat(stream.fileno()).st_size for stream in self._streams]
        write_json(self._state_path, {"fingerprint": self._fingerprint, "bytes": sizes, **values})


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _lock(stream: IO[bytes], path: Path) -> None:
    """Keep other processes from writing the same file; the lock ends with the process."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_free = path.exists() and os.path.samestat(path.stat(), os.fstat(stream.fileno()))
    except BlockingIOError:
        is_free = False
    if not is_free:  # being written, or given its name just now
        raise CatalogNERError(f"{path}: another run is writing it; wait for it to end")
