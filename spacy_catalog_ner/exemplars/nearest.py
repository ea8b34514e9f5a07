"""The nearest of many vectors, exactly: one matrix product for many queries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

Found = list[tuple[int, float]]
"""Numbers of exemplars with their cosine similarity, best first."""

DECIMALS = 5
"""Of a similarity. What is equal to so many stands in the order of the store: the last bits of an
embedding depend on the texts that are embedded together."""

_MAX_SCORES = 1 << 24  # computed at once: 64 MB
_MARGIN = 2 * 10**-DECIMALS  # two scores closer than this may be equal when rounded


def search_exactly(
    embeddings: np.ndarray,
    queries: np.ndarray,
    k: int,
    blocked: np.ndarray,
    own: Sequence[Sequence[int]],
) -> list[Found]:
    """Return for each query the `k` nearest of all embeddings.

    Parameters
    ----------
    embeddings
        Shape (exemplars, dimensions), float32, rows of length 1.
    queries
        Shape (queries, dimensions), float32, rows of length 1.
    k
        How many to return; fewer where there are fewer.
    blocked
        Numbers that no query may have.
    own
        For each query the numbers that it may not have.
    """
    found: list[Found] = []
    for part in _parts(len(queries), max(1, _MAX_SCORES // len(embeddings))):
        scores = queries[part] @ embeddings.T
        scores[:, blocked] = -np.inf
        for query, row, mine in zip(queries[part], scores, own[part], strict=True):
            row[list(mine)] = -np.inf
            found.append(rank(embeddings, query, _preselect(row, k), k))
    return found


def rank(embeddings: np.ndarray, query: np.ndarray, numbers: np.ndarray, k: int) -> Found:
    """Return the `k` nearest of some embeddings, whatever is searched together with them.

    Parameters
    ----------
    embeddings, k
        As in `search_exactly`.
    query
        Shape (dimensions,).
    numbers
        Of the embeddings to choose from.
    """
    # Not a product of matrices, whose last bits depend on their size.
    scores = (embeddings[numbers] * query.astype(np.float64)).sum(axis=1).round(DECIMALS)
    order = np.lexsort((numbers, -scores))[:k]
    return [(int(numbers[place]), float(scores[place])) for place in order]


def _preselect(scores: np.ndarray, k: int) -> np.ndarray:
    """Return the numbers of the `k` highest scores, and of what may be equal to the last."""
    if k < 1:
        return np.zeros(0, dtype=int)
    passes = np.isfinite(scores)
    if k < len(scores):
        passes &= scores > np.partition(scores, len(scores) - k)[len(scores) - k] - _MARGIN
    return np.flatnonzero(passes)


def _parts(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, start + size)
