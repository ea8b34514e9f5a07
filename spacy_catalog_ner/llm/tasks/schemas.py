"""JSON schemas of written answers, as servers take them that constrain what a model writes.

Each is an object without further keys, all of them required. A server may compile a schema the
first time it sees it, so these depend on the number of candidates and never on a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def verdicts_schema(count: int, words: tuple[str, str]) -> dict[str, Any]:
    """Return the schema of ``{"1": "yes", "2": "no"}``, for `count` questions."""
    verdict = {"type": "string", "enum": list(words)}
    return _object({str(number): verdict for number in range(1, count + 1)})


def ids_schema(count: int) -> dict[str, Any]:
    """Return the schema of ``{"ids": [1, 3]}``, for `count` candidates."""
    number = {"type": "integer", "enum": list(range(1, count + 1))}
    return _object({"ids": {"type": "array", "items": number}})


def entities_schema(labels: Sequence[str] = ()) -> dict[str, Any]:
    """Return the schema of ``{"entities": [{"text", "label"}]}``; without `labels` with any."""
    label = {"type": "string", "enum": list(labels)} if labels else {"type": "string"}
    entity = _object({"text": {"type": "string"}, "label": label})
    return _object({"entities": {"type": "array", "items": entity}})


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
