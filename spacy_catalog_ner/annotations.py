"""Annotated text: reading it with every problem reported, and the way to and from spaCy Docs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from spacy.util import filter_spans

from spacy_catalog_ner.components.doc_record import CANDIDATES, ENTITIES, SELECTED, span_scores
from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.files import iter_jsonl, require_file


def read_texts(path: str | Path, problems: Problems) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line, row) of the rows of a JSONL file that have a text.

    Annotations are left unchecked; see `read_annotated`.

    Raises
    ------
    CatalogNERError
        If there is no such file.
    """
    path = require_file(path, 'JSONL with {"text": ...} rows')
    found = False
    for line, row in iter_jsonl(path, problems):
        text = row.get("text")
        if not isinstance(text, str) or not text.strip():
            problems.add("broken row", path, line, 'no "text"; row skipped')
            continue
        found = True
        yield line, row
    if not found:
        problems.add("empty file", path, 1, "no text in this file")


def read_annotated(
    path: str | Path, problems: Problems, labels: set[str] | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line, row) of an annotated JSONL file; broken spans are reported and left out.

    Parameters
    ----------
    path
        Rows ``{"text", "spans": [{"start", "end", "label"}]}``, offsets in characters, end
        exclusive.
    problems
        Receives what is wrong, with its line.
    labels
        The labels known; spans with another are reported as unknown. All are known if None.
    """
    for line, row in read_texts(path, problems):
        spans = row.get("spans")
        if not isinstance(spans, list):
            problems.add("broken row", path, line, 'no "spans" list; row skipped')
            continue
        good = []
        for span in spans:
            kind, message = _check_span(span, row["text"], labels)
            if kind:
                problems.add(kind, path, line, f"{message}; span skipped")
            else:
                good.append(span)
        yield line, {**row, "spans": good}


def _check_span(span: Any, text: str, labels: set[str] | None) -> tuple[str, str]:
    """Return the kind of problem and a message, both empty if there is none."""
    if not isinstance(span, dict) or not (isinstance(span.get("label"), str) and span["label"]):
        return "broken span", f'expected {{"start", "end", "label"}}, got {span!r:.80}'
    start, end = span.get("start"), span.get("end")
    if not (type(start) is int and type(end) is int and 0 <= start < end <= len(text)):
        return "span out of range", f"span {start}..{end} in a text of {len(text)} characters"
    if not isinstance(span.get("score", 1.0), int | float):
        return "broken span", f"score: expected a number, got {span['score']!r:.80}"
    if labels is not None and span["label"] not in labels:
        return "unknown label", f"unknown label {span['label']!r}"
    return "", ""


def make_doc(
    nlp: Language, row: dict[str, Any], problems: Problems, path: str | Path, line: int
) -> Doc:
    """Make a gold Doc of an annotated row.

    Spans go to ``doc.spans["entities"]`` and ``["selected"]`` with their confidences where the
    row has them (``score``), and the longest that do not overlap to ``doc.ents``. A span off the
    tokenizer's boundaries is reported and left out.
    """
    doc = nlp.make_doc(row["text"])
    spans: list[Span] = []
    scores: list[float] = []
    for item in row["spans"]:
        kb_id = "" if item.get("id") is None else str(item["id"])
        span = doc.char_span(item["start"], item["end"], label=item["label"], kb_id=kb_id)
        if span is None:
            surface = row["text"][item["start"] : item["end"]]
            message = f"{surface!r} is off token boundaries; span skipped"
            problems.add("span off token boundaries", path, line, message)
            continue
        spans.append(span)
        scores.append(item.get("score", 1.0))
    for key in (SELECTED, ENTITIES):
        doc.spans[key] = SpanGroup(doc, name=key, spans=spans, attrs={"scores": scores})
    doc.set_ents(filter_spans(spans))
    return doc


def doc_to_row(doc: Doc, row: dict[str, Any]) -> dict[str, Any]:
    """Return the input row with the spans, candidates and record that a pipeline made.

    The spans are those of ``doc.spans["entities"]``, or ``doc.ents`` where no component writes
    that group.
    """
    if ENTITIES in doc.spans:
        group = doc.spans[ENTITIES]
        spans = [_span_row(s, score) for s, score in zip(group, span_scores(group), strict=True)]
    else:
        spans = [_span_row(span, None) for span in doc.ents]
    result = {**row, "spans": spans}
    if CANDIDATES in doc.spans:
        result["candidates"] = [_span_row(span, None) for span in doc.spans[CANDIDATES]]
    if doc.has_extension("catalog_ner") and doc._.catalog_ner:
        result["catalog_ner"] = doc._.catalog_ner
    return result


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
