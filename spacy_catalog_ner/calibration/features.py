"""What is known of a candidate before any model is asked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from spacy_catalog_ner.calibration.tallies import (
    Candidate,
    Tallies,
    candidate_keys,
    place,
    rights,
)
from spacy_catalog_ner.exemplars import Exemplar

FEATURES = (
    "label prior",  # log-odds that a candidate of this label is right
    "name prior",  # of this name, whatever its label
    "prior",  # of this name and label
    "left word",  # of this label after this word
    "right word",  # of this label before this word
    "both words",
    "neighbour vote",  # of this label in the exemplars, by their similarity
    "label in neighbours",  # log-odds that a similar exemplar has an entity of this label
    "seen with label",  # log of 1 + how often this name and label was seen
    "seen",  # of this name
    "same span",  # best prior and vote of another label of the same span
    "overlapping",  # of an overlapping span
    "same span candidates",  # how many there are
    "overlapping candidates",
    "inside",  # 1 if a longer candidate contains it
    "words",  # its length
    "rank",  # log of 1 + its place by popularity among the labels of the same span
)
"""Names of the columns that `make_features` gives."""

_PRIOR, _VOTE = FEATURES.index("prior"), FEATURES.index("neighbour vote")
_NO_RIVAL = -5.0  # log-odds where nothing competes
_TEMPERATURE = 0.1  # a neighbour whose cosine is lower by this has 1/e of the weight

Counts = Mapping[tuple[str, str], tuple[int, int]]


def make_features(
    text: str,
    candidates: Sequence[Candidate],
    exemplars: Sequence[Mapping[str, Any]],
    tallies: Tallies,
    left_out: Iterable[Exemplar] = (),
) -> np.ndarray:
    """Describe every candidate of a text.

    Parameters
    ----------
    text
        The text.
    candidates
        Its distinct candidates; of the same span, the more popular first.
    exemplars
        ``text``, ``candidates``, ``selected`` and ``score``, as in ``doc._.exemplars``.
    tallies
        Counts of annotated text.
    left_out
        Those of the exemplars counted that are this text: the counts are taken without them.

    Returns
    -------
    numpy.ndarray
        Shape (candidates, `FEATURES`), float64; rates are log-odds.
    """
    keys = candidate_keys(text, candidates)
    counts = _count_keys(left_out)
    rows = [
        _rates(item, key, exemplars, tallies, counts)
        for item, key in zip(candidates, keys, strict=True)
    ]
    strengths = [vote_and_prior(row) for row in rows]
    for number, row in enumerate(rows):
        row += _rivalry(number, candidates, strengths)
    return np.array(rows, dtype=float).reshape(len(rows), len(FEATURES))


def vote_and_prior(row: Sequence[float]) -> float:
    """Return the mean of a candidate's prior and the vote of its neighbours, as log-odds."""
    return (row[_PRIOR] + row[_VOTE]) / 2


def prior(row: Sequence[float]) -> float:
    """Return a candidate's prior, as log-odds."""
    return row[_PRIOR]


def _count_keys(exemplars: Iterable[Exemplar]) -> Counts:
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    for exemplar in exemplars:
        keys = candidate_keys(exemplar.text, exemplar.candidates)
        for key, right in zip(keys, rights(exemplar), strict=True):
            for item in key.items():
                before = counts.get(item, (0, 0))
                counts[item] = before[0] + right, before[1] + 1
    return counts


def _rates(
    item: Candidate,
    key: dict[str, str],
    exemplars: Sequence[Mapping[str, Any]],
    tallies: Tallies,
    left_out: Counts,
) -> list[float]:
    def seen(kind: str) -> tuple[int, int]:
        right, total = tallies.get(kind, key[kind])
        if not total:  # nothing of this kind is counted, nor left out
            return 0, 0
        out_right, out_total = left_out.get((kind, key[kind]), (0, 0))
        return right - out_right, total - out_total

    def rate(kind: str, fallback: float, strength: float) -> float:
        """Share of right ones, drawn to `fallback` as if `strength` more had been seen."""
        right, total = seen(kind)
        return (right + strength * fallback) / (total + strength)

    label = rate("label", tallies.share, 5)
    name_label = rate("name_label", label, 1)
    left, right = rate("left", label, 2), rate("right", label, 2)
    vote, present = _ask_neighbours(item["label"], exemplars, name_label)
    shares = [
        label,
        rate("name", label, 1),
        name_label,
        left,
        right,
        rate("both", (left + right) / 2, 1),
        vote,
        present,
    ]
    counts = [seen("name_label")[1], seen("name")[1]]
    return [log_odds(share) for share in shares] + [float(np.log1p(count)) for count in counts]


def _ask_neighbours(
    label: str, exemplars: Sequence[Mapping[str, Any]], fallback: float
) -> tuple[float, float]:
    """Return how often neighbours' candidates of a label are right, and that they have one."""
    if not exemplars:
        return fallback, 0.0
    weights = np.exp((np.array([item["score"] for item in exemplars]) - 1) / _TEMPERATURE)
    right = np.array([_count(item["selected"], label) for item in exemplars])
    total = np.array([_count(item["candidates"], label) for item in exemplars])
    strength = weights.mean() / 2
    vote = (weights @ right + strength * fallback) / (weights @ total + strength)
    return float(vote), float(weights @ (right > 0) / weights.sum())


def _count(items: Sequence[Candidate], label: str) -> int:
    return sum(item["label"] == label for item in items)


def _rivalry(number: int, candidates: Sequence[Candidate], strengths: list[float]) -> list[float]:
    start, end, _ = place(candidates[number])
    same, overlapping, rank = [], [], 0
    inside = False
    for other, (item, strength) in enumerate(zip(candidates, strengths, strict=True)):
        if other == number or item["start"] >= end or item["end"] <= start:
            continue
        if (item["start"], item["end"]) == (start, end):
            same.append(strength)
            rank += other < number
        else:
            overlapping.append(strength)
            inside |= item["start"] <= start and item["end"] >= end
    return [
        max(same, default=_NO_RIVAL),
        max(overlapping, default=_NO_RIVAL),
        float(len(same)),
        float(len(overlapping)),
        float(inside),
        float(len(candidates[number]["text"].split())),
        float(np.log1p(rank)),
    ]


def log_odds(share: float) -> float:
    """Return the log-odds of a share, as if it were at least 0.001 from 0 and from 1."""
    share = min(max(share, 1e-3), 1 - 1e-3)
    return math.log(share / (1 - share))
