"""Offsets of other tools, in whatever they count.

This package counts code points. Programs in JavaScript may count UTF-16 code units, of which a
character beyond U+FFFF, such as most emoji, has two; browsers and Windows may count a line end of
two characters as one. The surface that a file has for each span tells what it counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Mark(NamedTuple):
    """A span as a file has it: its parts, each (start, end), and their text if the file has it."""

    parts: Sequence[tuple[int, int]]
    surface: str | None


class Located(NamedTuple):
    """The marks of a text, in code points.

    ``unit`` is what the file counts. The parts of a mark are None where the text does not have its
    surface; `inexact` is the number of marks that differ from theirs in white space.
    """

    unit: str
    parts: list[list[tuple[int, int]] | None]
    inexact: int


def locate(text: str, marks: Sequence[Mark]) -> Located:
    """Find marks in a text, in the unit in which most of them have the surface they should have.

    White space may differ from the surface: tools change some of it.
    """
    found = _locate(text, marks, "code points")
    if None not in found.parts and not found.inexact:
        return found
    others = (_locate(text, marks, unit) for unit in _other_units(text))
    # The first of equals
    return min([found, *others], key=lambda found: (found.parts.count(None), found.inexact))


def is_ambiguous(text: str) -> bool:
    """Tell whether offsets differ by what is counted."""
    return bool(_other_units(text))


def _other_units(text: str) -> list[str]:
    units = ["UTF-16 code units"] if any(char > "\uffff" for char in text) else []
    if "\r\n" in text:
        units += [r"\r\n as one", *(rf"{unit} and \r\n as one" for unit in units)]
    return units


def _locate(text: str, marks: Sequence[Mark], unit: str) -> Located:
    positions = _positions(text, unit)
    result: list[list[tuple[int, int]] | None] = []
    inexact = 0
    for mark in marks:
        parts = [
            (positions[start], positions[end])
            for start, end in mark.parts
            if start in positions and end in positions
        ]
        surface = " ".join(text[start:end] for start, end in parts)
        is_exact = mark.surface is None or surface == mark.surface
        is_there = is_exact or _squash(surface) == _squash(mark.surface or "")
        if is_there and len(parts) == len(mark.parts):
            result.append(parts)
            inexact += not is_exact
        else:
            result.append(None)
    return Located(unit, result, inexact)


def _positions(text: str, unit: str) -> dict[int, int] | range:
    """Return the code point at each offset."""
    if unit == "code points":
        return range(len(text) + 1)
    positions: dict[int, int] = {}
    offset = 0
    for position, char in enumerate(text):
        positions.setdefault(offset, position)
        if "UTF-16" in unit and char > "\uffff":
            offset += 2
        elif "as one" not in unit or text[position : position + 2] != "\r\n":
            offset += 1
    positions.setdefault(offset, len(text))
    return positions


def _squash(text: str) -> str:
    # Label Studio has had "\n" as two characters in the text of its spans
    return "".join(text.replace("\\n", "").split())
