"""Figures of students over several seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from thresholds import Row, Scored, keys

Counts = np.ndarray
"""Of every text: entities right, predicted, and in gold; shape (texts, 3)."""

_SAMPLES = 1000


def count(found: Sequence[Scored], gold: Sequence[Row], threshold: float) -> Counts:
    """Count the entities of every text."""
    rows = []
    for spans, row in zip(found, gold, strict=True):
        right = keys(row)
        kept = {(start, end, label) for start, end, label, score in spans if score >= threshold}
        rows.append((len(kept & right), len(kept), len(right)))
    return np.array(rows).reshape(len(rows), 3)


def summarise(counts: Sequence[Counts], seed: int = 0) -> Row:
    """Return the means of precision, recall and F1 over students of several seeds.

    Parameters
    ----------
    counts
        Those of each student, of the same texts.
    seed
        Of the resamples.

    Returns
    -------
    dict
        ``precision``, ``recall``, ``f1``; ``lowest`` and ``highest`` F1 of a student;
        ``interval``, 95 % of the mean F1 by bootstrap over texts; ``texts`` and ``students``.
    """
    stacked = np.stack(counts)  # students, texts, 3
    scores = np.array([_scores(one.sum(axis=0)) for one in stacked])
    generator = np.random.default_rng(seed)
    texts = stacked.shape[1]
    weights = generator.multinomial(texts, np.full(texts, 1 / texts), size=_SAMPLES)
    sums = np.einsum("st,ntk->snk", weights, stacked)
    means = _scores(sums)[..., 2].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    precision, recall, f1 = scores.mean(axis=0)
    return {
        "precision": round(float(precision), 4),
        "recall": round(float(recall), 4),
        "f1": round(float(f1), 4),
        "lowest": round(float(scores[:, 2].min()), 4),
        "highest": round(float(scores[:, 2].max()), 4),
        "interval": [round(float(low), 4), round(float(high), 4)],
        "texts": texts,
        "students": len(counts),
    }


def _scores(sums: np.ndarray) -> np.ndarray:
    """Return precision, recall and F1 of sums; the last axis of both has three columns."""
    right, predicted, gold = (sums[..., column].astype(float) for column in range(3))
    parts = (
        right / np.maximum(predicted, 1),
        right / np.maximum(gold, 1),
        2 * right / np.maximum(predicted + gold, 1),
    )
    return np.stack(parts, axis=-1)
