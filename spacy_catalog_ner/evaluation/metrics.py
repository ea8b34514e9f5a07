"""Exact-match precision, recall and F1 over (span, label), overlaps and all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spacy_catalog_ner.errors import CatalogNERError

Row = dict[str, Any]


@dataclass
class Score:
    """Counts of right (`tp`), invented (`fp`) and missed (`fn`) entities."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def add(self, predicted: set[Any], gold: set[Any]) -> None:
        """Count one text."""
        self.tp += len(predicted & gold)
        self.fp += len(predicted - gold)
        self.fn += len(gold - predicted)

    @property
    def precision(self) -> float:
        """Share of the predicted that is right, 0 if nothing is predicted."""
        return self.tp / (self.tp + self.fp) if self.tp else 0.0

    @property
    def recall(self) -> float:
        """Share of the gold that is found, 0 if there is none."""
        return self.tp / (self.tp + self.fn) if self.tp else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall: 2 tp / (2 tp + fp + fn)."""
        return 2 * self.tp / (2 * self.tp + self.fp + self.fn) if self.tp else 0.0

    def to_dict(self) -> dict[str, float]:
        """Return counts and figures for JSON."""
        return {
            "tp": self.tp,
            "fp": self.fp,
            "fn": self.fn,
            "precision": round(self.precision, 4),
            "recall": round(self.recall, 4),
            "f1": round(self.f1, 4),
        }


def evaluate_rows(predictions: Sequence[Row], gold: Sequence[Row]) -> dict[str, Any]:
    """Compare predicted with gold rows of the same texts in the same order.

    Returns
    -------
    dict
        ``texts``; ``micro`` over all entities; ``macro_f1``, the mean over labels that occur in
        gold; ``per_label``; and ``candidate_recall``, the share of gold entities among the
        candidates, the ceiling of what can be selected (None where there are no candidates).

    Raises
    ------
    CatalogNERError
        If the texts differ, naming the first row (1-based) where they do.
    """
    if len(predictions) != len(gold):
        raise CatalogNERError(f"{len(predictions)} predicted rows for {len(gold)} gold rows")
    micro, ceiling = Score(), Score()
    per_label: dict[str, Score] = {}
    for number, (row, gold_row) in enumerate(zip(predictions, gold, strict=True), start=1):
        if row["text"] != gold_row["text"]:
            raise CatalogNERError(
                f"row {number}: predictions are for {row['text']!r:.60},"
                f" gold is for {gold_row['text']!r:.60}"
            )
        predicted, right = _items(row["spans"]), _items(gold_row["spans"])
        micro.add(predicted, right)
        ceiling.add(_items(row.get("candidates", ())), right)
        for label in {label for *_, label in predicted | right}:
            per_label.setdefault(label, Score()).add(
                {item for item in predicted if item[2] == label},
                {item for item in right if item[2] == label},
            )
    in_gold = [score.f1 for score in per_label.values() if score.tp + score.fn]
    has_candidates = any("candidates" in row for row in predictions)
    return {
        "texts": len(gold),
        "micro": micro.to_dict(),
        "macro_f1": round(sum(in_gold) / len(in_gold), 4) if in_gold else 0.0,
        "candidate_recall": round(ceiling.recall, 4) if has_candidates else None,
        "per_label": {label: score.to_dict() for label, score in sorted(per_label.items())},
    }


def _items(spans: Sequence[Row]) -> set[tuple[int, int, str]]:
    return {(span["start"], span["end"], span["label"]) for span in spans}
