"""The files of a run, written so that a run that was killed can be resumed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from glob import escape
from pathlib import Path
from typing import IO, Any

import msgspec

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.files import atomic_write, dump_row, write_json
from spacy_catalog_ner.io.lock import Lock
from spacy_catalog_ner.io.row import Row
from spacy_catalog_ner.labelling.summary import Counts, Summary


def summary_path(target: Path) -> Path:
    """Return where the summary of a labelled file is."""
    return target.with_suffix(".summary.json")


def failed_path(target: Path) -> Path:
    """Return where the rows without an answer are, with the reason: the dead letters."""
    return target.with_suffix(".failed.jsonl")


class State(msgspec.Struct, omit_defaults=True):
    """How far a run has come, as ``TARGET.part.json`` holds it.

    ``bytes`` of the rows and of the dead letters are safe, and ``summary`` has their counts.
    ``result`` is the summary of a run that has ended and is about to name its files.
    """

    fingerprint: str
    bytes: list[int]
    summary: Counts | None = None
    result: Summary | None = None
    stopped: str | None = None


class Checkpoint:
    """The rows of a run so far, and how many of them are safe.

    Rows are appended to ``TARGET.part`` and dead letters to a second file. Both are synced to disk
    before ``TARGET.part.json`` says how long they are. Anything beyond that is cut off at the next
    start. A run that has ended leaves its fingerprint in the summary.

    The target is locked as long as this is open. The caller updates `counts` before it appends
    rows; `texts` are safe. `result` is the summary that this run wrote when it ended, if its output
    is still there.

    Raises
    ------
    CatalogNERError
        If the files are of another run, or another process is writing them.
    """

    def __init__(self, target: Path, fingerprint: str) -> None:
        self.target = target
        self.counts = Counts()
        self.result: Summary | None = None
        self._fingerprint = fingerprint
        self._final = (target, failed_path(target))
        self._parts = [path.with_name(f"{path.name}.part") for path in self._final]
        self._summary_path = summary_path(target)
        self._state_path = target.with_name(f"{target.name}.part.json")
        self._streams: list[IO[bytes]] = []
        target.parent.mkdir(parents=True, exist_ok=True)
        refusal = f"{target}: another run is writing it; wait for it to end"
        with ExitStack() as stack:
            stack.enter_context(Lock(target.with_name(f"{target.name}.lock"), refusal))
            self._remove_leftovers()
            self._resume(stack)
            self._open = stack.pop_all()
        self.texts = self.counts.texts

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def append(self, rows: Sequence[Row], failed: Sequence[Row]) -> None:
        """Write the labelled rows and the dead letters of a batch, and save the counts."""
        for stream, batch in zip(self._streams, (rows, failed), strict=True):
            if batch:
                stream.write("".join(map(dump_row, batch)).encode("utf8"))
                stream.flush()
                os.fsync(stream.fileno())
        self._save()
        self.texts = self.counts.texts

    def publish(self, result: Summary) -> None:
        """Write the final files: of all texts, or of those done so far if the run was stopped."""
        if result.stopped is None:
            self._save(result=result)
        self._write_files(result)
        if result.stopped is not None:
            self._save(stopped=result.stopped)

    def _write_files(self, result: Summary) -> None:
        """Write the final files of a run; if this is interrupted, the next start does it again."""
        self._summary_path.unlink(missing_ok=True)  # that of an earlier output
        for part, path in zip(self._parts, self._final, strict=True):
            if result.stopped is None:
                with suppress(FileNotFoundError):  # it has its name already
                    part.replace(path)
            else:
                with part.open("rb") as source, atomic_write(path, "wb") as copy:
                    shutil.copyfileobj(source, copy)
        failed = self._final[1]
        if failed.is_file() and not failed.stat().st_size:
            failed.unlink()
        write_json(self._summary_path, msgspec.to_builtins(result))
        if result.stopped is None:
            self._state_path.unlink(missing_ok=True)

    def _remove_leftovers(self) -> None:
        """Remove the temporary files of killed runs, see `atomic_write`."""
        for path in (*self._final, self._summary_path, self._state_path):
            for leftover in path.parent.glob(f".{escape(path.name)}.{'[a-z0-9_]' * 8}"):
                leftover.unlink()

    def _resume(self, stack: ExitStack) -> None:
        """Find out how far the run has come, and open the files to go on there."""
        state = self._read_state()
        if state is not None and state.fingerprint == self._fingerprint:
            if state.result is not None:
                self._write_files(state.result)
        elif state is not None and state.stopped == "limit":
            state = None  # another run, which did all that it was told to do
        self.result = self._read_result()
        if self.result is not None and self.result.stopped is None:
            return
        if state is None or not self._parts[0].is_file():
            self._state_path.unlink(missing_ok=True)  # before its rows are cut off
            state = State(self._fingerprint, [0, 0])
        self.counts = state.summary or Counts()
        if state.fingerprint != self._fingerprint:  # it may have taken days
            raise CatalogNERError(
                f"{self._parts[0]}: {self.counts.texts} texts of a run with another pipeline,"
                f" input or version; go on with those, or remove {self._state_path.name} to start"
                " anew"
            )
        for part, size in zip(self._parts, state.bytes, strict=True):
            stream = part.open("ab")
            stack.callback(_close, stream)
            self._streams.append(stream)
            if os.fstat(stream.fileno()).st_size < size:
                raise CatalogNERError(
                    f"{part}: shorter than {self._state_path.name} says; remove both to start anew"
                )
            stream.truncate(size)

    def _read_state(self) -> State | None:
        """Return the state that is found, None where it has nothing worth keeping."""
        if not self._state_path.is_file():
            return None
        try:
            state = msgspec.json.decode(self._state_path.read_bytes(), type=State)
        except msgspec.DecodeError:
            raise CatalogNERError(
                f"{self._state_path}: not the state of a run; remove it to start anew"
            ) from None
        counts = state.summary
        # If no text was answered, as with a wrong key, all are asked again
        return state if counts is not None and counts.failures < counts.texts else None

    def _read_result(self) -> Summary | None:
        try:
            result = msgspec.json.decode(self._summary_path.read_bytes(), type=Summary)
        except (FileNotFoundError, msgspec.DecodeError):
            return None  # none, or of something else
        is_same = result.fingerprint == self._fingerprint and result.failures < result.texts
        return result if is_same and self.target.is_file() else None

    def _save(self, **values: Any) -> None:
        sizes = [os.fstat(stream.fileno()).st_size for stream in self._streams]
        state = State(self._fingerprint, sizes, summary=self.counts, **values)
        write_json(self._state_path, msgspec.to_builtins(state))


def _close(stream: IO[bytes]) -> None:
    with suppress(OSError):  # what a full disk did not take is not safe, and not needed
        stream.close()
