"""A row of annotated text with the place it comes from, and what readers and writers share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import get_words_and_spaces

from spacy_catalog_ner.annotations import check_span
from spacy_catalog_ner.errors import Problems

Row = dict[str, Any]


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
            problems.add(kind, path, line, f"{message}; span skipped")
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
        problems.add("other tokens", source.path, source.line, message)
        return nlp.make_doc(text)
    return Doc(nlp.vocab, words=words, spaces=spaces)


def row_id(row: Row) -> str:
    """Return the id of a row, which may stand in its meta; empty if it has none."""
    meta = row.get("meta")
    value = row.get("id", meta.get("id") if isinstance(meta, dict) else None)
    return "" if value is None else str(value)


def report_off_boundaries(source: SourceRow, span: Row, problems: Problems) -> None:
    """Report a span that a format of tokens cannot hold."""
    surface = source.row["text"][span["start"] : span["end"]]
    message = f"{surface!r} is off token boundaries; span skipped"
    problems.add("span off token boundaries", source.path, source.line, message)
