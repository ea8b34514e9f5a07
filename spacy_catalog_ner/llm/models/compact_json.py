"""JSON schemas that keep llama.cpp from writing white space without end."""

from __future__ import annotations

from typing import Any

# Read by llguidance, if llama.cpp is built with it. The separators are those of the answers in the
# prompt's exemplars.
_FORM = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


def compact(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose JSON is written on one line, with a space after commas and colons.

    A grammar allows any white space, and a small model may write nothing else.
    """
    return {**schema, "x-guidance": _FORM}
