"""Prodigy's annotations, JSONL: rows with tokens, spans that name their tokens, and an answer.

See "Annotation interfaces" in Prodigy's documentation, https://prodi.gy/docs/api-interfaces.
``token_end`` is the last token of a span, not the one after it. Keys that Prodigy adds to a row,
which begin with an underscore (hashes, who annotated it and when), are kept in ``meta`` and written
back from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from spacy.language import Language

from spacy_catalog_ner.doc.rows import report_off_boundaries, tokenize
from spacy_catalog_ner.errors import Place, Problems
from spacy_catalog_ner.formats.leftovers import report_keys
from spacy_catalog_ner.io.annotated import check_spans, read_texts
from spacy_catalog_ner.io.files import atomic_write, dump_row
from spacy_catalog_ner.io.row import Row

_ANSWERS = {"reject": "rejected row", "ignore": "ignored row"}
_OWN_KEYS = ("tokens", "answer")
_OWN_SPAN_KEYS = ("token_start", "token_end")


def read(
    path: Path, problems: Problems, labels: set[str] | None = None
) -> Iterator[tuple[Place, Row]]:
    """Yield the accepted rows of a file; rejected and ignored ones are counted in `problems`.

    A row without an answer counts as accepted, and one without spans as having none.
    """
    for place, row in read_texts(path, problems):
        answer = row.keys.pop("answer", "accept")
        spans = row.keys.pop("spans", None) or []
        if is_refused(answer, place, problems):
            continue
        if answer != "accept":
            problems.add("broken row", place, f'"answer" is {answer!r:.80}; row skipped')
        elif not isinstance(spans, list):
            problems.add("broken row", place, '"spans" is no list; row skipped')
        else:
            row.words = _words(row.keys.pop("tokens", None))
            _move_own_keys_to_meta(row, problems, place)
            row.spans = check_spans(((place, span) for span in spans), row.text, problems, labels)
            for span in row.spans:
                for key in _OWN_SPAN_KEYS:
                    span.keys.pop(key, None)
            yield place, row


def is_refused(answer: object, place: Place, problems: Problems) -> bool:
    """Tell whether an annotator rejected or ignored a row, and report it."""
    kind = _ANSWERS.get(str(answer))
    if kind:
        problems.add(kind, place, f'"answer" is {answer!r}; row skipped')
    return kind is not None


def _move_own_keys_to_meta(row: Row, problems: Problems, place: Place) -> None:
    own = {key: row.keys.pop(key) for key in list(row.keys) if key.startswith("_")}
    if own and isinstance(row.keys.get("meta"), dict | None):
        row.keys["meta"] = {**(row.keys.get("meta") or {}), **own}
    else:
        report_keys(own, "a meta that is no object", problems, place)


def _words(tokens: Any) -> list[str] | None:
    try:
        words = [token["text"] for token in tokens]
    except (TypeError, KeyError):
        return None
    return words if all(isinstance(word, str) for word in words) else None


def write(
    path: Path, rows: Iterable[tuple[Place, Row]], nlp: Language, problems: Problems
) -> Counter[str]:
    """Write rows as accepted annotations, and return how many spans of each label were written.

    Tokens are those of the row, or of the language's tokenizer. Spans off their boundaries are
    reported and left out.
    """
    counts: Counter[str] = Counter()
    with atomic_write(path) as stream:
        for place, row in rows:
            result = _annotate(row, nlp, problems, place)
            stream.write(dump_row(result))
            counts.update(span["label"] for span in result["spans"])
    return counts


def _annotate(row: Row, nlp: Language, problems: Problems, place: Place) -> dict[str, Any]:
    doc = tokenize(nlp, row, problems, place)
    spans = []
    own = set(row.keys).intersection(_OWN_KEYS)
    for item in row.spans or ():
        own.update(item.keys.keys() & _OWN_SPAN_KEYS)
        span = doc.char_span(item.start, item.end)
        if span is None:
            report_off_boundaries(row, item, problems, place)
        else:
            tokens = {"token_start": span.start, "token_end": span.end - 1}
            spans.append(item.to_dict() | tokens)
    report_keys(own, "Prodigy, which has its own,", problems, place)
    result = row.to_dict() | {"spans": spans, "answer": "accept"}
    result["tokens"] = [
        {"text": token.text, "start": token.idx, "end": token.idx + len(token), "id": token.i}
        | {"ws": bool(token.whitespace_)}
        for token in doc
    ]
    meta = result.get("meta")
    if isinstance(meta, dict):
        result |= {key: value for key, value in meta.items() if key.startswith("_")}
        result["meta"] = {key: value for key, value in meta.items() if not key.startswith("_")}
    return result
