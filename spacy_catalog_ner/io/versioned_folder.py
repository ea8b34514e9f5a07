"""A folder that is replaced in one step, so that a reader sees the old contents or the new.

It holds a JSON file, its meta, and a folder of data named after the content version. A new version
is made in ``draft`` and moved beside the old one; renaming the meta into place is the one step that
makes it current. Whoever is killed at any moment leaves one whole version, and the next write
removes what is left over.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.files import write_json
from spacy_catalog_ner.io.lock import Lock

WAIT = 10.0
"""Seconds to wait for another process that is writing the same folder."""

_VERSION = re.compile("[0-9a-f]{12}(?:[0-9a-f]{4})?")
_LOCK, _DRAFT = ".lock", "draft"
T = TypeVar("T")


@dataclass(frozen=True)
class VersionedFolder:
    """A kind of folder, which messages call `kind`.

    The file `meta` of every such folder has the key `mark`, in any format version. Older formats
    have their data in files next to it: those named in `flat` are removed by a write.
    """

    kind: str
    mark: str
    meta: str = "meta.json"
    flat: tuple[str, ...] = ()

    def check_target(self, path: Path) -> None:
        """Raise a CatalogNERError if there is something else at `path`.

        A folder of any format version may be replaced, and so may a damaged one, and what a
        process that was killed left.
        """
        if not path.exists():
            return
        if path.is_dir():
            if all(self._is_leftover(child.name) for child in path.iterdir()):
                return
            try:
                meta = json.loads((path / self.meta).read_text(encoding="utf8"))
            except (OSError, ValueError, RecursionError):
                meta = None
            # Other software, spaCy among it, writes a meta.json too
            if (path / self.meta).is_file() and (not isinstance(meta, dict) or self.mark in meta):
                return
        raise CatalogNERError(
            f"{path}: holds something else (no {self.meta} of a {self.kind}); remove it or name"
            " another folder"
        )

    def write(self, path: Path, write_files: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
        """Write a version, make it the current one and return its meta.

        `write_files` writes the data into the folder it is given, and returns the meta, with the
        ``content_version``: 12 or 16 hexadecimal digits. A link is followed.
        """
        self.check_target(path)
        path = Path(os.path.realpath(path))
        path.mkdir(parents=True, exist_ok=True)
        refusal = f"{path}: another process is writing this {self.kind}"
        with Lock(path / _LOCK, refusal, wait=WAIT):
            draft = path / _DRAFT
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            try:
                meta = write_files(draft)
                folder = path / meta["content_version"]
                folder.mkdir(exist_ok=True)
                names = [file.name for file in draft.iterdir()]
                for name in names:  # onto files of equal content if the version is there already
                    _sync(draft / name)
                    (draft / name).replace(folder / name)
                _sync(folder)
                write_json(path / self.meta, meta)
                _sync(path)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
            old = {child.name for child in path.iterdir() if self._is_leftover(child.name)}
            for name in (old | set(self.flat)) - {folder.name, _LOCK}:
                _remove(path / name)
            for name in {child.name for child in folder.iterdir()} - set(names):
                _remove(folder / name)
        return meta

    def read(self, path: Path, read: Callable[[], T]) -> T:
        """Return what `read` returns; call it again if a new version was written meanwhile."""
        while True:
            before = self._stamp(path)
            try:
                return read()
            except CatalogNERError:
                if self._stamp(path) == before:
                    raise

    def _stamp(self, path: Path) -> tuple[int, int] | None:
        try:
            status = (path / self.meta).stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _is_leftover(self, name: str) -> bool:
        """Tell whether a file or folder is none but ours: a version, or part of one."""
        return (
            name in (_LOCK, _DRAFT)
            or name.startswith(f".{self.meta}.")
            or _VERSION.fullmatch(name) is not None
        )


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Put a file or the names in a folder safely on disk; Windows does not offer it."""
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
