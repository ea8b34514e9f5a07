"""The candidates of a Doc, and what is selected of them."""

from __future__ import annotations

from collections.abc import Sequence

from spacy.tokens import Doc, Span, SpanGroup

from spacy_catalog_ner.doc.record import CANDIDATES, SELECTED, distinct_spans, span_key
from spacy_catalog_ner.errors import CatalogNERError


def distinct_candidates(doc: Doc, component: str) -> list[Span]:
    """Return one candidate for each span and label, the most popular of its ids.

    If no component has looked for candidates, the error names the `component` that needs them.
    """
    if CANDIDATES not in doc.spans:
        raise CatalogNERError(
            f'{component} found no doc.spans["{CANDIDATES}"]: add "catalog_matcher" to the pipeline'
            " before it"
        )
    return distinct_spans(doc.spans[CANDIDATES])


def write_selection(
    doc: Doc, spans: Sequence[Span], scores: Sequence[float], threshold: float
) -> None:
    """Write the confidences of candidates, and select those that reach the threshold.

    `spans` are distinct candidates and `scores` their confidences; the other candidates get 0.
    """
    by_key = {span_key(span): score for span, score in zip(spans, scores, strict=True)}
    group = doc.spans[CANDIDATES]
    group.attrs["scores"] = [by_key.get(span_key(span), 0.0) for span in group]
    chosen = [pair for pair in zip(spans, scores, strict=True) if pair[1] >= threshold]
    selected = SpanGroup(doc, name=SELECTED, spans=[span for span, _ in chosen])
    selected.attrs["scores"] = [score for _, score in chosen]
    doc.spans[SELECTED] = selected
