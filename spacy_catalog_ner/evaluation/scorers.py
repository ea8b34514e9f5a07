"""Scorers of span groups against the gold entities of a reference Doc."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from msgspec.structs import astuple
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_catalog_ner.doc.record import ENTITIES, char_key
from spacy_catalog_ner.evaluation.alignment import Pair
from spacy_catalog_ner.evaluation.intervals import macro_average, precision_recall_f1
from spacy_catalog_ner.evaluation.metrics import (
    count_labels,
    measure_type_accuracy,
    score_boundaries,
)
from spacy_catalog_ner.evaluation.outcomes import compare
from spacy_catalog_ner.io.row import Row, RowSpan

Scorer = Callable[..., dict[str, Any]]


def make_spans_scorer(spans_key: str) -> Scorer:
    """Score ``doc.spans[spans_key]`` exactly (span and label), overlaps and all."""
    return partial(score_spans, spans_key=spans_key)


def make_entities_scorer(spans_key: str) -> Scorer:
    """Score ``doc.spans[spans_key]`` as `make_spans_scorer` does, and ``doc.ents``."""
    return partial(score_entities, spans_key=spans_key)


def score_spans(examples: Iterable[Example], *, spans_key: str, **kwargs: Any) -> dict[str, Any]:
    """Compare predicted spans with the gold entities, as ``catalog-ner evaluate`` does.

    Gold is the reference's ``spans["entities"]``, or its ``ents`` where that group is missing.
    References without either are left out.

    Returns
    -------
    dict
        ``spans_KEY_p``, ``_r``, ``_f`` (micro), ``spans_KEY_macro_f`` (mean over the labels in
        gold), ``spans_KEY_boundary_f`` (whatever the label), ``spans_KEY_type_accuracy`` (of gold
        spans whose boundaries were predicted; None where there are none) and
        ``spans_KEY_per_type``. All are None, and the last is empty, without gold.
    """
    pairs = [
        Pair(
            f"row {number}",
            _make_row(example.predicted, example.predicted.spans.get(spans_key, ())),
            _make_row(
                example.reference, example.reference.spans.get(ENTITIES, example.reference.ents)
            ),
        )
        for number, example in enumerate(examples, start=1)
        if _has_gold(example.reference)
    ]
    labels, counts = count_labels(compare(pairs), len(pairs))
    totals = counts.sum(axis=0)
    boundary = astuple(score_boundaries(pairs))[:3]  # the counts: its figures are rounded
    micro = precision_recall_f1(totals.sum(axis=0)).tolist()
    figures: dict[str, float | None] = {
        **dict(zip("prf", micro, strict=True)),
        "macro_f": float(macro_average(totals)[2]),
        "boundary_f": float(precision_recall_f1(np.array(boundary))[2]),
        "type_accuracy": measure_type_accuracy(pairs),
    }
    prefix = f"spans_{spans_key}"
    return {
        **{f"{prefix}_{name}": value if pairs else None for name, value in figures.items()},
        f"{prefix}_per_type": {
            label: dict(zip("prf", scores, strict=True))
            for label, scores in zip(labels, precision_recall_f1(totals).tolist(), strict=True)
        },
    }


def score_entities(examples: Iterable[Example], *, spans_key: str, **kwargs: Any) -> dict[str, Any]:
    """Return the scores of the span group and those of ``doc.ents``."""
    examples = list(examples)
    return {**score_spans(examples, spans_key=spans_key), **get_ner_prf(examples)}


def _has_gold(doc: Doc) -> bool:
    return ENTITIES in doc.spans or doc.has_annotation("ENT_IOB")


def _make_row(doc: Doc, spans: Iterable[Span]) -> Row:
    return Row(doc.text, [RowSpan(*key) for key in set(map(char_key, spans))])
