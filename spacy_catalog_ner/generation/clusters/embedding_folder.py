"""Embedding many texts so that a run that was killed goes on where it was."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.exemplars.embedders import Embedder, embed, name_of
from spacy_catalog_ner.io.files import atomic_write

CHUNK = 1024
"""Texts a file: what a killed run loses at most, about ten seconds of two cores."""

_KEY = "key.txt"


class EmbeddingFolder:
    """Embeddings on disk, a file for each chunk of the texts.

    Texts are embedded in the order of their length, so that those of a batch are padded little.
    Chunks are the same whether a run was killed or not, and so is every digit of the embeddings.

    Parameters
    ----------
    path
        Folder to keep them in. What it holds of other texts or another embedder is removed.

    Raises
    ------
    CatalogNERError
        If `path` is something else.
    """

    def __init__(self, path: Path) -> None:
        if path.exists() and not (path / _KEY).is_file():
            raise CatalogNERError(
                f"{path}: holds something else (no {_KEY} in it); remove it or name another output"
            )
        self.path = path

    def embed(
        self, texts: Sequence[str], embedder: Embedder, *, progress: bool = False
    ) -> np.ndarray:
        """Embed texts, but for those that are embedded already; one row each, float32."""
        order = np.argsort([len(text) for text in texts], kind="stable")
        ordered = [texts[number] for number in order]
        self._begin(ordered, embedder)
        parts = []
        with tqdm(
            total=len(texts), desc="embed", unit="text", disable=not progress, delay=1
        ) as bar:
            for start in range(0, len(texts), CHUNK):
                path = self.path / f"{start:09d}.npy"
                if not path.is_file():
                    part = embed(embedder, ordered[start : start + CHUNK])
                    with atomic_write(path, "wb") as stream:
                        np.save(stream, part)
                parts.append(np.load(path))
                bar.update(len(parts[-1]))
        embeddings = np.concatenate(parts)
        result = np.empty_like(embeddings)
        result[order] = embeddings
        return result

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path)

    def _begin(self, texts: Sequence[str], embedder: Embedder) -> None:
        """Remove what is of other texts or another embedder."""
        digest = hashlib.sha256(f"{name_of(embedder)}\n{CHUNK}\n".encode())
        for text in texts:
            digest.update(text.encode("utf8") + b"\0")
        path = self.path / _KEY
        if path.is_file() and path.read_text(encoding="utf8") != digest.hexdigest():
            self.remove()
        with atomic_write(path) as stream:
            stream.write(digest.hexdigest())
