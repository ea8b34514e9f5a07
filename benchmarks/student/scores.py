"""Figures of students over several seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.common.thresholds import Row, Scored, keys

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
    scores = np.array([_scores(one.sum(axis=0)) for one in counts])
    precision, recall, f1 = scores.mean(axis=0)
    return {
        "precision": round(float(precision), 4),
        "recall": round(float(recall), 4),
        "f1": round(float(f1), 4),
        "lowest": round(float(scores[:, 2].min()), 4),
        "highest": round(float(scores[:, 2].max()), 4),
        "interval": _interval(_resample(counts, seed)),
        "texts": len(counts[0]),
        "students": len(counts),
    }


def difference(before: Sequence[Counts], after: Sequence[Counts], seed: int = 0) -> list[float]:
    """Return the 95 % interval of the gain in mean F1, by bootstrap over the same texts of both."""
    return _interval(_resample(after, seed) - _resample(before, seed))


def _resample(counts: Sequence[Counts], seed: int) -> np.ndarray:
    """Return the mean F1 over students on each resample of the texts."""
    texts = len(counts[0])
    generator = np.random.default_rng(seed)
    weights = generator.multinomial(texts, np.full(texts, 1 / texts), size=_SAMPLES)
    sums = np.einsum("st,ntk->snk", weights, np.stack(counts))
    means: np.ndarray = _scores(sums)[..., 2].mean(axis=1)
    return means


def _interval(values: np.ndarray) -> list[float]:
    return [round(float(value), 4) for value in np.quantile(values, [0.025, 0.975])]


def _scores(sums: np.ndarray) -> np.ndarray:
    """Return precision, recall and F1 of sums; the last axis of both has three columns."""
    right, predicted, gold = (sums[..., column].astype(float) for column in range(3))
    parts = (
        right / np.maximum(predicted, 1),
        right / np.maximum(gold, 1),
        2 * right / np.maximum(predicted + gold, 1),
    )
    return np.stack(parts, axis=-1)
