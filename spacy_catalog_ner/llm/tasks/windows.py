"""Splitting a long text into windows around its candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spacy.tokens import Doc

from spacy_catalog_ner.llm.tasks.templates import one_line

_MARGIN = 8  # the part of a window that is context on either side of its candidates


@dataclass(frozen=True)
class Window:
    """A range of tokens.

    Attributes
    ----------
    start, end
        First token, and the one after the last.
    candidates
        Indices of the candidates that are asked about in this window, ascending.
    """

    start: int
    end: int
    candidates: tuple[int, ...] = ()


def make_windows(length: int, spans: Sequence[tuple[int, int]], size: int) -> list[Window]:
    """Split a text into windows around groups of neighbouring candidates.

    Each candidate is in one window, with context on both sides. A text of up to `size` tokens is
    one window.

    Parameters
    ----------
    length
        Tokens of the text.
    spans
        First token of each candidate and the one after its last.
    size
        Most tokens of a window, unless a single candidate is longer.
    """
    if length <= size:
        return [Window(0, length, tuple(range(len(spans))))]
    widest = size - 2 * (size // _MARGIN)
    groups: list[list[int]] = []
    start = end = 0
    for place in sorted(range(len(spans)), key=lambda place: spans[place]):
        first, last = spans[place]
        if groups and max(end, last) - start <= widest:
            groups[-1].append(place)
            end = max(end, last)
        else:
            groups.append([place])
            start, end = first, last
    return [_around(group, spans, length, size) for group in groups]


def _around(group: list[int], spans: Sequence[tuple[int, int]], length: int, size: int) -> Window:
    """Center a window on a group, shifted where the text begins or ends."""
    first = min(spans[place][0] for place in group)
    last = max(spans[place][1] for place in group)
    if last - first >= size:
        return Window(first, last, tuple(sorted(group)))
    before = (size - (last - first)) // 2
    start = max(min(first - before, length - size), 0)
    return Window(start, start + size, tuple(sorted(group)))


def make_pieces(length: int, size: int) -> list[Window]:
    """Cut a text into consecutive pieces of at most `size` tokens."""
    return [Window(start, min(start + size, length)) for start in range(0, length, size)]


def show(doc: Doc, window: Window) -> str:
    """Return the text of a window on one line, with ``...`` where some is left out."""
    parts = [
        "..." if window.start > 0 else "",
        one_line(doc[window.start : window.end].text),
        "..." if window.end < len(doc) else "",
    ]
    return " ".join(part for part in parts if part)
