"""Excerpts of exemplars: only what is relevant to the text, since a small model reads slowly."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from spacy_catalog_ner.llm.tasks.templates import one_line

MAX_CANDIDATES = 3
"""Most candidates shown of one exemplar."""
WINDOW = 6
"""Words shown on either side of a candidate."""

_WORD = re.compile(r"\S+")


def excerpt(
    exemplar: dict[str, Any], labels: Iterable[str], *, right_first: bool = True
) -> dict[str, Any]:
    """Reduce an exemplar to a few candidates with the given labels and the words around them.

    Parameters
    ----------
    exemplar
        ``text``, ``candidates`` and ``selected``, as in ``doc._.exemplars``.
    labels
        Labels to decide on. An exemplar with none of them keeps candidates of other labels.
    right_first
        Show right candidates before others with the same start. If answers are numbers, this
        would teach the model to choose the first.

    Returns
    -------
    dict
        ``text``, and ``candidates`` in reading order, with ``number`` (from 1), ``text``,
        ``label`` and ``selected`` (a bool).
    """
    wanted = set(labels)
    selected = exemplar["selected"]
    candidates = [item for item in exemplar["candidates"] if item["label"] in wanted]
    candidates = sorted(candidates or exemplar["candidates"], key=lambda item: item not in selected)
    candidates = candidates[:MAX_CANDIDATES]
    if not right_first:
        candidates = [item for item in exemplar["candidates"] if item in candidates]
    candidates.sort(key=lambda item: item["start"])
    text = _words_around(exemplar["text"], candidates)
    return {"text": text, "candidates": _number(candidates, selected)}


def whole(exemplar: dict[str, Any]) -> dict[str, Any]:
    """Show a whole exemplar with all its candidates, in the form of `excerpt`."""
    candidates = _number(exemplar["candidates"], exemplar["selected"])
    return {"text": one_line(exemplar["text"]), "candidates": candidates}


def gold(exemplar: dict[str, Any]) -> dict[str, Any]:
    """Show the right candidates and the words around them, in the form of `excerpt`."""
    selected = exemplar["selected"]
    text = _words_around(exemplar["text"], selected)
    return {"text": text, "candidates": _number(selected, selected)}


def _number(candidates: list[dict[str, Any]], selected: list[dict[str, Any]]) -> list[dict]:
    return [
        {
            "number": number,
            "text": one_line(item["text"]),
            "label": one_line(item["label"]),
            "selected": item in selected,
        }
        for number, item in enumerate(candidates, start=1)
    ]


def _words_around(text: str, candidates: list[dict[str, Any]]) -> str:
    words = list(_WORD.finditer(text))
    shown: set[int] = set() if candidates else set(range(2 * WINDOW))
    for item in candidates:
        inside = [
            number
            for number, word in enumerate(words)
            if word.start() < item["end"] and word.end() > item["start"]
        ]
        if inside:  # a span of nothing but white space has no word
            shown.update(range(inside[0] - WINDOW, inside[-1] + WINDOW + 1))
    parts = []
    last = -1
    for number in sorted(shown & set(range(len(words)))):
        if number != last + 1:
            parts.append("...")
        parts.append(words[number].group())
        last = number
    if last < len(words) - 1:
        parts.append("...")
    return one_line(" ".join(parts))
