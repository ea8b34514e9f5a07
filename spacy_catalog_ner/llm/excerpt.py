"""What of an exemplar is shown: only what bears on the text at hand.

A small model on a CPU spends its time reading, and most of a long spoken utterance says little
about one candidate.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

MAX_CANDIDATES = 3
"""Most candidates shown of one exemplar."""
WINDOW = 6
"""Words shown on either side of a candidate."""

_WORD = re.compile(r"\S+")


def excerpt(exemplar: dict[str, Any], labels: Iterable[str]) -> dict[str, Any]:
    """Cut an exemplar down to the candidates that bear on `labels` and the words around them.

    Parameters
    ----------
    exemplar
        ``text``, ``candidates`` and ``selected``, as in ``doc._.exemplars``.
    labels
        Labels of the candidates to decide on. An exemplar that has none of them is shown with
        its own candidates.

    Returns
    -------
    dict
        ``text``, and ``candidates`` with ``text``, ``label`` and ``selected`` (a bool). Those
        that were selected are taken first, then all stand in reading order.
    """
    wanted = set(labels)
    selected = exemplar["selected"]
    candidates = [item for item in exemplar["candidates"] if item["label"] in wanted]
    candidates = sorted(candidates or exemplar["candidates"], key=lambda item: item not in selected)
    candidates = sorted(candidates[:MAX_CANDIDATES], key=lambda item: item["start"])
    return {
        "text": _words_around(exemplar["text"], candidates),
        "candidates": [
            {
                "text": " ".join(item["text"].split()),
                "label": item["label"],
                "selected": item in selected,
            }
            for item in candidates
        ],
    }


def _words_around(text: str, candidates: list[dict[str, Any]]) -> str:
    words = list(_WORD.finditer(text))
    shown: set[int] = set() if candidates else set(range(2 * WINDOW))
    for item in candidates:
        inside = [
            number
            for number, word in enumerate(words)
            if word.start() < item["end"] and word.end() > item["start"]
        ]
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
    return " ".join(parts)
