"""Which of overlapping spans is the better one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from spacy.tokens import Span

Overlap = Literal["allow", "longest", "confident"]

ScoredSpan = tuple[Span, float | None]
"""A span with its confidence, None where there is none."""


def best_first(spans: Iterable[ScoredSpan], policy: Overlap) -> list[ScoredSpan]:
    """Sort spans so that the better of any two comes first.

    Parameters
    ----------
    spans
        In any order; no confidence is the lowest.
    policy
        ``"longest"``: the longer one, and of equally long ones the more confident; else the more
        confident, and of equally confident ones the longer. What is then still equal stands in
        reading order, and by label.
    """

    def rank(item: ScoredSpan) -> tuple[float, float, int, str]:
        span, score = item
        length, confidence = span.end - span.start, score or 0.0
        first, second = (length, confidence) if policy == "longest" else (confidence, length)
        return -first, -second, span.start, span.label_

    return sorted(spans, key=rank)
