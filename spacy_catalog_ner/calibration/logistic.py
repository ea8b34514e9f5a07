"""Logistic regression, fitted by scikit-learn and kept as plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spacy_catalog_ner.errors import MissingExtraError


@dataclass(frozen=True)
class LogisticModel:
    """Weights of features, kept as numbers so that a saved one cannot run code.

    Attributes
    ----------
    features
        Names of the columns.
    weights
        Of each column.
    intercept
        Log-odds where every column is 0.
    """

    features: tuple[str, ...]
    weights: tuple[float, ...]
    intercept: float

    @classmethod
    def fit(cls, features: Sequence[str], rows: np.ndarray, right: np.ndarray) -> LogisticModel:
        """Fit weights, with columns brought to one scale and scikit-learn's default penalty.

        Parameters
        ----------
        features
            Names of the columns.
        rows
            Shape (candidates, features).
        right
            Shape (candidates,), bool; some of both kinds.

        Raises
        ------
        MissingExtraError
            If scikit-learn is not installed.
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
        return cls(tuple(features), tuple(weights.tolist()), float(intercept))

    def log_odds(self, rows: np.ndarray) -> np.ndarray:
        """Return the log-odds of every row, shape (candidates,)."""
        return np.asarray(rows @ np.array(self.weights) + self.intercept)

    def to_json(self) -> dict[str, Any]:
        """Return its numbers, weights by name."""
        return {"weights": dict(zip(self.features, self.weights, strict=True))} | {
            "intercept": self.intercept
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> LogisticModel:
        """Load what `to_json` gave."""
        weights = data["weights"]
        return cls(tuple(weights), tuple(map(float, weights.values())), float(data["intercept"]))


def sigmoid(log_odds: np.ndarray) -> np.ndarray:
    """Return the probability of log-odds."""
    return np.asarray(1 / (1 + np.exp(-log_odds)))
