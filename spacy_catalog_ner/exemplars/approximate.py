"""Approximate search among many exemplars, by a graph of neighbours (HNSW) of `usearch`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spacy_catalog_ner.errors import MissingExtraError
from spacy_catalog_ner.exemplars.nearest import Found, rank, search_exactly

APPROXIMATE_FROM = 200_000
"""Exemplars from which on a store has an index."""

RECALL_AT = 10
"""How many neighbours the recall is measured at."""

_SAMPLE = 500  # queries that the recall is measured with
_SLACK = (
    16  # neighbours asked for beyond those wanted: their similarities are then computed exactly
)


class ApproximateIndex:
    """A graph that leads to nearly all of the nearest vectors.

    It only proposes: similarities are computed from the embeddings.

    Parameters
    ----------
    index
        A `usearch.index.Index`, keyed by the numbers of the exemplars.
    recall
        Share of the `RECALL_AT` nearest that it finds.
    """

    def __init__(self, index: Any, recall: float) -> None:
        self.recall = recall
        self._index = index

    @classmethod
    def build(cls, embeddings: np.ndarray, *, progress: bool = False) -> ApproximateIndex:
        """Index embeddings and measure the recall on a sample of them.

        Parameters
        ----------
        embeddings
            Shape (exemplars, dimensions), float32, rows of length 1.
        progress
            Show a progress bar on stderr.

        Raises
        ------
        MissingExtraError
            If usearch is not installed.
        """
        graph = _index_class()(ndim=embeddings.shape[1], metric="ip", dtype="f16")
        graph.add(np.arange(len(embeddings)), embeddings, log="index" if progress else False)
        index = cls(graph, 0.0)
        index.recall = index._measure_recall(embeddings)
        return index

    def __len__(self) -> int:
        return len(self._index)

    def search(
        self,
        embeddings: np.ndarray,
        queries: np.ndarray,
        k: int,
        allowed: np.ndarray,
        own: Sequence[Sequence[int]],
    ) -> list[Found]:
        """Do as `search_exactly`, nearly.

        Where too few neighbours pass, more are asked for, and at last all are looked at.

        Parameters
        ----------
        allowed
            Shape (exemplars,), bool: which of them any query may have.
        embeddings, queries, k, own
            As in `search_exactly`.
        """
        return [
            self._search_one(embeddings, query, k, allowed, mine)
            for query, mine in zip(queries, own, strict=True)
        ]

    def _search_one(
        self,
        embeddings: np.ndarray,
        query: np.ndarray,
        k: int,
        allowed: np.ndarray,
        own: Sequence[int],
    ) -> Found:
        count = 2 * k + _SLACK
        while count < len(embeddings) // 8:
            # One thread: those of a pool are not there in a forked worker.
            numbers = np.sort(self._index.search(query, count, threads=1).keys.astype(np.int64))
            numbers = numbers[allowed[numbers] & ~np.isin(numbers, own)]
            if len(numbers) >= k:
                return rank(embeddings, query, numbers, k)
            count *= 4
        return search_exactly(embeddings, query[None], k, np.flatnonzero(~allowed), [own])[0]

    def _measure_recall(self, embeddings: np.ndarray) -> float:
        numbers = np.linspace(0, len(embeddings) - 1, min(_SAMPLE, len(embeddings)), dtype=int)
        own = [[number] for number in numbers.tolist()]
        queries = np.asarray(embeddings[numbers])
        nobody = np.zeros(0, dtype=int)
        exact = search_exactly(embeddings, queries, RECALL_AT, nobody, own)
        everybody = np.ones(len(embeddings), dtype=bool)
        nearly = self.search(embeddings, queries, RECALL_AT, everybody, own)
        # As similar as the last of the nearest is as good: there may be several.
        hits = sum(
            score >= right[-1][1]
            for found, right in zip(nearly, exact, strict=True)
            for _, score in found
        )
        return hits / sum(map(len, exact))

    @classmethod
    def open(cls, path: Path, recall: float) -> ApproximateIndex:
        """Map a file of what `to_bytes` gave.

        Raises
        ------
        MissingExtraError
            If usearch is not installed.
        ValueError, RuntimeError
            If it is broken.
        """
        return cls(_index_class().restore(str(path), view=True), recall)

    def to_bytes(self) -> bytes:
        """Serialise the graph."""
        return bytes(self._index.save())

    @classmethod
    def from_bytes(cls, data: bytes, recall: float) -> ApproximateIndex:
        """Load what `to_bytes` gave; errors are those of `open`."""
        return cls(_index_class().restore(data), recall)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_bytes, (self.to_bytes(), self.recall)


def _index_class() -> Any:
    try:
        from usearch.index import Index
    except ImportError:
        raise MissingExtraError("Approximate search", "usearch") from None
    return Index
