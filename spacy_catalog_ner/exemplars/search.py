"""The nearest of many vectors: exactly, or by a graph of neighbours (HNSW) of `usearch`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spacy_catalog_ner.errors import MissingExtraError

Found = list[tuple[int, float]]
"""Numbers of exemplars with their cosine similarity, best first."""

DECIMALS = 5
"""Similarities are rounded to so many, and equal ones stay in the order of the store: the last bits
of an embedding depend on the texts that are embedded together."""

APPROXIMATE_FROM = 200_000
"""Stores of so many exemplars have an index."""

RECALL_AT = 10
"""How many neighbours the recall is measured at."""

_MAX_SCORES = 1 << 24  # computed at once: 64 MB
_MARGIN = 2 * 10**-DECIMALS  # two scores closer than this may be equal when rounded
_SAMPLE = 500  # queries that the recall is measured with
_SLACK = 16  # neighbours asked for beyond those wanted, as the graph's similarities are rough


def search_exactly(
    embeddings: np.ndarray,
    queries: np.ndarray,
    k: int,
    blocked: np.ndarray,
    own: Sequence[Sequence[int]],
) -> list[Found]:
    """Return for each query the `k` nearest of all embeddings, fewer where there are fewer.

    Parameters
    ----------
    embeddings
        Shape (exemplars, dimensions), float32, rows of length 1.
    queries
        Shape (queries, dimensions), float32, rows of length 1.
    blocked
        Numbers that no query may have.
    own
        For each query the numbers that it may not have.
    """
    found: list[Found] = []
    size = max(1, _MAX_SCORES // len(embeddings))
    for start in range(0, len(queries), size):
        part = slice(start, start + size)
        scores = queries[part] @ embeddings.T
        scores[:, blocked] = -np.inf
        for query, row, mine in zip(queries[part], scores, own[part], strict=True):
            row[list(mine)] = -np.inf
            found.append(_rank(embeddings, query, _preselect(row, k), k))
    return found


def _rank(embeddings: np.ndarray, query: np.ndarray, numbers: np.ndarray, k: int) -> Found:
    """Return the `k` nearest of some embeddings, whatever is searched together with them."""
    # Not a product of matrices, whose last bits depend on their size
    scores = (embeddings[numbers] * query.astype(np.float64)).sum(axis=1).round(DECIMALS)
    order = np.lexsort((numbers, -scores))[:k]
    return list(zip(numbers[order].tolist(), scores[order].tolist(), strict=True))


def _preselect(scores: np.ndarray, k: int) -> np.ndarray:
    """Return the numbers of the `k` highest scores, and of what may be equal to the last."""
    if k < 1:
        return np.zeros(0, dtype=int)
    passes = np.isfinite(scores)
    if k < len(scores):
        passes &= scores > np.partition(scores, len(scores) - k)[len(scores) - k] - _MARGIN
    return np.flatnonzero(passes)


class ApproximateIndex:
    """A graph that leads to nearly all of the nearest vectors.

    It only proposes neighbours: similarities are computed from the embeddings.

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
        """Index embeddings, as `search_exactly` takes them, and measure the recall on a sample.

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
        blocked: np.ndarray,
        own: Sequence[Sequence[int]],
    ) -> list[Found]:
        """Do as `search_exactly`, nearly.

        Where too few neighbours may be had, more are asked for, and at last all are looked at.
        """
        return [
            self._search_one(embeddings, query, k, blocked, mine)
            for query, mine in zip(queries, own, strict=True)
        ]

    def _search_one(
        self,
        embeddings: np.ndarray,
        query: np.ndarray,
        k: int,
        blocked: np.ndarray,
        own: Sequence[int],
    ) -> Found:
        count = 2 * k + _SLACK
        while count < len(embeddings) // 8:
            # One thread: those of a pool are not there in a forked worker
            numbers = np.sort(self._index.search(query, count, threads=1).keys.astype(np.int64))
            places = np.searchsorted(blocked, numbers)
            is_blocked = np.append(blocked, -1)[places] == numbers
            numbers = numbers[~is_blocked & ~np.isin(numbers, own)]
            if len(numbers) >= k:
                return _rank(embeddings, query, numbers, k)
            count *= 4
        return search_exactly(embeddings, query[None], k, blocked, [own])[0]

    def _measure_recall(self, embeddings: np.ndarray) -> float:
        numbers = np.linspace(0, len(embeddings) - 1, min(_SAMPLE, len(embeddings)), dtype=int)
        queries = np.asarray(embeddings[numbers])
        own = [[number] for number in numbers.tolist()]
        nobody = np.zeros(0, dtype=int)
        exact = search_exactly(embeddings, queries, RECALL_AT, nobody, own)
        nearly = self.search(embeddings, queries, RECALL_AT, nobody, own)
        # As similar as the last of the nearest is as good: there may be several
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
