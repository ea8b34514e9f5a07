"""The one reader of rows: texts and annotated texts, with every problem reported."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.io.delimited import DELIMITERS, iter_delimited
from spacy_catalog_ner.io.files import detect_kind, iter_jsonl, iter_lines, require_file
from spacy_catalog_ner.io.row import Row, RowSpan

ANNOTATED = (".jsonl", ".spacy")
"""Endings of the files of annotated text that commands read, not counting .gz and .zst."""


def iter_rows(
    path: Path, problems: Problems, on_read: Callable[[int], object] = lambda size: None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line, row) of a file of texts; nothing is checked but that the rows can be parsed.

    The file is CSV or TSV whose header names ``text``, the other columns being keys of the row;
    plain text (``.txt``), one a line; JSONL by any other name. It is unpacked if its name ends in
    .gz or .zst. For `on_read` see `iter_lines`.
    """
    kind = detect_kind(path, (".txt", *DELIMITERS))
    if kind in DELIMITERS:
        yield from iter_delimited(
            path, DELIMITERS[kind], problems, check_header=_check_header, on_read=on_read
        )
    elif kind:
        for line, text in iter_lines(path, problems, on_read):
            yield line, {"text": text.strip()}
    else:
        yield from iter_jsonl(path, problems, on_read)


def _check_header(columns: Sequence[str], where: str) -> None:
    if "text" not in columns:
        found = json.dumps(list(columns), ensure_ascii=False)
        raise CatalogNERError(f'{where}: expected a column "text", got {found:.200}')
    for name in columns:
        if columns.count(name) > 1:
            raise CatalogNERError(f'{where}: two columns are named "{name}"; rename one of them')


def read_texts(path: str | Path, problems: Problems) -> Iterator[tuple[Place, Row]]:
    """Yield the rows of a file that have a text, each with its place.

    Annotations are not looked at: ``spans``, if there are any, stay among the row's `keys`.

    Parameters
    ----------
    path
        See `iter_rows`.
    problems
        Receives every row that is skipped.

    Raises
    ------
    CatalogNERError
        If there is no such file, or it cannot be read; see `iter_rows`.
    """
    path = require_file(path, 'JSONL with {"text": ...} rows')
    found = False
    for line, data in iter_rows(path, problems):
        text = data.pop("text", None)
        if isinstance(text, str) and text.strip():
            found = True
            yield Place(path, line), Row(text, keys=data)
        else:
            problems.add("broken row", Place(path, line), 'no "text"; row skipped')
    if not found:
        problems.add("empty file", Place(path, 1), "no text in this file")


def read_annotated(
    path: str | Path, problems: Problems, labels: set[str] | None = None
) -> Iterator[tuple[Place, Row]]:
    """Yield the annotated rows of a JSONL file, each with its place.

    Parameters
    ----------
    path
        Rows ``{"text", "spans": [{"start", "end", "label"}]}``, offsets in characters, end
        exclusive.
    problems
        Receives what is wrong. Rows without spans and broken spans are left out.
    labels
        The labels known; spans with another are reported as unknown. All are known if None.

    Raises
    ------
    CatalogNERError
        If there is no such file.
    """
    for place, row in read_texts(path, problems):
        spans = row.keys.pop("spans", None)
        if isinstance(spans, list):
            items = ((place, span) for span in spans)
            row.spans = check_spans(items, row.text, problems, labels)
            yield place, row
        else:
            problems.add("broken row", place, 'no "spans" list; row skipped')


def check_spans(
    items: Iterable[tuple[Place, Any]],
    text: str,
    problems: Problems,
    labels: set[str] | None = None,
    *,
    what: str = "span",
) -> list[RowSpan]:
    """Return the valid spans of a text; the others are reported and left out.

    Each item is a span as its file has it, with its place. A score of null is none. All labels are
    known if `labels` is None. `what` is what problems call a span.
    """
    good = []
    for place, item in items:
        if isinstance(item, dict) and item.get("score", 1.0) is None:
            item = {key: value for key, value in item.items() if key != "score"}
        kind, message = check_span(item, text, labels)
        if kind:
            kind = kind if what == "span" else f"broken {what}"
            problems.add(kind, place, f"{message}; {what} skipped")
        else:
            good.append(RowSpan.from_dict(item))
    return good


def check_span(span: Any, text: str, labels: set[str] | None) -> tuple[str, str]:
    """Return what is wrong with a span: a kind and a message, both empty if nothing is."""
    if not isinstance(span, dict) or not (isinstance(span.get("label"), str) and span["label"]):
        return "broken span", f'expected {{"start", "end", "label"}}, got {span!r:.80}'
    start, end = span.get("start"), span.get("end")
    if not (type(start) is int and type(end) is int and 0 <= start < end <= len(text)):
        return "span out of range", f"span {start}..{end} in a text of {len(text)} characters"
    if not is_score(span.get("score", 1.0)):
        return "broken span", f"score: expected a finite number, got {span['score']!r:.80}"
    if labels is not None and span["label"] not in labels:
        return "unknown label", f"unknown label {span['label']!r}"
    return "", ""


def is_score(value: Any) -> bool:
    """Tell whether a value is a finite number; true and NaN are none."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max
