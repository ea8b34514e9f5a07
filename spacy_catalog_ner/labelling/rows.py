"""What is written of a text."""

from __future__ import annotations

from typing import Any

from spacy.tokens import Doc

from spacy_catalog_ner.doc.rows import doc_to_row

Row = dict[str, Any]


def answered_row(doc: Doc, row: Row) -> Row:
    """Return the row of a text with what the pipeline made of it.

    What may differ when the same text is labelled again is left out: what the model counted, which
    depends on what it was asked before.
    """
    result = doc_to_row(doc, original_row(row))
    record = result.get("catalog_ner")
    if record:
        result["catalog_ner"] = {
            key: value for key, value in record.items() if key not in ("usage", "failure")
        }
    return result


def failed_row(row: Row, reason: str) -> Row:
    """Return the row of a text that got no answer: as it was, with the reason.

    It can be labelled again, see `original_row`.
    """
    return {**original_row(row), "failure": reason}


def original_row(row: Row) -> Row:
    """Return a row without the reason why it got no answer before."""
    return {key: value for key, value in row.items() if key != "failure"}
