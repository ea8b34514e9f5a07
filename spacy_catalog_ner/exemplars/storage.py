"""An exemplar store as a folder, and as bytes.

The data lies in a folder named after its content. A new version is written beside the old one;
renaming ``meta.json`` into place is the one step that makes it current, so that whoever is killed
while writing leaves one whole version or the other.
"""

from __future__ import annotations

import json
import re
import shutil
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import srsly

from spacy_catalog_ner.errors import CatalogNERError, MissingExtraError
from spacy_catalog_ner.exemplars.approximate import ApproximateIndex
from spacy_catalog_ner.exemplars.exemplar import Exemplar
from spacy_catalog_ner.io.files import atomic_write, write_json

FORMAT_VERSION = 2

_META = "meta.json"
_EXEMPLARS = "exemplars.jsonl"
_EMBEDDINGS = "embeddings.npy"
_INDEX = "index.usearch"
_VERSION = re.compile("[0-9a-f]{12}")


class Parts(NamedTuple):
    """What a store is made of: see `spacy_catalog_ner.exemplars.ExemplarStore`."""

    exemplars: list[Exemplar]
    embeddings: np.ndarray
    embedder_name: str
    search_index: ApproximateIndex | None

    @property
    def meta(self) -> dict[str, Any]:
        """Contents of ``meta.json``."""
        return {
            "format_version": FORMAT_VERSION,
            "embedder": self.embedder_name,
            "exemplars": len(self.exemplars),
            "dimensions": int(self.embeddings.shape[1]),
            "recall_at_10": None
            if self.search_index is None
            else round(self.search_index.recall, 4),
        }


def write_folder(path: Path, parts: Parts, version: str) -> None:
    """Write a store to a folder, replacing an older one only when all is written.

    Parameters
    ----------
    path
        Folder to write.
    parts
        The store.
    version
        Its content version.

    Raises
    ------
    CatalogNERError
        If the folder holds something else, which is never replaced.
    """
    _check_target(path)
    folder = path / version
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / _EXEMPLARS, "wb") as stream:
        stream.write(encode(parts.exemplars))
    with atomic_write(folder / _EMBEDDINGS, "wb") as stream:
        np.save(stream, parts.embeddings, allow_pickle=False)
    if parts.search_index is not None:
        with atomic_write(folder / _INDEX, "wb") as stream:
            stream.write(parts.search_index.to_bytes())
    write_json(path / _META, {**parts.meta, "content_version": version})
    # Older versions, and what those who were killed left
    for child in path.iterdir():
        if child.name.startswith(f".{_META}."):
            child.unlink()
        elif _VERSION.fullmatch(child.name) and child.name != version:
            shutil.rmtree(child, ignore_errors=True)
    for child in folder.glob(".*"):
        child.unlink()


def _check_target(path: Path) -> None:
    if not path.exists():
        return
    if path.is_dir():
        if (path / _META).is_file():
            text = (path / _META).read_text(encoding="utf8", errors="replace")
            if '"embedder"' in text:  # other software, spaCy among it, writes a meta.json too
                return
        elif all(_VERSION.fullmatch(child.name) for child in path.iterdir()):
            return
    raise CatalogNERError(
        f"{path}: holds something else (no {_META} of an exemplar store); remove it or name another"
        " folder"
    )


def read_folder(path: Path) -> Parts:
    """Open what `write_folder` wrote; embeddings and index are mapped and not read.

    Raises
    ------
    CatalogNERError
        If there is no store, another format version wrote it, or it is broken.
    """
    if not (path / _META).is_file():
        raise CatalogNERError(
            f"{path}: no exemplar store here; make one with"
            f" `catalog-ner exemplars build ANNOTATED.jsonl --catalog CATALOG -o {path}`"
        )
    try:
        meta = json.loads((path / _META).read_text(encoding="utf8"))
        _check_version(meta, path)
        folder = path / meta["content_version"]
        exemplars = _decode((folder / _EXEMPLARS).read_bytes())
        embeddings = np.load(folder / _EMBEDDINGS, mmap_mode="r", allow_pickle=False)
        index = _open_index(folder / _INDEX, meta)
        counts = {_META: meta["exemplars"], _EXEMPLARS: len(exemplars)}
        counts[_EMBEDDINGS] = len(embeddings)
        if index is not None:
            counts[_INDEX] = len(index)
        if len(set(counts.values())) > 1:
            each = ", ".join(f"{count} in {file}" for file, count in counts.items())
            raise ValueError(f"exemplars: {each}")
        return Parts(exemplars, embeddings.view(np.ndarray), meta["embedder"], index)
    except CatalogNERError:
        raise
    except (ValueError, KeyError, TypeError, EOFError, OSError, RuntimeError) as err:
        reason = " ".join(str(err).split())
        raise CatalogNERError(f"{path}: broken exemplar store ({reason}); build it again") from None


def to_bytes(parts: Parts) -> bytes:
    """Serialise a store."""
    data = {
        "meta": parts.meta,
        "exemplars": encode(parts.exemplars),
        "embeddings": np.asarray(parts.embeddings),
        "index": None if parts.search_index is None else parts.search_index.to_bytes(),
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
        try:
            index = ApproximateIndex.from_bytes(saved["index"], meta["recall_at_10"])
        except MissingExtraError as err:
            warn_of_exact_search(meta["exemplars"], err)
    return Parts(_decode(saved["exemplars"]), saved["embeddings"], meta["embedder"], index)


def encode(exemplars: Iterable[Exemplar]) -> bytes:
    """Return exemplars as JSONL."""
    return bytes(msgspec.json.Encoder().encode_lines(exemplars))


def warn_of_exact_search(count: int, err: MissingExtraError) -> None:
    """Tell that a store has no index because of a missing extra."""
    warnings.warn(f"{err}; each text is compared with all of {count} exemplars", stacklevel=3)


def _decode(data: bytes) -> list[Exemplar]:
    return msgspec.json.Decoder(Exemplar).decode_lines(data)


def _check_version(meta: dict[str, Any], place: str | Path) -> None:
    if meta.get("format_version") != FORMAT_VERSION:
        raise CatalogNERError(
            f"{place}: exemplar store of format version {meta.get('format_version')}, this"
            f" release reads {FORMAT_VERSION}; build it again"
        )


def _open_index(path: Path, meta: dict[str, Any]) -> ApproximateIndex | None:
    if path.is_file():
        try:
            return ApproximateIndex.open(path, meta["recall_at_10"])
        except MissingExtraError as err:
            warn_of_exact_search(meta["exemplars"], err)
    return None
