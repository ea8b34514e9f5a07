"""The files of a run: written so that one that was killed goes on where it was."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from glob import escape
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.files import atomic_write, dump_row, write_json
from spacy_catalog_ner.io.lock import Lock


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
    the next start. That a run has ended is told by its fingerprint in the summary.

    The target is locked as long as this is open.

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
        The summary for the user that this run wrote when it ended, if what it made is still there.

    Raises
    ------
    CatalogNERError
        If the files are of another run, or another process is writing them.
    """

    def __init__(self, target: Path, fingerprint: str) -> None:
        self.target = target
        self.part = _part(target)
        self.summary: dict[str, Any] | None = None
        self.result: dict[str, Any] | None = None
        self._fingerprint = fingerprint
        self._state_path = self.part.with_name(f"{self.part.name}.json")
        self._streams: list[IO[bytes]] = []
        target.parent.mkdir(parents=True, exist_ok=True)
        self._lock = Lock(
            target.with_name(f"{target.name}.lock"),
            f"{target}: another run is writing it; wait for it to end",
        )
        try:
            self._remove_leftovers()
            self._resume()
        except BaseException:
            self.__exit__(None, None, None)
            raise

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
        self._lock.release()

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
        self._save({"summary": summary})
        self.summary = summary

    def publish(self, result: dict[str, Any]) -> dict[str, Any]:
        """Write the final files, of all texts or of those that are done so far.

        Parameters
        ----------
        result
            The summary for the user. If something has ``stopped`` the run, it can go on.

        Returns
        -------
        dict
            The same with the run's ``fingerprint``.
        """
        result = {**result, "fingerprint": self._fingerprint}
        if result["stopped"] is None:
            self._save({"summary": self.summary, "result": result})
            self._finish(result)
        else:
            self._remove_summary()
            for path in self._final:
                with _part(path).open("rb") as source, atomic_write(path, "wb") as copy:
                    shutil.copyfileobj(source, copy)
            self._write_summary(result)
            self._save({"summary": self.summary, "stopped": result["stopped"]})
        return result

    def _finish(self, result: dict[str, Any]) -> None:
        """Give the files their names; if it is killed, the next start does it again."""
        self._remove_summary()
        for path in self._final:
            with suppress(FileNotFoundError):  # it has its name already
                _part(path).replace(path)
        self._write_summary(result)
        self._state_path.unlink(missing_ok=True)

    def _remove_summary(self) -> None:
        """Remove the summary of what was there before: it is not that of the files to come."""
        summary_path(self.target).unlink(missing_ok=True)

    def _write_summary(self, result: dict[str, Any]) -> None:
        failed = failed_path(self.target)
        if failed.is_file() and not failed.stat().st_size:
            failed.unlink()
        write_json(summary_path(self.target), result)

    @property
    def _final(self) -> tuple[Path, Path]:
        return self.target, failed_path(self.target)

    def _remove_leftovers(self) -> None:
        """Remove what killed runs were writing under a temporary name, see `atomic_write`."""
        for path in (*self._final, summary_path(self.target), self._state_path):
            for leftover in path.parent.glob(f".{escape(path.name)}.{'[a-z0-9_]' * 8}"):
                leftover.unlink()

    def _resume(self) -> None:
        """Find out how far the run has come, and open the files to go on there."""
        state = self._read_state()
        is_same = state.get("fingerprint") == self._fingerprint
        if is_same and "result" in state:
            self._finish(state["result"])
        self.result = self._read_result()
        if self.result is not None and self.result["stopped"] is None:
            return
        if state and not is_same:
            self._check_replaceable(state)
        if not (is_same and self.part.is_file()):
            state = {}
            self._state_path.unlink(missing_ok=True)  # before its rows are cut off
        self.summary = state.get("summary")
        self._open(state.get("bytes", [0, 0]))

    def _read_state(self) -> dict[str, Any]:
        """Return the state that is found; an empty one where that has nothing worth keeping."""
        if not self._state_path.is_file():
            return {}
        try:
            state: dict[str, Any] = json.loads(self._state_path.read_bytes())
            is_kept = isinstance(state["fingerprint"], str) and _has_answers(state["summary"])
        except (ValueError, KeyError, TypeError):
            raise CatalogNERError(
                f"{self._state_path}: not the state of a run; remove it to start anew"
            ) from None
        return state if is_kept else {}

    def _check_replaceable(self, state: dict[str, Any]) -> None:
        """Keep what another run has done, unless it did all that it was told to do."""
        if self.part.is_file() and state.get("stopped") != "limit":  # it may have taken days
            raise CatalogNERError(
                f"{self.part}: {state['summary']['texts']} texts of a run with another pipeline,"
                f" input or version; go on with those, or remove {self._state_path.name} to start"
                " anew"
            )

    def _read_result(self) -> dict[str, Any] | None:
        try:
            result: dict[str, Any] = json.loads(summary_path(self.target).read_bytes())
            is_same = result["fingerprint"] == self._fingerprint and "stopped" in result
            is_there = is_same and _has_answers(result) and self.target.is_file()
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None  # none, or of something else
        return result if is_there else None

    def _open(self, sizes: Sequence[int]) -> None:
        for path, size in zip(self._final, sizes, strict=True):
            stream = _part(path).open("ab")
            self._streams.append(stream)
            if os.fstat(stream.fileno()).st_size < size:
                raise CatalogNERError(
                    f"{_part(path)}: shorter than {self._state_path.name} says; remove both to"
                    " start anew"
                )
            stream.truncate(size)

    def _save(self, values: dict[str, Any]) -> None:
        sizes = [os.fstat(stream.fileno()).st_size for stream in self._streams]
        write_json(self._state_path, {"fingerprint": self._fingerprint, "bytes": sizes, **values})


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _has_answers(summary: dict[str, Any]) -> bool:
    """Tell if any text was answered; if none was, as with a wrong key, all are asked again."""
    return bool(summary["failures"] < summary["texts"])
