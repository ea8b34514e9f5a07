"""Places in the plane for texts, so that similar texts lie side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LANDMARKS = 3000
"""Texts laid out by t-SNE itself: ten seconds of one core."""

_PERPLEXITY = 30.0  # the default of scikit-learn; smaller where the texts are few
_FEW = 10  # with fewer texts t-SNE says no more than the first two components
_NEIGHBOURS = 3  # landmarks that say where another text goes


def lay_out(points: np.ndarray, first: Sequence[int], seed: int) -> np.ndarray:
    """Lay out points of many dimensions in two.

    t-SNE (van der Maaten and Hinton 2008) places up to `LANDMARKS` of the points. Each of the
    others goes to the mean of its three nearest landmarks, weighted by the inverse of their
    distance: t-SNE of all would take longer than everything else.

    Parameters
    ----------
    points
        Shape (texts, dimensions).
    first
        Points to take as landmarks before a random sample of the others.
    seed
        Of the sample and of t-SNE.

    Returns
    -------
    numpy.ndarray
        Shape (texts, 2), from 0 to 1.
    """
    landmarks = _choose(len(points), first, seed)
    places = np.empty((len(points), 2))
    places[landmarks] = _tsne(points[landmarks], seed)
    others = np.setdiff1d(np.arange(len(points)), landmarks)
    if len(others):
        places[others] = _among(points[others], points[landmarks], places[landmarks])
    low, high = places.min(axis=0), places.max(axis=0)
    scaled: np.ndarray = (places - low) / np.where(high > low, high - low, 1.0)
    return scaled


def _choose(count: int, first: Sequence[int], seed: int) -> np.ndarray:
    """Return the landmarks, sorted."""
    shuffled = np.random.default_rng(seed).permutation(count)
    unique = dict.fromkeys([*first, *shuffled.tolist()])
    return np.sort(np.array(list(unique)[:LANDMARKS]))


def _tsne(points: np.ndarray, seed: int) -> np.ndarray:
    if len(points) < _FEW:
        flat = np.zeros((len(points), 2))
        flat[:, : points.shape[1]] = points[:, :2]
        return flat
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    model = TSNE(
        perplexity=min(_PERPLEXITY, (len(points) - 1) / 3),
        init="pca",
        max_iter=500,
        random_state=seed,
    )
    # Threads add up in any order, and the layout would be another each time
    with threadpool_limits(1):
        places: np.ndarray = model.fit_transform(points.astype(np.float32))
    return places


def _among(points: np.ndarray, landmarks: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the weighted mean of the places of each point's nearest landmarks."""
    from sklearn.neighbors import NearestNeighbors

    model = NearestNeighbors(n_neighbors=_NEIGHBOURS, algorithm="brute").fit(landmarks)
    distances, nearest = model.kneighbors(points)
    weights = 1 / np.maximum(distances, 1e-9)
    weights /= weights.sum(axis=1, keepdims=True)
    mean: np.ndarray = np.einsum("pn,pnd->pd", weights, places[nearest])
    return mean
