"""What a format has no place for: it is packed into a note or comment, or reported."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from spacy_catalog_ner.errors import Place, Problems
from spacy_catalog_ner.io.row import RowSpan


def pack_leftovers(keys: dict[str, Any], spans: Sequence[RowSpan]) -> str:
    """Return what a format has no place for as a line of JSON in ASCII; empty if there is nothing.

    `keys` are those of the row, and `spans` all of its spans, each with the keys to pack.
    """
    rest = dict(keys)
    if any(span.keys for span in spans):
        rest["spans"] = [span.to_dict() for span in spans]
    return json.dumps(rest) if rest else ""


def unpack_leftovers(
    packed: str, spans: Iterable[dict[str, Any]], problems: Problems, place: Place
) -> dict[str, Any]:
    """Add to spans what `pack_leftovers` packed of them, and return the other keys of the row.

    Spans are matched by start, end and label; one that was changed since gets nothing. What is
    broken is reported and left out.
    """
    try:
        rest = json.loads(packed)
        json.dumps(rest, ensure_ascii=False).encode("utf8")  # half a surrogate pair is JSON
        packed_spans = [dict(span) for span in rest.pop("spans", [])]
    except (ValueError, TypeError, AttributeError, RecursionError):
        message = f"expected a JSON object of other keys of the row, got {packed!r:.80}; left out"
        problems.add("broken keys", place, message)
        return {}
    for span in spans:
        for number, other in enumerate(packed_spans):
            if all(other.get(key) == span[key] for key in ("start", "end", "label")):
                span.update(packed_spans.pop(number))
                break
    return {key: value for key, value in rest.items() if key != "text"}


def report_keys(keys: Iterable[str], holder: str, problems: Problems, place: Place) -> None:
    """Report, once a row, the keys that a format cannot hold, if there are any."""
    names = ", ".join(sorted(keys))
    if names:
        problems.add("key not held", place, f"{holder} cannot hold {names:.80}; left out")
