"""The compiled catalog: a memory-mapped trie of surface forms beside arrays of what they mean."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import marisa_trie
import numpy as np

from spacy_catalog_ner.catalog.entry import Entry
from spacy_catalog_ner.catalog.fingerprints import hash_forms
from spacy_catalog_ner.catalog.format import (
    ARRAYS,
    FILES,
    FOLDER,
    META,
    TRIE,
    check_meta,
    checksum,
    map_files,
    read_meta,
    write_catalog,
)
from spacy_catalog_ner.catalog.normalization import get_normalizer
from spacy_catalog_ner.errors import CatalogNERError


class Catalog:
    """A compiled catalog, opened read-only and shared by every process that maps it.

    Use `Catalog.open` for a folder, or `Catalog.from_bytes` for what `to_bytes` gave.

    Attributes
    ----------
    path
        The folder it was opened from; None if it lives in memory.
    meta
        Contents of ``meta.json``.
    arrays
        The arrays that `catalog.format.ARRAYS` describes.
    normalize
        Brings a name into the normal form of this catalog.
    """

    def __init__(
        self, trie: Any, arrays: dict[str, np.ndarray], meta: dict[str, Any], path: Path | None
    ) -> None:
        self.path = path
        self.meta = meta
        self.arrays = arrays
        self.normalize = get_normalizer(meta["normalization"])
        self._trie = trie
        # One item of a memoryview costs a third of one of an array.
        views: dict[str, Any] = {name: memoryview(array) for name, array in arrays.items()}  # type: ignore[arg-type]
        self._form_offsets = views["form_offsets"]
        self._form_entries = views["form_entries"]
        self._form_rules = views["form_rules"]
        self._labels = views["labels"]
        self._weights = views["weights"]
        self._record_offsets = views["record_offsets"]
        self._records = views["records"]
        self._id_offsets = views["id_offsets"]
        self._ids = views["ids"]
        self._label_names: list[str] = meta["labels"]

    @classmethod
    def open(cls, path: str | Path, *, verify: bool = False) -> Catalog:
        """Map a compiled catalog's folder into memory; nothing is read until it is needed.

        Parameters
        ----------
        path
            Folder that `compile_catalog` wrote.
        verify
            Read every file and compare its checksum, as one would for a file from elsewhere.

        Raises
        ------
        CatalogNERError
            If there is no compiled catalog at `path`, if another format version wrote it, or if
            a file is missing, damaged or has another size than ``meta.json`` says.
        """
        path = Path(path)

        def read() -> Catalog:
            meta = read_meta(path)
            catalog = cls(*map_files(path, meta), meta, path)
            if verify:
                catalog.verify()
            return catalog

        return FOLDER.read(path, read)

    @classmethod
    def from_bytes(cls, files: dict[str, bytes], meta: dict[str, Any]) -> Catalog:
        """Open a catalog from what `to_bytes` gave; it then lives in memory."""
        meta = check_meta(meta, META)
        trie = marisa_trie.Trie()
        trie.frombytes(files[TRIE])
        arrays = {
            name: np.load(io.BytesIO(files[f"{name}.npy"]), allow_pickle=False) for name in ARRAYS
        }
        return cls(trie, arrays, meta, None)

    def to_bytes(self) -> tuple[dict[str, bytes], dict[str, Any]]:
        """Return the contents of every data file, by name, and the meta."""
        files = {TRIE: self._trie.tobytes()}
        for name, array in self.arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            files[f"{name}.npy"] = buffer.getvalue()
        return files, self.meta

    def to_disk(self, path: str | Path) -> None:
        """Write the compiled catalog to a folder; a no-op onto the folder it is mapped from.

        What is written is what is mapped, also where a newer version has taken its place on disk.
        """
        path = Path(path)
        if self.path is not None and path.exists() and path.samefile(self.path):
            return
        meta = {k: v for k, v in self.meta.items() if k not in ("content_version", "files")}
        write_catalog(path, self._trie, self.arrays, meta)

    def verify(self) -> None:
        """Read every file and compare its checksum with ``meta.json``.

        Raises
        ------
        CatalogNERError
            Naming the file that differs.
        """
        if self.path is None:
            return
        for name in FILES:
            file = self.path / self.meta["content_version"] / name
            try:
                digest = checksum(file)
            except OSError as err:
                raise CatalogNERError(f"{file}: cannot be read ({err.strerror})") from None
            if digest != self.meta["files"][name]["sha256"]:
                raise CatalogNERError(f"{file}: checksum differs; compile the catalog again")

    @property
    def labels(self) -> list[str]:
        """Entity types in this catalog, sorted."""
        return list(self._label_names)

    @property
    def max_length(self) -> int:
        """Length of the longest surface form, in characters."""
        return int(self.meta["max_length"])

    @property
    def rules(self) -> list[str]:
        """Names of the variant rules; bit i of a mask stands for the i-th of them."""
        return list(self.meta["forms_per_rule"])

    def __len__(self) -> int:
        return len(self._labels)

    def __iter__(self) -> Iterator[Entry]:
        for number in range(len(self)):
            yield self.entry(number)

    def entry(self, number: int) -> Entry:
        """Return the entry of a number, as `numbers` gives them."""
        record, label, identifier, weight = self.parts(number)
        text, lang, *aliases = record.decode("utf8").split("\0")
        return Entry(text, label, identifier, weight, tuple(aliases), lang)

    def parts(self, number: int) -> tuple[bytes, str, str, float]:
        """Return all that an entry is made of, in a fifth of the time: equal for equal entries."""
        start, end = self._record_offsets[number], self._record_offsets[number + 1]
        return self._records[start:end].tobytes(), *self.label_and_id(number), self._weights[number]

    def label_and_id(self, number: int) -> tuple[str, str]:
        """Return label and id of the entry of a number, without making the entry."""
        identifier = self._ids[self._id_offsets[number] : self._id_offsets[number + 1]]
        return self._label_names[self._labels[number]], str(identifier, "utf8")

    def labels_and_ids(self, form: str) -> list[tuple[str, str]]:
        """Return label and id of each entry of a name in normal form, most popular first."""
        rows = self._rows(form)
        return [self.label_and_id(number) for number in self._form_entries[rows].tolist()]

    def prefixes(self, text: str) -> list[int]:
        """Return the length of each surface form that a normalised text begins with."""
        return [len(form) for form in self._trie.prefixes(text)]

    def weight(self, number: int) -> float:
        """Return the popularity of the entry of a number."""
        return float(self._weights[number])

    def get(self, identifier: str) -> Entry | None:
        """Return the entry with an id, as ``span.kb_id_`` carries it; None if there is none.

        Where several entries share the id, as translations of one name do, it is the most popular.
        """
        numbers = self.numbers_of_id(identifier)
        return self.entry(max(numbers, key=self.weight)) if numbers else None

    def lookup(self, name: str) -> list[Entry]:
        """Return the entries a name stands for, most popular first; an empty list if none."""
        return [self.entry(number) for number, _ in self.numbers(self.normalize(name))]

    def numbers(self, form: str) -> list[tuple[int, int]]:
        """Return (entry, mask of variant rules) of a name in normal form, most popular first."""
        rows = self._rows(form)
        numbers, rules = self._form_entries[rows].tolist(), self._form_rules[rows].tolist()
        return list(zip(numbers, rules, strict=True))

    def _rows(self, form: str) -> slice:
        """Return where a surface form's entries are, an empty slice if it is none."""
        key = self._trie.get(form)
        if key is None:
            return slice(0, 0)
        return slice(self._form_offsets[key], self._form_offsets[key + 1])

    def numbers_of_id(self, identifier: str) -> list[int]:
        """Return the numbers of all entries with an id, in ascending order."""
        if not identifier:
            return []
        hashes = self.arrays["id_hashes"]
        [wanted] = hash_ids([identifier])
        first, last = np.searchsorted(hashes, [wanted, np.uint64(wanted) + np.uint64(1)])
        numbers = self.arrays["id_entries"][first:last].tolist()
        return sorted(n for n in numbers if self.label_and_id(n)[1] == identifier)

    def numbers_of_label(self, label: str) -> np.ndarray:
        """Return the numbers of all entries with a label, ascending, as uint32; none if unknown."""
        index = self._label_names.index(label) if label in self._label_names else -1
        return np.flatnonzero(self.arrays["labels"] == index).astype(np.uint32)

    def form(self, key: int) -> str:
        """Return the surface form of a row of ``form_offsets``."""
        form: str = self._trie.restore_key(key)
        return form


def hash_ids(identifiers: Sequence[str]) -> np.ndarray:
    """Hash identifiers to uint32: half of `hash_forms`, so that the index of ids stays small."""
    hashes = hash_forms(identifiers)
    return (hashes ^ (hashes >> np.uint64(32))).astype(np.uint32)
