"""What became of every gold and every predicted span: right, or what kind of error."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from spacy_catalog_ner.evaluation.alignment import Key, Pair
from spacy_catalog_ner.evaluation.result import Confusion, Score
from spacy_catalog_ner.io.row import RowSpan

RIGHT = "right"
KINDS = ("type", "boundary", "type and boundary", "missed", "spurious")
Group = TypeVar("Group", str, int, bool)


class Outcome(NamedTuple):
    """What became of a gold span, a predicted span, or both, in the text of the n-th `pair`.

    `kind` is ``"right"``, or one of `KINDS`: ``"type"`` (same boundaries, another label),
    ``"boundary"`` (overlap, same label), ``"type and boundary"`` (overlap, another label),
    ``"missed"`` (gold that overlaps with no predicted span left) and ``"spurious"`` (predicted that
    overlaps with no gold span left).
    """

    pair: int
    kind: str
    gold: RowSpan | None
    predicted: RowSpan | None


def compare(pairs: Sequence[Pair]) -> list[Outcome]:
    """Pair gold and predicted spans one to one and say what each is.

    Equal spans are right. Of what is left, spans with the same boundaries are paired first, then
    overlapping ones with the same label, then any that overlap; within each, those that share the
    most characters first, then in order of offset and label. Outcomes come text by text, the right
    ones first.
    """
    outcomes = []
    for position, pair in enumerate(pairs):
        gold = {span.key: span for span in pair.gold.spans or ()}
        predicted = {span.key: span for span in pair.predicted.spans or ()}
        for key, span in gold.items():
            if key in predicted:
                outcomes.append(Outcome(position, RIGHT, span, predicted[key]))
        if gold.keys() == predicted.keys():
            continue
        missed, spurious = gold.keys() - predicted.keys(), predicted.keys() - gold.keys()
        for one, other in pair_overlapping(missed, spurious):
            outcomes.append(Outcome(position, _kind(one, other), gold[one], predicted[other]))
            missed.discard(one)
            spurious.discard(other)
        outcomes += [Outcome(position, "missed", gold[key], None) for key in sorted(missed)]
        for key in sorted(spurious):
            outcomes.append(Outcome(position, "spurious", None, predicted[key]))
    return outcomes


def pair_overlapping(gold: Iterable[Key], predicted: Iterable[Key]) -> list[tuple[Key, Key]]:
    """Pair spans (start, end, label) that overlap one to one, the best first, as `compare` does."""
    gold, predicted = sorted(gold), sorted(predicted)
    if not (gold and predicted):
        return []
    starts = [start for start, _, _ in predicted]
    longest = max(end - start for start, end, _ in predicted)
    links = []
    for one in gold:
        # Only those that start in this range can reach into the span
        first, last = bisect_right(starts, one[0] - longest), bisect_left(starts, one[1])
        for other in predicted[first:last]:
            shared = min(one[1], other[1]) - max(one[0], other[0])
            if shared > 0:
                links.append((KINDS.index(_kind(one, other)), -shared, one, other))
    paired: dict[Key, Key] = {}
    taken: set[Key] = set()
    for _, _, one, other in sorted(links):
        if one not in paired and other not in taken:
            paired[one] = other
            taken.add(other)
    return list(paired.items())


def _kind(gold: Key, predicted: Key) -> str:
    if gold[:2] == predicted[:2]:
        return "type"
    return "boundary" if gold[2] == predicted[2] else "type and boundary"


def score_by(
    outcomes: Iterable[Outcome], group: Callable[[int, RowSpan], Group]
) -> dict[Group, Score]:
    """Score spans by the group that a function of (position of the pair, span) puts them in."""
    counts: defaultdict[Group, list[int]] = defaultdict(lambda: [0, 0, 0])
    for pair, kind, gold, predicted in outcomes:
        if gold is not None:
            counts[group(pair, gold)][0 if kind == RIGHT else 2] += 1
        if predicted is not None and kind != RIGHT:
            counts[group(pair, predicted)][1] += 1
    return {name: Score.of(*counts[name]) for name in sorted(counts)}


def count_confusion(outcomes: Iterable[Outcome]) -> Confusion:
    """Count which label was predicted for which, whatever the boundaries."""
    outcomes = list(outcomes)
    spans = [span for outcome in outcomes for span in outcome[2:] if span is not None]
    labels = sorted({span.label for span in spans})
    index = {label: position for position, label in enumerate(labels)}
    counts = [[0] * (len(labels) + 1) for _ in range(len(labels) + 1)]
    for _, _, gold, predicted in outcomes:
        row = -1 if gold is None else index[gold.label]
        column = -1 if predicted is None else index[predicted.label]
        counts[row][column] += 1
    return Confusion(labels, counts)
