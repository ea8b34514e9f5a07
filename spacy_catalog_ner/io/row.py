"""A row of annotated text, whatever file it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


# No reference cycles can arise, and there are many of them
class RowSpan(msgspec.Struct, gc=False):
    """A labelled part of a text.

    Attributes
    ----------
    start, end
        Offsets in characters, end exclusive.
    label
        The entity type.
    keys
        All other keys, as the file has them; ``id`` and ``score`` have properties.
    """

    start: int
    end: int
    label: str
    keys: dict[str, Any] = {}

    @property
    def key(self) -> tuple[int, int, str]:
        """Start, end and label: two spans with the same key are the same decision."""
        return self.start, self.end, self.label

    @property
    def id(self) -> str:
        """Id of the catalog entry; empty if there is none."""
        value = self.keys.get("id")
        return "" if value is None else str(value)

    @property
    def score(self) -> float | None:
        """Confidence, None if there is none."""
        return self.keys.get("score")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RowSpan:
        """Make a span of ``{"start", "end", "label", ...}``, which is known to be valid."""
        known = ("start", "end", "label")
        keys = {key: value for key, value in data.items() if key not in known}
        return cls(data["start"], data["end"], data["label"], keys)

    def to_dict(self) -> dict[str, Any]:
        """Return what a JSONL row has of it."""
        return {"start": self.start, "end": self.end, "label": self.label, **self.keys}


class Row(msgspec.Struct, gc=False):
    """A text and its annotation.

    Attributes
    ----------
    text
        The text.
    spans
        The annotated entities; None where the text is not annotated, which is not the same as
        having no entity.
    keys
        All other keys, as the file has them; those that this package knows have properties.
    words
        The tokens that the file has, without white space; None if it has none.
    """

    text: str
    spans: list[RowSpan] | None = None
    keys: dict[str, Any] = {}
    words: list[str] | None = None

    @property
    def id(self) -> str:
        """Id of the row, from ``id`` or else ``meta.id``; empty if there is none."""
        value = self.keys.get("id")
        if value is None:
            meta = self.keys.get("meta")
            value = meta.get("id") if isinstance(meta, dict) else None
        return "" if value is None else str(value)

    @property
    def lang(self) -> str:
        """Language code; empty if there is none."""
        return str(self.keys.get("lang") or "")

    @property
    def failure(self) -> str:
        """Why a pipeline gave no answer to the text; empty if it did."""
        record = self.keys.get("catalog_ner")
        failure = record.get("failure") if isinstance(record, dict) else None
        return " ".join(str(failure).split()) if failure else ""

    @classmethod
    def from_dict(cls, data: Row | Mapping[str, Any]) -> Row:
        """Make a row of ``{"text", "spans", ...}``, whose text and spans are known to be valid.

        A `Row` is returned as it is, so that functions can take either.
        """
        if isinstance(data, Row):
            return data
        spans = data.get("spans")
        keys = {key: value for key, value in data.items() if key not in ("text", "spans")}
        row_spans = None if spans is None else [RowSpan.from_dict(span) for span in spans]
        return cls(data["text"], row_spans, keys)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSONL row."""
        if self.spans is None:
            return {"text": self.text, **self.keys}
        spans = [span.to_dict() for span in self.spans]
        return {"text": self.text, "spans": spans, **self.keys}
