"""An exemplar store as a `VersionedFolder`, and as bytes."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import srsly

from spacy_catalog_ner.errors import CatalogNERError, MissingExtraError
from spacy_catalog_ner.exemplars.approximate import ApproximateIndex
from spacy_catalog_ner.exemplars.exemplar import Exemplar
from spacy_catalog_ner.io.versioned_folder import VersionedFolder

if TYPE_CHECKING:
    from spacy_catalog_ner.exemplars.store import ExemplarStore

FORMAT_VERSION = 2

_FOLDER = VersionedFolder("exemplar store", mark="embedder")
_EXEMPLARS = "exemplars.jsonl"
_EMBEDDINGS = "embeddings.npy"
_INDEX = "index.usearch"

Parts = tuple[list[Exemplar], np.ndarray, str, ApproximateIndex | None]
"""What `ExemplarStore` is made of."""


def write_folder(path: Path, store: ExemplarStore) -> None:
    """Write a store to a folder, replacing an older one only when all is written.

    Raises
    ------
    CatalogNERError
        If the folder holds something else, or another process is writing there.
    """

    def write_files(folder: Path) -> dict[str, Any]:
        (folder / _EXEMPLARS).write_bytes(encode(store.exemplars))
        np.save(folder / _EMBEDDINGS, store.embeddings, allow_pickle=False)
        if store.index is not None:
            (folder / _INDEX).write_bytes(store.index.to_bytes())
        return {**_meta(store), "content_version": store.content_version}

    _FOLDER.write(path, write_files)


def read_folder(path: Path) -> Parts:
    """Open what `write_folder` wrote; embeddings and index are mapped and not read.

    Raises
    ------
    CatalogNERError
        If there is no store, another format version wrote it, or it is broken.
    """
    return _FOLDER.read(path, lambda: _read_folder(path))


def _read_folder(path: Path) -> Parts:
    file = path / _FOLDER.meta
    if not file.is_file():
        raise CatalogNERError(
            f"{path}: no exemplar store here; make one with"
            f" `catalog-ner exemplars build ANNOTATED.jsonl --catalog CATALOG -o {path}`"
        )
    try:
        meta = json.loads(file.read_text(encoding="utf8"))
        _check_version(meta, path)
        folder = path / meta["content_version"]
        exemplars = _decode((folder / _EXEMPLARS).read_bytes())
        embeddings = np.load(folder / _EMBEDDINGS, mmap_mode="r", allow_pickle=False)
        index = None
        if (folder / _INDEX).is_file():
            index = _open_index(ApproximateIndex.open, folder / _INDEX, meta)
        counts = {file.name: meta["exemplars"], _EXEMPLARS: len(exemplars)}
        counts[_EMBEDDINGS] = len(embeddings)
        if index is not None:
            counts[_INDEX] = len(index)
        if len(set(counts.values())) > 1:
            each = ", ".join(f"{count} in {name}" for name, count in counts.items())
            raise ValueError(f"exemplars: {each}")
        return exemplars, embeddings.view(np.ndarray), meta["embedder"], index
    except CatalogNERError:
        raise
    except (ValueError, KeyError, TypeError, EOFError, OSError, RuntimeError) as err:
        reason = " ".join(str(err).split())
        raise CatalogNERError(f"{path}: broken exemplar store ({reason}); build it again") from None


def to_bytes(store: ExemplarStore) -> bytes:
    """Serialise a store."""
    data = {
        "meta": _meta(store),
        "exemplars": encode(store.exemplars),
        "embeddings": np.asarray(store.embeddings),
        "index": None if store.index is None else store.index.to_bytes(),
    }
    return bytes(srsly.msgpack_dumps(data))


def from_bytes(data: bytes) -> Parts:
    """Load what `to_bytes` gave.

    Raises
    ------
    CatalogNERError
        If another format version made it.
    """
    saved = srsly.msgpack_loads(data)
    meta, index = saved["meta"], None
    _check_version(meta, "bytes")
    if saved["index"] is not None:
        index = _open_index(ApproximateIndex.from_bytes, saved["index"], meta)
    return _decode(saved["exemplars"]), saved["embeddings"], meta["embedder"], index


def encode(exemplars: Iterable[Exemplar]) -> bytes:
    """Return exemplars as JSONL."""
    return bytes(msgspec.json.Encoder().encode_lines(exemplars))


def warn_of_exact_search(count: int, err: MissingExtraError) -> None:
    """Tell that a store has no index because of a missing extra."""
    warnings.warn(f"{err}; each text is compared with all of {count} exemplars", stacklevel=3)


def _meta(store: ExemplarStore) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "embedder": store.embedder_name,
        "exemplars": len(store),
        "dimensions": int(store.embeddings.shape[1]),
        "recall_at_10": None if store.index is None else round(store.index.recall, 4),
    }


def _decode(data: bytes) -> list[Exemplar]:
    return msgspec.json.Decoder(Exemplar).decode_lines(data)


def _check_version(meta: Any, where: str | Path) -> None:
    version = meta.get("format_version") if isinstance(meta, dict) else None
    if version != FORMAT_VERSION:
        raise CatalogNERError(
            f"{where}: exemplar store of format version {version}, this release reads"
            f" {FORMAT_VERSION}; build it again"
        )


def _open_index(open_index: Any, data: Any, meta: dict[str, Any]) -> ApproximateIndex | None:
    try:
        index: ApproximateIndex = open_index(data, meta["recall_at_10"])
        return index
    except MissingExtraError as err:
        warn_of_exact_search(meta["exemplars"], err)
        return None
