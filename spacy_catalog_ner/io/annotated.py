"""Reading annotated text, with every problem reported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spacy_catalog_ner.errors import Place, Problems
from spacy_catalog_ner.io.files import iter_jsonl, require_file


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
            problems.add("broken row", Place(path, line), 'no "text"; row skipped')
            continue
        found = True
        yield line, row
    if not found:
        problems.add("empty file", Place(path, 1), "no text in this file")


def read_annotated(
    path: str | Path, problems: Problems, labels: set[str] | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line, row) of an annotated JSONL file; broken spans are reported and left out.

    A score of null is none.

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
            problems.add("broken row", Place(path, line), 'no "spans" list; row skipped')
            continue
        good = []
        for span in spans:
            if isinstance(span, dict) and span.get("score", 1.0) is None:
                span = {key: value for key, value in span.items() if key != "score"}
            kind, message = check_span(span, row["text"], labels)
            if kind:
                problems.add(kind, Place(path, line), f"{message}; span skipped")
            else:
                good.append(span)
        yield line, {**row, "spans": good}


def check_span(span: Any, text: str, labels: set[str] | None) -> tuple[str, str]:
    """Return what is wrong with a span: a kind and a message, both empty if nothing is.

    Parameters are those of `read_annotated`.
    """
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
