"""Choosing the lowest confidence of what is selected, on annotated texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]
Scored = list[tuple[int, int, str, float]]
"""Spans of one text: start, end, label, confidence."""


def best_threshold(found: Sequence[Scored], gold: Sequence[Row]) -> float:
    """Return the threshold with the best F1: the middle between two confidences that occur."""
    scored = sorted(
        ((score, (start, end, label) in right)
         for spans, right in zip(found, map(keys, gold), strict=True)
         for start, end, label, score in spans),
        reverse=True,
    )  # fmt: skip
    total = sum(len(row["spans"]) for row in gold)
    best, threshold, hits = -1.0, 0.0, 0
    for count, (score, right) in enumerate(scored, start=1):
        hits += right
        below = scored[count][0] if count < len(scored) else 0.0
        if below < score and 2 * hits / (count + total) > best:
            best, threshold = 2 * hits / (count + total), (score + below) / 2
    return threshold


def keys(row: Row) -> set[tuple[int, int, str]]:
    """Return the places and labels of the entities of an annotated text."""
    return {(span["start"], span["end"], span["label"]) for span in row["spans"]}
