"""Spans with confidences, and the lowest confidence of what is selected."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Scored = list[tuple[int, int, str, float]]
"""Spans of one text: start, end, label, confidence."""


def read_answers(path: Path) -> dict[str, list[Scored]]:
    """Return the spans of every text of every part that a system has answered."""
    found = json.loads(path.read_text(encoding="utf8"))
    return {
        part: [[tuple(span) for span in spans] for spans in rows] for part, rows in found.items()
    }


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
