"""The way from annotated rows to spaCy Docs, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from spacy.util import filter_spans

from spacy_catalog_ner.doc.record import CANDIDATES, ENTITIES, SELECTED, span_scores
from spacy_catalog_ner.errors import Place, Problems
from spacy_catalog_ner.io.annotated import check_span


def make_doc(
    nlp: Language,
    row: dict[str, Any],
    problems: Problems,
    path: str | Path,
    line: int,
    *,
    doc: Doc | None = None,
) -> Doc:
    """Make a gold Doc of an annotated row.

    Spans go to ``doc.spans["entities"]`` and ``["selected"]`` with their confidences where the
    row has them (``score``), and the longest that do not overlap to ``doc.ents``. A span off the
    tokenizer's boundaries is reported and left out. A span without a score has 1.0 among those of
    its group, for training; what keys each span had is JSON in the ``row_keys`` of ``attrs``, for
    `doc_to_row`.

    The row's ``candidates`` go to ``doc.spans["candidates"]`` with their confidences, for training
    with soft targets, if each of them has a ``score`` from 0 to 1; else there is no such group. Of
    these too, what is broken or off the boundaries is reported and left out.

    `doc` is the text where it has been tokenized before, as by whoever annotated it.
    """
    if doc is None:
        doc = nlp.make_doc(row["text"])
    spans, attrs = _make_spans(doc, row["spans"], "span", problems, path, line)
    for key in (SELECTED, ENTITIES):
        doc.spans[key] = SpanGroup(doc, name=key, spans=spans, attrs=attrs)
    doc.set_ents(filter_spans(spans))
    if _have_scores(row.get("candidates")):
        good = []
        for item in row["candidates"]:
            kind, message = check_span(item, row["text"], None)
            if kind:
                problems.add("broken candidate", Place(path, line), f"{message}; candidate skipped")
            else:
                good.append(item)
        spans, attrs = _make_spans(doc, good, "candidate", problems, path, line)
        doc.spans[CANDIDATES] = SpanGroup(doc, name=CANDIDATES, spans=spans, attrs=attrs)
    return doc


def doc_to_row(doc: Doc, row: dict[str, Any]) -> dict[str, Any]:
    """Return the input row with what a pipeline made in place of what an earlier one did.

    Written are

    - ``spans``: those of ``doc.spans["entities"]``, or ``doc.ents`` where no component writes that
      group;
    - ``candidates``, where a component writes them, with confidences where they all have one;
    - ``selected``, where a component writes them and they are others than ``spans``;
    - ``exemplar_labels``, where a retriever ran: the sorted labels that are right in the exemplars;
    - ``catalog_ner``, the record, where there is one.
    """
    result = {key: value for key, value in row.items() if key not in _MADE_BY_PIPELINES}
    if ENTITIES in doc.spans:
        result["spans"] = _group_rows(doc.spans[ENTITIES])
    else:
        result["spans"] = [_span_row(span, None) for span in doc.ents]
    if CANDIDATES in doc.spans:
        result["candidates"] = _group_rows(doc.spans[CANDIDATES])
    if SELECTED in doc.spans:
        selected = _group_rows(doc.spans[SELECTED])
        if _decisions(selected) != _decisions(result["spans"]):
            result["selected"] = selected
    if doc.has_extension("exemplars") and doc._.exemplars is not None:
        exemplars = doc._.exemplars
        labels = {span["label"] for exemplar in exemplars for span in exemplar["selected"]}
        result["exemplar_labels"] = sorted(labels)
    if doc.has_extension("catalog_ner") and doc._.catalog_ner:
        result["catalog_ner"] = doc._.catalog_ner
    return result


_PLACE = ("start", "end", "label")
_MADE_BY_PIPELINES = ("spans", "candidates", "selected", "exemplar_labels", "catalog_ner")


def _have_scores(candidates: Any) -> bool:
    """Tell a list whose items each have a confidence; NaN is none, nor is true."""
    return isinstance(candidates, list) and all(
        isinstance(item, dict)
        and type(item.get("score")) in (int, float)
        and 0 <= item["score"] <= 1
        for item in candidates
    )


def _make_spans(
    doc: Doc,
    items: list[dict[str, Any]],
    what: str,
    problems: Problems,
    path: str | Path,
    line: int,
) -> tuple[list[Span], dict[str, Any]]:
    """Return the spans on token boundaries, and the ``attrs`` of a group of them."""
    spans: list[Span] = []
    scores: list[float] = []
    keys: list[dict[str, Any]] = []
    for item in items:
        kb_id = "" if item.get("id") is None else str(item["id"])
        span = doc.char_span(item["start"], item["end"], label=item["label"], kb_id=kb_id)
        if span is None:
            surface = doc.text[item["start"] : item["end"]]
            message = f"{surface!r} is off token boundaries; {what} skipped"
            problems.add(f"{what} off token boundaries", Place(path, line), message)
            continue
        spans.append(span)
        scores.append(item.get("score", 1.0))
        keys.append({key: value for key, value in item.items() if key not in _PLACE})
    return spans, {"scores": scores, "row_keys": json.dumps(keys)}


def _group_rows(group: SpanGroup) -> list[dict[str, Any]]:
    keys = json.loads(group.attrs.get("row_keys", "[]"))
    scores = span_scores(group)
    if [own.get("score", 1.0) for own in keys] == scores:  # as `make_doc` left it
        return [_span_row(span, None) | own for span, own in zip(group, keys, strict=True)]
    return [_span_row(span, score) for span, score in zip(group, scores, strict=True)]


def _decisions(spans: list[dict[str, Any]]) -> list[tuple[int, int, str]]:
    return sorted((span["start"], span["end"], span["label"]) for span in spans)


def _span_row(span: Span, score: float | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "start": span.start_char,
        "end": span.end_char,
        "label": span.label_,
    }
    if span.kb_id_:
        row["id"] = span.kb_id_
    if score is not None:
        row["score"] = round(score, 6)
    return row
