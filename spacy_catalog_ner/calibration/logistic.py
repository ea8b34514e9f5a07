"""Logistic regression, fitted by scikit-learn and kept as plain numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from spacy_catalog_ner.errors import MissingExtraError


class LogisticModel(msgspec.Struct, frozen=True):
    """Weights by name of column, kept as numbers so that a saved model cannot run code."""

    weights: dict[str, float]
    intercept: float

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (*self.weights.values(), self.intercept))):
            raise ValueError("expected finite weights")

    @classmethod
    def fit(cls, features: Sequence[str], rows: np.ndarray, right: np.ndarray) -> LogisticModel:
        """Fit weights on standardised columns, with scikit-learn's default penalty.

        Rows have shape (candidates, features); which of them are right has both kinds.
        """
        try:
            from sklearn.linear_model import LogisticRegression
        except ImportError:
            raise MissingExtraError("Calibration", "calibration") from None
        mean, scale = rows.mean(axis=0), rows.std(axis=0)
        scale[scale < 1e-9] = 1  # a constant column, rounding aside
        regression = LogisticRegression(max_iter=1000).fit((rows - mean) / scale, right)
        weights = regression.coef_[0] / scale
        intercept = regression.intercept_[0] - weights @ mean
        return cls(dict(zip(features, weights.tolist(), strict=True)), float(intercept))

    def log_odds(self, rows: np.ndarray) -> np.ndarray:
        """Return the log-odds of every row, shape (candidates,)."""
        return np.asarray(rows @ np.array(list(self.weights.values())) + self.intercept)


def sigmoid(log_odds: np.ndarray) -> np.ndarray:
    """Return the probability of log-odds."""
    return np.asarray(1 / (1 + np.exp(-log_odds)))
