"""The rows that labelling writes."""

from __future__ import annotations

from spacy.tokens import Doc

from spacy_catalog_ner.doc.rows import doc_to_row
from spacy_catalog_ner.io.row import Row


def answered_row(doc: Doc, row: Row) -> Row:
    """Return the row of a text with what the pipeline made of it.

    What the model counted is left out: it depends on what it was asked before, and the same text
    labelled again should give the same row.
    """
    result = doc_to_row(doc, original_row(row))
    record = result.keys.get("catalog_ner")
    if record:
        result.keys["catalog_ner"] = {
            key: value for key, value in record.items() if key not in ("usage", "failure")
        }
    return result


def failed_row(row: Row, reason: str) -> Row:
    """Return the row of a text that got no answer: as it was, with the reason.

    It can be labelled again, see `original_row`.
    """
    row = original_row(row)
    row.keys["failure"] = reason
    return row


def original_row(row: Row) -> Row:
    """Return a copy of a row without the reason why it got no answer before."""
    keys = {key: value for key, value in row.keys.items() if key != "failure"}
    return Row(row.text, row.spans, keys)
