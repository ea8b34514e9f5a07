"""What of an exemplar is shown: what bears on the text at hand, since reading takes time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from spacy_catalog_ner.llm.tasks.templates import one_line

MAX_CANDIDATES = 3
"""Most candidates shown of one exemplar."""
WINDOW = 6
"""Words shown on either side of a candidate."""

_WORD = re.compile(r"\S+")

Candidate = dict[str, Any]


def choose_candidates(
    exemplar: dict[str, Any], labels: Iterable[str], *, right_first: bool = True
) -> list[Candidate]:
    """Return the few candidates of an exemplar that bear on `labels`, in reading order.

    Right candidates are taken first. If none has one of the labels, any are taken.

    Parameters
    ----------
    exemplar
        ``text``, ``candidates`` and ``selected``, as in ``doc._.exemplars``.
    labels
        Labels of the candidates to decide on.
    right_first
        Of candidates with the same start, show right ones first. If answers are numbers, that would
        teach a model to choose the first.
    """
    wanted = set(labels)
    selected = exemplar["selected"]
    candidates = [item for item in exemplar["candidates"] if item["label"] in wanted]
    candidates = sorted(candidates or exemplar["candidates"], key=lambda item: item not in selected)
    candidates = candidates[:MAX_CANDIDATES]
    if not right_first:
        candidates = [item for item in exemplar["candidates"] if item in candidates]
    return sorted(candidates, key=lambda item: item["start"])


def excerpt(
    exemplar: dict[str, Any], candidates: Sequence[Candidate], *, whole: bool = False
) -> dict[str, Any]:
    """Return ``text``, the words around the candidates or the `whole` text, and ``candidates``.

    Candidates have a ``number`` (from 1), ``text``, ``label`` and ``selected`` (a bool).
    """
    text = one_line(exemplar["text"]) if whole else _words_around(exemplar["text"], candidates)
    shown = [
        {
            "number": number,
            "text": one_line(item["text"]),
            "label": one_line(item["label"]),
            "selected": item in exemplar["selected"],
        }
        for number, item in enumerate(candidates, start=1)
    ]
    return {"text": text, "candidates": shown}


def _words_around(text: str, candidates: Sequence[Candidate]) -> str:
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
