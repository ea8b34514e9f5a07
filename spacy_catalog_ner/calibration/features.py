"""Features of a candidate that need no model: counts in exemplars, neighbours' votes, rivals."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from spacy_catalog_ner.calibration.tallies import Tallies, tally_keys
from spacy_catalog_ner.exemplars import Candidate, Exemplar

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

PRIOR, _VOTE = FEATURES.index("prior"), FEATURES.index("neighbour vote")
_NO_RIVAL = -5.0  # log-odds where no other candidate competes
_TEMPERATURE = 0.1  # a neighbour whose cosine is lower by this has 1/e of the weight


def make_features(
    text: str,
    candidates: Sequence[Candidate],
    exemplars: Sequence[Mapping[str, Any]],
    tallies: Tallies,
    left_out: Iterable[Exemplar] = (),
) -> np.ndarray:
    """Return the features of a text's distinct candidates, shape (candidates, `FEATURES`).

    Of candidates for the same span, the more popular come first. The `exemplars` are those of
    ``doc._.exemplars``. Exemplars in `tallies` that are this same text are `left_out` of them.
    """
    keys = tally_keys(text, candidates)
    share, own = tallies.share, Tallies(left_out)
    rows = [
        _make_rates(item.label, key, exemplars, tallies, share, own)
        for item, key in zip(candidates, keys, strict=True)
    ]
    rivalry = _compare(candidates, [vote_and_prior(row) for row in rows])
    rows = [row + columns for row, columns in zip(rows, rivalry, strict=True)]
    return np.array(rows, dtype=float).reshape(len(rows), len(FEATURES))


def vote_and_prior(row: Sequence[float]) -> float:
    """Return the mean of a candidate's prior and the vote of its neighbours, as log-odds."""
    return (row[PRIOR] + row[_VOTE]) / 2


def _make_rates(
    label: str,
    key: dict[str, str],
    exemplars: Sequence[Mapping[str, Any]],
    tallies: Tallies,
    share: float,
    left_out: Tallies,
) -> list[float]:
    """Return the columns of `FEATURES` that do not depend on other candidates."""

    def seen(kind: str) -> tuple[int, int]:
        right, total = tallies.get(kind, key[kind])
        if not total:  # nothing of this kind was counted, so nothing is left out
            return 0, 0
        out_right, out_total = left_out.get(kind, key[kind])
        return right - out_right, total - out_total

    def rate(kind: str, fallback: float, strength: float) -> float:
        """Share of right ones, drawn to `fallback` as if `strength` more had been seen."""
        right, total = seen(kind)
        return (right + strength * fallback) / (total + strength)

    of_label = rate("label", share, 5)
    name_label = rate("name_label", of_label, 1)
    left, right = rate("left", of_label, 2), rate("right", of_label, 2)
    both = rate("both", (left + right) / 2, 1)
    votes = _ask_neighbours(label, exemplars, name_label)
    shares = [of_label, rate("name", of_label, 1), name_label, left, right, both, *votes]
    counts = [seen("name_label")[1], seen("name")[1]]
    return [log_odds(share) for share in shares] + [float(np.log1p(count)) for count in counts]


def _ask_neighbours(
    label: str, exemplars: Sequence[Mapping[str, Any]], fallback: float
) -> tuple[float, float]:
    """Return the neighbours' vote for a label, and the share of them with a right one."""
    if not exemplars:
        return fallback, 0.0
    weights = np.exp((np.array([item["score"] for item in exemplars]) - 1) / _TEMPERATURE)
    right, total = (
        np.array([sum(each["label"] == label for each in item[key]) for item in exemplars])
        for key in ("selected", "candidates")
    )
    strength = weights.mean() / 2
    vote = (weights @ right + strength * fallback) / (weights @ total + strength)
    return float(vote), float(weights @ (right > 0) / weights.sum())


def _compare(candidates: Sequence[Candidate], strengths: list[float]) -> Iterator[list[float]]:
    """Yield the columns of `FEATURES` that compare a candidate with those that overlap it."""
    order = sorted(range(len(candidates)), key=lambda number: candidates[number].start)
    starts = [candidates[number].start for number in order]
    longest = max((item.end - item.start for item in candidates), default=0)
    for number, item in enumerate(candidates):
        same, overlapping, rank, inside = [], [], 0, False
        first = bisect_right(starts, item.start - longest)
        for other in order[first : bisect_left(starts, item.end)]:
            rival, strength = candidates[other], strengths[other]
            if other == number or rival.end <= item.start:
                continue
            if (rival.start, rival.end) == (item.start, item.end):
                same.append(strength)
                rank += other < number
            else:
                overlapping.append(strength)
                inside |= rival.start <= item.start and rival.end >= item.end
        yield [
            max(same, default=_NO_RIVAL),
            max(overlapping, default=_NO_RIVAL),
            float(len(same)),
            float(len(overlapping)),
            float(inside),
            float(len(item.text.split())),
            float(np.log1p(rank)),
        ]


def log_odds(share: float) -> float:
    """Return the log-odds of a share, as if it were at least 0.001 from 0 and from 1."""
    share = min(max(share, 1e-3), 1 - 1e-3)
    return math.log(share / (1 - share))
