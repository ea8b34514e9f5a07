"""Bootstrap intervals: how much the figures depend on which texts happened to be evaluated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np

CONFIDENCE = 0.95
_BATCH = 50  # resamples at a time: bounds memory at 50 numbers a text
_CELLS = 4_000_000  # counts at a time as floats, of 8 bytes each: bounds memory at 32 MB


def bootstrap(
    counts: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    *,
    samples: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """Return 95 % percentile bootstrap intervals of figures of summed counts, over texts.

    Texts with equal counts are interchangeable, so how often each distinct row of counts occurs
    in a resample of as many texts is drawn from a multinomial distribution: exactly the bootstrap
    over texts, at the cost of the distinct rows (Efron and Tibshirani 1993, An Introduction to
    the Bootstrap, chapters 6 and 13).

    Parameters
    ----------
    counts
        Whole numbers of shape (texts, ...), for example (texts, labels, 3).
    statistic
        Turns summed counts of shape (resamples, ...) into figures of shape (resamples, figures).
    samples
        Number of resamples.
    seed
        The same seed gives the same intervals.

    Returns
    -------
    np.ndarray
        Shape (figures, 2): lower and upper bound.
    """
    texts, shape = len(counts), counts.shape[1:]
    # As np.unique(axis=0), which compares column by column and takes ten times as long
    rows = Counter(map(bytes, np.ascontiguousarray(counts).reshape(texts, -1)))
    keys = sorted(rows)
    times = np.array([rows[key] for key in keys])
    distinct = np.frombuffer(b"".join(keys), counts.dtype).reshape(len(keys), -1)
    random = np.random.default_rng(seed)
    figures = []
    for start in range(0, samples, _BATCH):
        size = min(_BATCH, samples - start)
        weights = random.multinomial(texts, times / texts, size=size)
        figures.append(statistic(_sum(weights, distinct).reshape(size, *shape)))
    tail = 50 * (1 - CONFIDENCE)
    return np.percentile(np.concatenate(figures), [tail, 100 - tail], axis=0).T


def _sum(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return ``weights @ counts``, by the fast product of floats, exact below 2**53.

    The counts, which can be as many as texts times labels, become floats a block at a time.
    """
    totals = np.zeros((len(weights), counts.shape[1]))
    step = max(_CELLS // max(counts.shape[1], 1), 1)
    for start in range(0, len(counts), step):
        block = slice(start, start + step)
        totals += weights[:, block].astype(np.float64) @ counts[block].astype(np.float64)
    return totals


def precision_recall_f1(counts: np.ndarray) -> np.ndarray:
    """Return figures of counts, both of shape (..., 3), 0 where undefined as in `Score`.

    The last axis is right, spurious, missed in the counts and precision, recall, F1 in the
    figures.
    """
    right, spurious, missed = np.moveaxis(counts, -1, 0)
    wholes = np.stack([right + spurious, right + missed, right + (spurious + missed) / 2], axis=-1)
    return right[..., None] / np.maximum(wholes, 0.5)  # no whole other than 0 is below one half


def macro_average(counts: np.ndarray) -> np.ndarray:
    """Return mean precision, recall and F1 over the labels in gold.

    Counts of shape (..., labels, 3) give figures of shape (..., 3). A label that a resample has
    no gold entity of does not count in that resample.
    """
    in_gold = ((counts[..., 0] + counts[..., 2]) > 0)[..., None]
    total = (precision_recall_f1(counts) * in_gold).sum(axis=-2)
    return total / np.maximum(in_gold.sum(axis=-2), 1)
