"""Scorers of span groups against the gold entities of a reference Doc."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from spacy.scorer import PRFScore, get_ner_prf
from spacy.tokens import Doc
from spacy.training import Example

from spacy_catalog_ner.components.doc_record import ENTITIES

Scorer = Callable[..., dict[str, Any]]


def make_spans_scorer(spans_key: str) -> Scorer:
    """Score ``doc.spans[spans_key]`` exactly (span and label), overlaps and all."""
    return partial(score_spans, spans_key=spans_key)


def make_entities_scorer(spans_key: str) -> Scorer:
    """Score ``doc.spans[spans_key]`` as `make_spans_scorer` does, and ``doc.ents``."""
    return partial(score_entities, spans_key=spans_key)


def score_spans(examples: Iterable[Example], *, spans_key: str, **kwargs: Any) -> dict[str, Any]:
    """Compare predicted spans with the gold entities.

    Gold is the reference's ``spans["entities"]``, or its ``ents`` where that group is missing.
    References without either are left out.

    Returns
    -------
    dict
        ``spans_KEY_p``, ``_r``, ``_f`` (micro, None without gold) and ``spans_KEY_per_type``.
    """
    total = PRFScore()
    per_label: dict[str, PRFScore] = {}
    annotated = False
    for example in examples:
        if not _has_gold(example.reference):
            continue
        annotated = True
        gold = _gold(example.reference)
        predicted = {
            (span.start_char, span.end_char, span.label_)
            for span in example.predicted.spans.get(spans_key, ())
        }
        total.score_set(predicted, gold)
        for label in {label for _, _, label in gold | predicted}:
            per_label.setdefault(label, PRFScore()).score_set(
                {item for item in predicted if item[2] == label},
                {item for item in gold if item[2] == label},
            )
    prefix = f"spans_{spans_key}"
    return {
        f"{prefix}_p": total.precision if annotated else None,
        f"{prefix}_r": total.recall if annotated else None,
        f"{prefix}_f": total.fscore if annotated else None,
        f"{prefix}_per_type": {
            label: score.to_dict() for label, score in sorted(per_label.items())
        },
    }


def score_entities(examples: Iterable[Example], *, spans_key: str, **kwargs: Any) -> dict[str, Any]:
    """Return the scores of the span group and those of ``doc.ents``."""
    examples = list(examples)
    return {**score_spans(examples, spans_key=spans_key), **get_ner_prf(examples)}


def _has_gold(doc: Doc) -> bool:
    return ENTITIES in doc.spans or doc.has_annotation("ENT_IOB")


def _gold(doc: Doc) -> set[tuple[int, int, str]]:
    spans = doc.spans.get(ENTITIES, doc.ents)
    return {(span.start_char, span.end_char, span.label_) for span in spans}
