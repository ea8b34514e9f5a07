"""`spacy_catalog_ner.GGUFEmbedder.v1`: an embedding model as a GGUF file, run by llama.cpp."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.files import require_file
from spacy_catalog_ner.io.gguf import import_xllamacpp, start_server
from spacy_catalog_ner.io.per_process import PerProcess

CONTEXT_LENGTH = 512
"""Longest text, in tokens, or fewer where the model takes fewer; of a longer one the beginning
is embedded."""


def make_gguf_embedder(model: str) -> GGUFEmbedder:
    """Make the embedder registered as ``spacy_catalog_ner.GGUFEmbedder.v1``."""
    return GGUFEmbedder(model)


class GGUFEmbedder:
    """A model in a GGUF file, run in this process and loaded at first use.

    Token vectors are pooled as the file says; their mean is taken where it says nothing, as that
    of a model made to generate.

    Parameters
    ----------
    model
        Path of the file.
    """

    def __init__(self, model: str | Path) -> None:
        self.model = str(model)
        self._server: PerProcess[Any] = PerProcess(partial(_load, self.model))

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts.

        Returns
        -------
        numpy.ndarray
            Shape (texts, dimensions), float32, rows of length 1.

        Raises
        ------
        MissingExtraError
            If xllamacpp is not installed.
        CatalogNERError
            If the model cannot be loaded, or gives no vector.
        """
        vectors = np.array([self._embed(text) for text in texts], dtype=np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def _embed(self, text: str) -> list[float]:
        server = self._server.get()
        while True:
            result = server.handle_embeddings({"input": text})
            if "data" in result:
                vector: list[float] = result["data"][0]["embedding"]
                return vector
            if len(text) <= CONTEXT_LENGTH // 8:  # it is not the length
                reason = result.get("error", {}).get("message", "no reason given")
                raise CatalogNERError(f"{self.model}: llama.cpp gave no embedding ({reason})")
            text = text[: len(text) // 2]


def _load(model: str) -> Any:
    xllamacpp = import_xllamacpp("A GGUF embedder")
    path = require_file(model, "a GGUF model")
    start = partial(
        start_server,
        xllamacpp,
        path,
        embedding=True,
        n_ctx=CONTEXT_LENGTH,
        n_batch=CONTEXT_LENGTH,
        n_ubatch=CONTEXT_LENGTH,
    )
    server = start()
    if "data" not in server.handle_embeddings({"input": "a"}):  # the file names no pooling
        server = start(pooling_type=xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN)
    return server
