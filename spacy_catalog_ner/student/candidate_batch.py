"""The candidates of some Docs as arrays, for a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class CandidateBatch:
    """Candidates of a batch of Docs, in the order of the Docs.

    Attributes
    ----------
    starts, ends
        First token and the one after the last, in the tokens of all Docs one after another; int64
        of shape (candidates,).
    labels
        Number of each candidate's label; int64 of shape (candidates,).
    features
        What is known of each besides the text; float32 of shape (candidates, columns).
    """

    starts: np.ndarray
    ends: np.ndarray
    labels: np.ndarray
    features: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)
