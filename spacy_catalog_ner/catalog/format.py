"""The files of a compiled catalog, a `VersionedFolder`: ``meta.json`` and a folder of data."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

import marisa_trie
import msgspec
import numpy as np

from spacy_catalog_ner.catalog.normalization import get_normalizer
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.versioned_folder import VersionedFolder

FORMAT_VERSION = 2
META = "meta.json"
TRIE = "surface_forms.marisa"
ARRAYS = {
    "form_offsets": "uint32",  # (forms + 1,): rows of form i are o[i] to o[i + 1]
    "form_entries": "uint32",  # (rows,): entry numbers, most popular first
    "form_rules": "uint16",  # (rows,): bits of the variant rules that made the form, 0 if none
    "labels": "uint16",  # (entries,): index into meta["labels"]
    "weights": "float64",  # (entries,)
    "record_offsets": "uint64",  # (entries + 1,): bytes of entry i in `records`
    "records": "uint8",  # UTF-8: name, language and aliases, separated by NUL
    "id_offsets": "uint32",  # (entries + 1,): bytes of entry i in `ids`
    "ids": "uint8",  # UTF-8: apart from the names, which matching does not touch
    "id_hashes": "uint32",  # (entries with an id,), ascending: see `catalog.compiled.hash_ids`
    "id_entries": "uint32",  # (entries with an id,): entry numbers in the order of `id_hashes`
    "filter": "uint64",  # bit table over hashes of the forms: see `catalog.fingerprints`
    "prefix_filter": "uint64",  # the same over the beginnings of long forms
}
FILES = (TRIE, *(f"{name}.npy" for name in ARRAYS))
FOLDER = VersionedFolder(
    "catalog", mark="normalization", flat=(*FILES, "text_offsets.npy", "texts.npy")
)
_AGAIN = "compile the catalog again"


class _File(msgspec.Struct):
    bytes: int
    sha256: str


class _Meta(msgspec.Struct):
    """What ``meta.json`` holds, but for the format version."""

    name: str
    normalization: str
    variants: dict[str, Any] | None
    entries: int
    surface_forms: int
    max_length: int
    forms_per_rule: dict[str, int]
    labels: list[str]
    entries_per_label: dict[str, int]
    content_version: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}\\Z")]
    files: dict[str, _File]


def read_meta(path: Path) -> dict[str, Any]:
    """Read and check the ``meta.json`` of a compiled catalog's folder.

    Raises
    ------
    CatalogNERError
        If there is none, it is damaged, or another release wrote it.
    """
    file = path / META
    try:
        meta = json.loads(file.read_text(encoding="utf8"))
    except (FileNotFoundError, NotADirectoryError):
        raise CatalogNERError(
            f"{path}: no compiled catalog here; make one with"
            f" `catalog-ner catalog compile ENTRIES.jsonl -o {path}`"
        ) from None
    except OSError as err:
        raise CatalogNERError(f"{file}: cannot be read ({err.strerror})") from None
    except (ValueError, RecursionError) as err:
        raise CatalogNERError(f"{file}: not JSON ({err}); {_AGAIN}") from None
    return check_meta(meta, str(file))


def check_meta(meta: Any, where: str) -> dict[str, Any]:
    """Return `meta` if this release can read what it describes, else raise a CatalogNERError."""
    found = meta.get("format_version") if isinstance(meta, dict) else None
    if found != FORMAT_VERSION:
        newer = isinstance(found, int) and found > FORMAT_VERSION
        todo = "install a newer release, or compile the catalog again" if newer else _AGAIN
        raise CatalogNERError(
            f"{where}: compiled with format version {found}, this release reads"
            f" {FORMAT_VERSION}; {todo}"
        )
    try:
        checked = msgspec.convert(meta, _Meta)
    except msgspec.ValidationError as err:
        raise CatalogNERError(f"{where}: damaged ({err}); {_AGAIN}") from None
    if set(checked.files) != set(FILES):
        raise CatalogNERError(f"{where}: damaged (files); {_AGAIN}")
    try:
        get_normalizer(meta["normalization"])
    except CatalogNERError as err:
        raise CatalogNERError(f"{where}: {err}; {_AGAIN}") from None
    return dict(meta)


def map_files(path: Path, meta: dict[str, Any]) -> tuple[Any, dict[str, np.ndarray]]:
    """Map the trie and the arrays into memory, read-only.

    Raises
    ------
    CatalogNERError
        If a file is missing, has another size than `meta` says, or is not what its name says.
    """
    folder = path / meta["content_version"]
    trie = marisa_trie.Trie()
    try:
        for name, info in meta["files"].items():
            file = folder / name
            if file.stat().st_size != info["bytes"]:
                raise FileNotFoundError
        file = folder / TRIE
        trie.mmap(str(file))
        arrays = {}
        for name, dtype in ARRAYS.items():
            file = folder / f"{name}.npy"
            arrays[name] = np.load(file, mmap_mode="r", allow_pickle=False)
            if arrays[name].dtype != dtype or arrays[name].ndim != 1:
                raise ValueError(f"expected a row of {dtype}")
    except FileNotFoundError:
        raise CatalogNERError(f"{file}: missing or truncated; {_AGAIN}") from None
    except (OSError, RuntimeError, ValueError, EOFError) as err:
        raise CatalogNERError(f"{file}: damaged ({err}); {_AGAIN}") from None
    return trie, arrays


def write_catalog(
    path: Path, trie: Any, arrays: dict[str, np.ndarray], meta: dict[str, Any]
) -> dict[str, Any]:
    """Write a catalog to a folder and make it the current one there in one step.

    Parameters
    ----------
    meta
        All but ``content_version`` and ``files``, which are made of what is written.

    Returns
    -------
    dict
        The complete meta.

    Raises
    ------
    CatalogNERError
        If the folder holds something else, or another process is writing a catalog there.
    """

    def write_files(folder: Path) -> dict[str, Any]:
        trie.save(str(folder / TRIE))
        for name, dtype in ARRAYS.items():
            np.save(folder / f"{name}.npy", arrays[name].astype(dtype, copy=False))
        files = {
            name: {"bytes": (folder / name).stat().st_size, "sha256": checksum(folder / name)}
            for name in FILES
        }
        content = json.dumps([meta, files], sort_keys=True, ensure_ascii=False)
        version = hashlib.sha256(content.encode("utf8")).hexdigest()[:16]
        return {**meta, "content_version": version, "files": files}

    return FOLDER.write(path, write_files)


def checksum(file: Path) -> str:
    """Return the SHA-256 of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
