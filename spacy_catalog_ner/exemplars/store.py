"""Exemplars on disk, and the nearest of them to a text."""

from __future__ import annotations

import hashlib
import json
import random
import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import srsly
from tqdm import tqdm

from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.errors import CatalogNERError, MissingExtraError
from spacy_catalog_ner.exemplars import search
from spacy_catalog_ner.exemplars.embedders import Embedder, embed, name_of
from spacy_catalog_ner.exemplars.exemplar import Exemplar, duplicate_key
from spacy_catalog_ner.exemplars.search import ApproximateIndex
from spacy_catalog_ner.io.language import is_same_language
from spacy_catalog_ner.io.versioned_folder import VersionedFolder

FORMAT_VERSION = 2

_FOLDER = VersionedFolder("exemplar store", mark="embedder")
_EXEMPLARS = "exemplars.jsonl"
_EMBEDDINGS = "embeddings.npy"
_INDEX = "index.usearch"
_BATCH = 256  # texts embedded between two steps of the progress bar


class ExemplarStore:
    """Exemplars with their embeddings.

    Parameters
    ----------
    exemplars
        The exemplars.
    embeddings
        Shape (exemplars, dimensions), float32, rows of length 1.
    embedder_name
        What made the embeddings: queries must be embedded by the same.
    index
        Searched in place of all embeddings.

    Attributes
    ----------
    exemplars, embeddings, embedder_name, index
        As given.
    """

    def __init__(
        self,
        exemplars: Sequence[Exemplar],
        embeddings: np.ndarray,
        embedder_name: str,
        index: ApproximateIndex | None = None,
    ) -> None:
        if len(exemplars) != len(embeddings):
            raise CatalogNERError(f"{len(exemplars)} exemplars but {len(embeddings)} embeddings")
        self.exemplars = list(exemplars)
        self.embeddings = embeddings
        self.embedder_name = embedder_name
        self.index = index

    @classmethod
    def build(
        cls, exemplars: Iterable[Exemplar], embedder: Embedder, *, progress: bool = False
    ) -> ExemplarStore:
        """Embed exemplars and make a store of them, with an index where they are many.

        Parameters
        ----------
        exemplars
            The exemplars, at least one.
        embedder
            Embeds their texts.
        progress
            Show a progress bar on stderr.

        Raises
        ------
        CatalogNERError
            If there is no exemplar, or `embedder` does not return vectors.
        """
        exemplars = list(exemplars)
        if not exemplars:
            raise CatalogNERError("no exemplar to build a store of")
        parts = []
        with tqdm(total=len(exemplars), unit="text", desc="embed", disable=not progress) as bar:
            for start in range(0, len(exemplars), _BATCH):
                part = exemplars[start : start + _BATCH]
                parts.append(embed(embedder, [exemplar.text for exemplar in part]))
                bar.update(len(part))
        embeddings = np.concatenate(parts)
        index = None
        if len(exemplars) >= search.APPROXIMATE_FROM:
            try:
                index = ApproximateIndex.build(embeddings, progress=progress)
            except MissingExtraError as err:
                _warn_of_exact_search(len(exemplars), err)
        return cls(exemplars, embeddings, name_of(embedder), index)

    def __len__(self) -> int:
        return len(self.exemplars)

    @cached_property
    def content_version(self) -> str:
        """A short hash that differs when other exemplars could be retrieved."""
        digest = hashlib.sha256(self.embedder_name.encode("utf8"))
        digest.update(self._encoded)
        digest.update(np.ascontiguousarray(self.embeddings).data)
        return digest.hexdigest()[:12]

    def select(self, lang: str | None = None, held_out: frozenset[str] = frozenset()) -> np.ndarray:
        """Tell which exemplars may be retrieved at all, for `search_many` and `sample`.

        Parameters
        ----------
        lang
            Only those in this language; "en" takes in "en-US". All if None.
        held_out
            Names in normal form: none that has one of them among its ``selected``.

        Returns
        -------
        numpy.ndarray
            Shape (exemplars,), bool.

        Raises
        ------
        CatalogNERError
            If none is left.
        """
        allowed = np.array(
            [
                (lang is None or is_same_language(exemplar.lang, lang))
                and not any(normalize(item.text) in held_out for item in exemplar.selected)
                for exemplar in self.exemplars
            ]
        )
        if not allowed.any():
            langs = ", ".join(sorted({exemplar.lang or "none" for exemplar in self.exemplars}))
            raise CatalogNERError(
                f"no exemplar is left to retrieve: lang is {lang!r} (those of the store: {langs}),"
                f" {len(held_out)} names are held out"
            )
        return allowed

    def search(self, text: str, vector: np.ndarray, k: int) -> list[tuple[Exemplar, float]]:
        """Do as `search_many` for one text; `vector` has shape (dimensions,)."""
        return self.search_many([text], vector[None], k)[0]

    def search_many(
        self,
        texts: Sequence[str],
        vectors: np.ndarray,
        k: int,
        allowed: np.ndarray | None = None,
    ) -> list[list[tuple[Exemplar, float]]]:
        """Return for each text the most similar exemplars with their cosine similarity.

        The best come first; those that are equally similar come in the order of the store. The
        text itself, in whatever case, spacing or punctuation, is never among them.

        Parameters
        ----------
        texts
            The queries.
        vectors
            Their embeddings, shape (texts, dimensions), float32, rows of length 1.
        k
            How many exemplars a text gets; fewer where there are fewer.
        allowed
            Shape (exemplars,), bool: only these, as `select` gives them; all if None.

        Raises
        ------
        CatalogNERError
            If the vectors have another number of dimensions than those of the store.
        """
        if vectors.shape[1] != self.embeddings.shape[1]:
            raise CatalogNERError(
                f"embeddings of {self.embeddings.shape[1]} dimensions in the exemplar store, made"
                f" by {self.embedder_name!r}, but {vectors.shape[1]} of the text: use the same"
                " embedder for both"
            )
        blocked = np.zeros(0, dtype=int) if allowed is None else np.flatnonzero(~allowed)
        own = [self._duplicates.get(duplicate_key(text), []) for text in texts]
        find = search.search_exactly if self.index is None else self.index.search
        found = find(self.embeddings, vectors, k, blocked, own)
        return [[(self.exemplars[number], score) for number, score in items] for items in found]

    def sample(
        self, text: str, k: int, seed: int = 0, allowed: np.ndarray | None = None
    ) -> list[Exemplar]:
        """Return `k` exemplars chosen at random, the same ones whenever the text is the same.

        Parameters
        ----------
        text
            The query, which is never among them.
        k
            How many; fewer where there are fewer.
        seed
            Another seed gives others.
        allowed
            As in `search_many`.
        """
        numbers = np.arange(len(self)) if allowed is None else np.flatnonzero(allowed)
        own = set(self._duplicates.get(duplicate_key(text), []))
        chooser = random.Random(f"{seed} {text}")
        drawn = chooser.sample(range(len(numbers)), min(k + len(own), len(numbers)))
        chosen = [int(numbers[place]) for place in drawn]
        return [self.exemplars[number] for number in chosen if number not in own][:k]

    @cached_property
    def _duplicates(self) -> dict[str, list[int]]:
        numbers: dict[str, list[int]] = defaultdict(list)
        for number, exemplar in enumerate(self.exemplars):
            numbers[duplicate_key(exemplar.text)].append(number)
        return dict(numbers)

    @property
    def _encoded(self) -> bytes:
        return bytes(msgspec.json.Encoder().encode_lines(self.exemplars))

    @property
    def _meta(self) -> dict[str, Any]:
        return {
            "format_version": FORMAT_VERSION,
            "embedder": self.embedder_name,
            "exemplars": len(self),
            "dimensions": int(self.embeddings.shape[1]),
            "recall_at_10": None if self.index is None else round(self.index.recall, 4),
        }

    def to_disk(self, path: str | Path) -> None:
        """Write the store to a folder, replacing an older one only when all is written.

        Raises
        ------
        CatalogNERError
            If the folder holds something else, or another process is writing there.
        """

        def write_files(folder: Path) -> dict[str, Any]:
            (folder / _EXEMPLARS).write_bytes(self._encoded)
            np.save(folder / _EMBEDDINGS, self.embeddings, allow_pickle=False)
            if self.index is not None:
                (folder / _INDEX).write_bytes(self.index.to_bytes())
            return {**self._meta, "content_version": self.content_version}

        _FOLDER.write(Path(path), write_files)

    @classmethod
    def from_disk(cls, path: str | Path) -> ExemplarStore:
        """Open a store's folder; embeddings and index are mapped and not read.

        Raises
        ------
        CatalogNERError
            If there is none, another format version wrote it, or it is broken.
        """
        return _FOLDER.read(Path(path), lambda: cls._from_disk(Path(path)))

    @classmethod
    def _from_disk(cls, path: Path) -> ExemplarStore:
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
            return cls(exemplars, embeddings.view(np.ndarray), meta["embedder"], index)
        except CatalogNERError:
            raise
        except (ValueError, KeyError, TypeError, EOFError, OSError, RuntimeError) as err:
            reason = " ".join(str(err).split())
            raise CatalogNERError(
                f"{path}: broken exemplar store ({reason}); build it again"
            ) from None

    def to_bytes(self) -> bytes:
        """Serialise the store."""
        data = {
            "meta": self._meta,
            "exemplars": self._encoded,
            "embeddings": np.asarray(self.embeddings),
            "index": None if self.index is None else self.index.to_bytes(),
        }
        return bytes(srsly.msgpack_dumps(data))

    @classmethod
    def from_bytes(cls, data: bytes) -> ExemplarStore:
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
        return cls(_decode(saved["exemplars"]), saved["embeddings"], meta["embedder"], index)


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
        _warn_of_exact_search(meta["exemplars"], err)
        return None


def _warn_of_exact_search(count: int, err: MissingExtraError) -> None:
    warnings.warn(f"{err}; each text is compared with all of {count} exemplars", stacklevel=3)
