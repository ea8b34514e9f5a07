"""Prodigy's annotations, JSONL: rows with tokens, spans that name their tokens, and an answer.

See "Annotation interfaces" in Prodigy's documentation, https://prodi.gy/docs/api-interfaces.
``token_end`` is the last token of a span, not the one after. What Prodigy adds to a row, the keys
with an underscore first (hashes, who annotated it and when), stands in ``meta`` here and is written
back from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from spacy.language import Language

from spacy_catalog_ner.errors import Place, Problems
from spacy_catalog_ner.formats.rows import (
    Row,
    SourceRow,
    keep_good_spans,
    report_keys,
    report_off_boundaries,
    tokenize,
)
from spacy_catalog_ner.io.annotated import read_texts
from spacy_catalog_ner.io.files import atomic_write, dump_row

_ANSWERS = {"reject": "rejected row", "ignore": "ignored row"}
_OWN_KEYS = ("tokens", "answer")
_OWN_SPAN_KEYS = ("token_start", "token_end")


def read(path: Path, problems: Problems, labels: set[str] | None = None) -> Iterator[SourceRow]:
    """Yield the accepted rows of a file; rejected and ignored ones are counted in `problems`.

    A row without an answer counts as accepted, and one without spans as having none.
    """
    for line, row in read_texts(path, problems):
        answer = row.get("answer", "accept")
        if answer != "accept":
            kind = _ANSWERS.get(str(answer), "broken row")
            problems.add(kind, Place(path, line), f'"answer" is {answer!r:.80}; row skipped')
            continue
        spans = row.get("spans") or []
        if not isinstance(spans, list):
            problems.add("broken row", Place(path, line), '"spans" is no list; row skipped')
            continue
        cleaned = [(line, _without_tokens(span)) for span in spans]
        result = _make_row(row, path, line, problems)
        result["spans"] = keep_good_spans(cleaned, row["text"], path, problems, labels)
        yield SourceRow(path, line, result, _words(row.get("tokens")))


def _without_tokens(span: Any) -> Any:
    if not isinstance(span, dict):
        return span
    return {key: value for key, value in span.items() if key not in _OWN_SPAN_KEYS}


def _make_row(row: Row, path: Path, line: int, problems: Problems) -> Row:
    own = {key: value for key, value in row.items() if key.startswith("_")}
    left_out = {*own, *_OWN_KEYS, "spans"}
    result = {"text": row["text"], "spans": []}
    result |= {key: value for key, value in row.items() if key not in left_out}
    if own and isinstance(row.get("meta"), dict | None):
        result["meta"] = {**(row.get("meta") or {}), **own}
    else:
        report_keys(own, "a meta that is no object", path, line, problems)
    return result


def _words(tokens: Any) -> list[str] | None:
    try:
        words = [token["text"] for token in tokens]
    except (TypeError, KeyError):
        return None
    return words if all(isinstance(word, str) for word in words) else None


def write(path: Path, rows: Iterable[SourceRow], nlp: Language, problems: Problems) -> Counter[str]:
    """Write rows as accepted annotations, and return how many spans of each label were written.

    Tokens are those of the row, or of the language's tokenizer. Spans off their boundaries are
    reported and left out.
    """
    counts: Counter[str] = Counter()
    with atomic_write(path) as stream:
        for source in rows:
            result = _annotate(source, nlp, problems)
            stream.write(dump_row(result))
            counts.update(span["label"] for span in result["spans"])
    return counts


def _annotate(source: SourceRow, nlp: Language, problems: Problems) -> Row:
    doc = tokenize(nlp, source, problems)
    spans = []
    for item in source.row["spans"]:
        span = doc.char_span(item["start"], item["end"])
        if span is None:
            report_off_boundaries(source, item, problems)
        else:
            spans.append({**item, "token_start": span.start, "token_end": span.end - 1})
    own = {key for span in source.row["spans"] for key in span if key in _OWN_SPAN_KEYS}
    own.update(key for key in _OWN_KEYS if key in source.row)
    report_keys(own, "Prodigy, which has its own,", source.path, source.line, problems)
    result = {**source.row, "spans": spans, "answer": "accept"}
    result["tokens"] = [
        {
            "text": token.text,
            "start": token.idx,
            "end": token.idx + len(token),
            "id": token.i,
            "ws": bool(token.whitespace_),
        }
        for token in doc
    ]
    meta = result.get("meta")
    if isinstance(meta, dict):
        result |= {key: value for key, value in meta.items() if key.startswith("_")}
        result["meta"] = {key: value for key, value in meta.items() if not key.startswith("_")}
    return result
