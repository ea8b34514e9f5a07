"""The targets that `candidate_classifier` learns for the candidates of a gold text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from spacy.tokens import Doc, Span, SpanGroup

from spacy_catalog_ner.doc.record import CANDIDATES, ENTITIES, char_key, span_scores

Targets = Literal["hard", "soft", "weighted"]


def make_goals(
    reference: Doc, spans: Iterable[Span], targets: Targets
) -> list[tuple[float, float]]:
    """Return the target of each candidate of a text, a probability, and its weight.

    The gold text may have a teacher's confidences in ``spans["candidates"].attrs["scores"]``. For
    `targets` see `make_candidate_classifier`.
    """
    gold = confidences = gold_scores(reference)
    group = reference.spans.get(CANDIDATES)
    if group is not None and "scores" in group.attrs:
        confidences = gold | _scores_by_key(group)
    goals = []
    for key in map(char_key, spans):
        decided, confidence = float(key in gold), confidences.get(key, 0.0)
        if targets == "soft":
            goals.append((confidence, 1.0))
        elif targets == "weighted":
            goals.append((decided, abs(2 * confidence - 1)))
        else:
            goals.append((decided, 1.0))
    return goals


def gold_scores(doc: Doc) -> dict[tuple[int, int, str], float]:
    """Return the gold entities of a Doc with their confidences."""
    if ENTITIES in doc.spans:
        return _scores_by_key(doc.spans[ENTITIES])
    return {char_key(ent): 1.0 for ent in doc.ents}


def _scores_by_key(group: SpanGroup) -> dict[tuple[int, int, str], float]:
    scores = span_scores(group)
    return {
        char_key(span): 1.0 if score is None else score
        for span, score in zip(group, scores, strict=True)
    }
