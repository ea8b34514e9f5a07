"""Embedding many texts so that a run that was killed goes on where it was."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.exemplars.embedders import Embedder, embed, name_of
from spacy_catalog_ner.io.files import atomic_write

CHUNK = 1024
"""Texts a file: what a run that is killed loses at most, about ten seconds of two cores."""

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
        """Embed texts, but for those that are embedded already.

        Parameters
        ----------
        texts
            The texts, at least one.
        embedder
            Embeds them.
        progress
            Show a progress bar on stderr.

        Returns
        -------
        numpy.ndarray
            Shape (texts, dimensions), float32, rows in the order of `texts`.

        Raises
        ------
        CatalogNERError
            If `embedder` does not return vectors.
        """
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
        ordered = [texts[number] for number in order]
        self._begin(_key_of(ordered, embedder))
        parts = []
        with tqdm(
            total=len(texts), desc="embed", unit="text", disable=not progress, delay=1
        ) as bar:
            for part in self._parts(ordered, embedder):
                parts.append(part)
                bar.update(len(part))
        embeddings = np.concatenate(parts)
        result = np.empty_like(embeddings)
        result[order] = embeddings
        return result

    def remove(self) -> None:
        """Remove the folder: what was made of the embeddings is safe."""
        shutil.rmtree(self.path)

    def _begin(self, key: str) -> None:
        key_path = self.path / _KEY
        if key_path.is_file() and key_path.read_text(encoding="utf8") != key:
            self.remove()
        with atomic_write(key_path) as stream:
            stream.write(key)

    def _parts(self, texts: Sequence[str], embedder: Embedder) -> Iterator[np.ndarray]:
        for start in range(0, len(texts), CHUNK):
            path = self.path / f"{start:09d}.npy"
            if path.is_file():
                yield np.load(path)
                continue
            part = embed(embedder, texts[start : start + CHUNK])
            with atomic_write(path, "wb") as stream:
                np.save(stream, part)
            yield part


def _key_of(texts: Sequence[str], embedder: Embedder) -> str:
    digest = hashlib.sha256(f"{name_of(embedder)}\n{CHUNK}\n".encode())
    for text in texts:
        digest.update(text.encode("utf8"))
        digest.update(b"\0")
    return digest.hexdigest()
