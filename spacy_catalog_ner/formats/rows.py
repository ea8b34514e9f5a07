"""A row of annotated text with the place it comes from, and what readers and writers share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import get_words_and_spaces

from spacy_catalog_ner.errors import Place, Problems
from spacy_catalog_ner.io.annotated import check_span

Row = dict[str, Any]

_PLACE = ("start", "end", "label")


class SourceRow(NamedTuple):
    """A row of annotated text and where it stands.

    Attributes
    ----------
    path
        The file, for messages.
    line
        Its line there, 1-based; in a DocBin, its number.
    row
        ``{"text", "spans": [{"start", "end", "label"}]}``, offsets in code points, end exclusive.
    words
        The tokens that the file has, if it has any. White space between them does not count.
    """

    path: Path
    line: int
    row: Row
    words: list[str] | None = None


def keep_good_spans(
    spans: Iterable[tuple[int, Any]],
    text: str,
    path: Path,
    problems: Problems,
    labels: set[str] | None,
) -> list[Row]:
    """Return the spans that are right; the others are reported and left out.

    Parameters
    ----------
    spans
        Pairs of a line and a span.
    text
        The text they are in.
    path
        The file, for messages.
    problems
        Receives what is wrong.
    labels
        The labels known; all are if None.
    """
    good = []
    for line, span in spans:
        kind, message = check_span(span, text, labels)
        if kind:
            problems.add(kind, Place(path, line), f"{message}; span skipped")
        else:
            good.append(span)
    return good


def tokenize(nlp: Language, source: SourceRow, problems: Problems) -> Doc:
    """Make a Doc of a row's text, of the row's own tokens where it has them."""
    text = source.row["text"]
    if source.words is None:
        return nlp.make_doc(text)
    try:
        words, spaces = get_words_and_spaces(source.words, text)
    except ValueError:
        message = "the tokens are not those of the text; it is tokenized anew"
        problems.add("other tokens", Place(source.path, source.line), message)
        return nlp.make_doc(text)
    return Doc(nlp.vocab, words=words, spaces=spaces)


def row_id(row: Row) -> str:
    """Return the id of a row, which may stand in its meta; empty if it has none."""
    meta = row.get("meta")
    value = row.get("id", meta.get("id") if isinstance(meta, dict) else None)
    return "" if value is None else str(value)


def other_keys(row: Row) -> Row:
    """Return what a row has besides text and spans."""
    return {key: value for key, value in row.items() if key not in ("text", "spans")}


def pack_rest(keys: Row, spans: Sequence[Row]) -> str:
    """Return as a line of ASCII what a format has no place for; empty if there is nothing.

    Parameters
    ----------
    keys
        Of the row.
    spans
        All of the row, each with start, end, label and what else has no place.

    Returns
    -------
    str
        A JSON object of `keys`, and ``spans`` where one of them has more than its place and label.
    """
    rest = dict(keys)
    if any(span.keys() - set(_PLACE) for span in spans):
        rest["spans"] = list(spans)
    return json.dumps(rest) if rest else ""


def unpack_rest(
    packed: str, spans: Iterable[Row], path: Path, line: int, problems: Problems
) -> Row:
    """Give spans what `pack_rest` has of them, and return the other keys of the row.

    A span is known by its start, end and label; one that was changed since gets nothing. What is
    broken is reported and left out.
    """
    try:
        rest = json.loads(packed)
        json.dumps(rest, ensure_ascii=False).encode("utf8")  # half a surrogate pair is JSON
        packed_spans = [dict(span) for span in rest.pop("spans", [])]
    except (ValueError, TypeError, AttributeError, RecursionError):
        message = f"expected a JSON object of other keys of the row, got {packed!r:.80}; left out"
        problems.add("broken keys", Place(path, line), message)
        return {}
    for span in spans:
        for number, other in enumerate(packed_spans):
            if all(other.get(key) == span[key] for key in _PLACE):
                span.update(packed_spans.pop(number))
                break
    return {key: value for key, value in rest.items() if key != "text"}


def report_keys(
    keys: Iterable[str], holder: str, path: Path, line: int, problems: Problems
) -> None:
    """Report, once a row, the keys that a format cannot hold, if there are any."""
    names = ", ".join(sorted(keys))
    if names:
        problems.add(
            "key not held", Place(path, line), f"{holder} cannot hold {names:.80}; left out"
        )


def report_off_boundaries(source: SourceRow, span: Row, problems: Problems) -> None:
    """Report a span that a format of tokens cannot hold."""
    surface = source.row["text"][span["start"] : span["end"]]
    message = f"{surface!r} is off token boundaries; span skipped"
    problems.add("span off token boundaries", Place(source.path, source.line), message)
