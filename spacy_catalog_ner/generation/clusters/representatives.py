"""Choosing the representatives of clusters, and of rare intents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

NEAR_COPY = 0.95
"""Texts with this cosine similarity differ in little but a letter or an article."""

FAR = 0.6
"""Below this cosine similarity to all that is chosen, a text is of another intent."""

_BLOCK = 1024  # rows of similarities computed at once


def choose_representatives(
    embeddings: np.ndarray, texts: np.ndarray, count: int, *, neighbours: int
) -> list[int]:
    """Choose up to `count` texts of a cluster that are typical of it and unlike each other.

    The first is the densest: that with the highest mean similarity to its nearest `neighbours` in
    the cluster. Each next one is, of the denser half, the least similar to those chosen before;
    near-copies are left out. The rows of `embeddings` have length 1.
    """
    vectors = embeddings[texts]
    density = _density(vectors, neighbours)
    order = np.argsort(-density, kind="stable")
    dense = order[: max(1, (len(order) + 1) // 2)]
    chosen = [int(dense[0])]
    nearest = vectors[dense] @ vectors[dense[0]]
    while len(chosen) < count:
        place = int(nearest.argmin())
        if nearest[place] >= NEAR_COPY:
            break
        chosen.append(int(dense[place]))
        nearest = np.maximum(nearest, vectors[dense] @ vectors[dense[place]])
    return [int(texts[number]) for number in chosen]


def _density(vectors: np.ndarray, neighbours: int) -> np.ndarray:
    """Mean cosine similarity of each vector to its nearest neighbours."""
    count = min(neighbours, len(vectors) - 1)
    density = np.zeros(len(vectors))
    for start in range(0, len(vectors), _BLOCK):
        similarities = vectors[start : start + _BLOCK] @ vectors.T
        own = np.arange(len(similarities))
        similarities[own, start + own] = -np.inf
        nearest = np.partition(similarities, len(vectors) - count, axis=1)[:, -count:]
        density[start : start + _BLOCK] = nearest.mean(axis=1)
    return density


def choose_rare(
    embeddings: np.ndarray, noise: np.ndarray, typical: Sequence[int], count: int
) -> list[int]:
    """Choose up to `count` texts of `noise` that are far from all clusters and from each other.

    Each is the farthest from the `typical` texts of the clusters and from those chosen before
    (farthest-first traversal, Gonzalez 1985), as long as one is `FAR`. Without clusters, the texts
    need not be far.
    """
    vectors = embeddings[noise]
    if not typical and len(noise) <= count:
        return [int(number) for number in noise]
    limit = FAR if typical else np.inf
    nearest = _nearest(vectors, embeddings[list(typical)])
    chosen: list[int] = []
    while len(chosen) < min(count, len(noise)):
        place = int(nearest.argmin())
        if nearest[place] >= limit:
            break
        chosen.append(int(noise[place]))
        nearest = np.maximum(nearest, vectors @ vectors[place])
        nearest[place] = np.inf
    return chosen


def _nearest(vectors: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Similarity of each vector to the most similar of others; -1 where there is none."""
    nearest = np.full(len(vectors), -1.0, dtype=np.float32)
    if len(others):
        for start in range(0, len(vectors), _BLOCK):
            similarities = vectors[start : start + _BLOCK] @ others.T
            nearest[start : start + _BLOCK] = similarities.max(axis=1)
    return nearest
