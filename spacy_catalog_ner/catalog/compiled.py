"""The compiled catalog: a memory-mapped trie of surface forms beside arrays of what they mean."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import marisa_trie
import numpy as np

from spacy_catalog_ner.catalog import normalization
from spacy_catalog_ner.catalog.entry import Entry
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.files import atomic_folder

FORMAT_VERSION = 1
TRIE = "surface_forms.marisa"
ARRAYS = (
    "form_offsets",  # (forms + 1,) uint32: entries of form i are form_entries[o[i]:o[i + 1]]
    "form_entries",  # (n,) uint32: entry numbers, most popular first
    "labels",  # (entries,) uint16: index into meta["labels"]
    "weights",  # (entries,) float32
    "text_offsets",  # (2 * entries + 1,) uint64: name and id of entry i, in turn, in `texts`
    "texts",  # (bytes,) uint8: UTF-8
)


class Catalog:
    """A compiled catalog, opened read-only and shared by every process that maps it.

    Use `Catalog.open` for a folder, or `Catalog.from_files` for bytes.

    Attributes
    ----------
    path
        The folder it was opened from; None if it lives in memory.
    meta
        Contents of ``meta.json``.
    """

    def __init__(
        self, trie: Any, arrays: dict[str, np.ndarray], meta: dict[str, Any], path: Path | None
    ) -> None:
        self.path = path
        self.meta = meta
        self._trie = trie
        self._offsets = arrays["form_offsets"]
        self._entries = arrays["form_entries"]
        self._labels = arrays["labels"]
        self._weights = arrays["weights"]
        self._text_offsets = arrays["text_offsets"]
        self._texts = arrays["texts"]
        self._label_names: list[str] = meta["labels"]

    @classmethod
    def open(cls, path: str | Path) -> Catalog:
        """Map a compiled catalog's folder into memory; nothing is read until it is needed.

        Raises
        ------
        CatalogNERError
            If there is no compiled catalog at `path`, if another format version wrote it, or if
            a file is missing or has another size than ``meta.json`` says.
        """
        path = Path(path)
        if not (path / "meta.json").is_file():
            raise CatalogNERError(
                f"{path}: no compiled catalog here; make one with"
                f" `catalog-ner catalog compile ENTRIES.jsonl -o {path}`"
            )
        meta = _read_meta(path / "meta.json")
        for name, info in meta["files"].items():
            file = path / name
            if not file.is_file() or file.stat().st_size != info["bytes"]:
                raise CatalogNERError(f"{file}: missing or truncated; compile the catalog again")
        trie = marisa_trie.Trie()
        try:
            trie.mmap(str(path / TRIE))
            arrays = {
                name: np.load(path / f"{name}.npy", mmap_mode="r", allow_pickle=False)
                for name in ARRAYS
            }
        except (RuntimeError, ValueError) as err:
            raise CatalogNERError(f"{path}: damaged ({err}); compile the catalog again") from None
        return cls(trie, arrays, meta, path)

    @classmethod
    def from_files(cls, files: dict[str, bytes]) -> Catalog:
        """Open a catalog from the bytes of its files, as `to_files` gives them."""
        meta = _check_meta(json.loads(files["meta.json"]), "meta.json")
        trie = marisa_trie.Trie()
        trie.frombytes(files[TRIE])
        arrays = {
            name: np.load(io.BytesIO(files[f"{name}.npy"]), allow_pickle=False) for name in ARRAYS
        }
        return cls(trie, arrays, meta, None)

    def to_files(self) -> dict[str, bytes]:
        """Return the bytes of every file of the compiled catalog."""
        if self.path is not None:
            return {name: (self.path / name).read_bytes() for name in ("meta.json", *self.files)}
        arrays = (
            self._offsets,
            self._entries,
            self._labels,
            self._weights,
            self._text_offsets,
            self._texts,
        )
        return pack_files(self._trie, dict(zip(ARRAYS, arrays, strict=True)), self.meta)

    def to_disk(self, path: str | Path) -> None:
        """Write the compiled catalog to a folder; a no-op onto the folder it is mapped from."""
        path = Path(path)
        if self.path is not None and path.exists() and path.samefile(self.path):
            return
        write_files(path, self.to_files())

    def verify(self) -> None:
        """Read every file and compare its checksum with ``meta.json``.

        Raises
        ------
        CatalogNERError
            Naming the file that differs.
        """
        for name, content in self.to_files().items():
            if name == "meta.json":
                continue
            if hashlib.sha256(content).hexdigest() != self.files[name]["sha256"]:
                raise CatalogNERError(
                    f"{self.path}/{name}: checksum differs; compile the catalog again"
                )

    @property
    def files(self) -> dict[str, dict[str, Any]]:
        """Size and checksum of every file beside ``meta.json``."""
        files: dict[str, dict[str, Any]] = self.meta["files"]
        return files

    @property
    def labels(self) -> list[str]:
        """Entity types in this catalog, sorted."""
        return list(self._label_names)

    @property
    def max_length(self) -> int:
        """Length of the longest surface form, in characters."""
        return int(self.meta["max_length"])

    def __len__(self) -> int:
        return len(self._labels)

    def __iter__(self) -> Iterator[Entry]:
        for number in range(len(self)):
            yield self.entry(number)

    def entry(self, number: int) -> Entry:
        """Return the entry of a number as `prefixes` and `lookup` give it.

        The entry has no aliases: they are surface forms of the trie.
        """
        return Entry(
            text=self._text(2 * number),
            label=self._label_names[self._labels[number]],
            id=self._text(2 * number + 1),
            weight=float(self._weights[number]),
        )

    def label_and_id(self, number: int) -> tuple[str, str]:
        """Label and id of the entry of a number, without building the entry."""
        return self._label_names[self._labels[number]], self._text(2 * number + 1)

    def lookup(self, name: str) -> list[Entry]:
        """Return the entries a name stands for, most popular first; an empty list if none."""
        form = normalization.normalize(name)
        if form not in self._trie:
            return []
        return [self.entry(number) for number in self._numbers(self._trie[form])]

    def prefixes(self, text: str) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (length, entry numbers) of every surface form that `text` starts with.

        Parameters
        ----------
        text
            Normalised text.
        """
        for form, key in self._trie.iter_prefixes_with_ids(text):
            yield len(form), self._numbers(key)

    def _numbers(self, key: int) -> np.ndarray:
        return self._entries[self._offsets[key] : self._offsets[key + 1]]

    def _text(self, slot: int) -> str:
        start, end = self._text_offsets[slot : slot + 2]
        return bytes(self._texts[start:end]).decode("utf8")


def pack_files(trie: Any, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> dict[str, bytes]:
    """Serialise the parts of a catalog to files, with ``meta.json`` naming their checksums."""
    files = {TRIE: trie.tobytes()}
    for name in ARRAYS:
        buffer = io.BytesIO()
        np.save(buffer, arrays[name], allow_pickle=False)
        files[f"{name}.npy"] = buffer.getvalue()
    checks = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    }
    text = json.dumps({**meta, "files": checks}, ensure_ascii=False, indent=2)
    return {"meta.json": (text + "\n").encode("utf8"), **files}


def write_files(path: str | Path, files: dict[str, bytes]) -> None:
    """Write a catalog's files to a folder, replacing an older one only when all are written."""
    with atomic_folder(path, mark=TRIE) as folder:
        for name, content in files.items():
            (folder / name).write_bytes(content)


def _read_meta(path: Path) -> dict[str, Any]:
    try:
        meta = json.loads(path.read_text(encoding="utf8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as err:
        raise CatalogNERError(f"{path}: not JSON ({err}); compile the catalog again") from None
    return _check_meta(meta, str(path))


def _check_meta(meta: Any, where: str) -> dict[str, Any]:
    found = meta.get("format_version") if isinstance(meta, dict) else None
    if found != FORMAT_VERSION:
        raise CatalogNERError(
            f"{where}: compiled with format version {found}, this release reads"
            f" {FORMAT_VERSION}; compile the catalog again"
        )
    if meta.get("normalization") != normalization.NAME:
        raise CatalogNERError(
            f"{where}: unknown normalization {meta.get('normalization')!r};"
            " compile the catalog again"
        )
    return dict(meta)
