"""What became of every gold and every predicted span: right, or what kind of error."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from spacy_catalog_ner.evaluation.alignment import Key, Pair, Row

RIGHT = "right"
KINDS = ("type", "boundary", "type and boundary", "missed", "invented")


class Outcome(NamedTuple):
    """What became of a gold span, a predicted span, or both.

    Attributes
    ----------
    pair
        Position of the text among the pairs.
    kind
        ``"right"``, or one of `KINDS`: ``"type"`` (same boundaries, another label),
        ``"boundary"`` (overlap, same label), ``"type and boundary"`` (overlap, another label),
        ``"missed"`` (gold that overlaps with no predicted span left) and ``"invented"``
        (predicted that overlaps with no gold span left).
    gold, predicted
        The spans; None for an invented and a missed one.
    """

    pair: int
    kind: str
    gold: Row | None
    predicted: Row | None


def compare(pairs: Sequence[Pair]) -> list[Outcome]:
    """Pair gold and predicted spans one to one and say what each is.

    Equal spans are right. Of what is left, spans with the same boundaries are paired first, then
    overlapping ones with the same label, then any that overlap; within each, those that share the
    most characters first, then in order of offset and label.

    Returns
    -------
    list of Outcome
        Text by text, each span in one of them; the right ones first.
    """
    outcomes = []
    for position, pair in enumerate(pairs):
        gold = {(span["start"], span["end"], span["label"]): span for span in pair.gold["spans"]}
        predicted = {
            (span["start"], span["end"], span["label"]): span for span in pair.predicted["spans"]
        }
        for key, span in gold.items():
            if key in predicted:
                outcomes.append(Outcome(position, RIGHT, span, predicted[key]))
        if gold.keys() == predicted.keys():
            continue
        missed, invented = gold.keys() - predicted.keys(), predicted.keys() - gold.keys()
        for one, other in pair_overlapping(missed, invented):
            outcomes.append(Outcome(position, _kind(one, other), gold[one], predicted[other]))
            missed.discard(one)
            invented.discard(other)
        outcomes += [Outcome(position, "missed", gold[key], None) for key in sorted(missed)]
        outcomes += [
            Outcome(position, "invented", None, predicted[key]) for key in sorted(invented)
        ]
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
    paired: list[tuple[Key, Key]] = []
    taken: set[tuple[str, Key]] = set()
    for _, _, one, other in sorted(links):
        if ("gold", one) not in taken and ("predicted", other) not in taken:
            taken |= {("gold", one), ("predicted", other)}
            paired.append((one, other))
    return paired


def _kind(gold: Key, predicted: Key) -> str:
    if gold[:2] == predicted[:2]:
        return "type"
    return "boundary" if gold[2] == predicted[2] else "type and boundary"


def confusion(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Count which label stands where which label should be, whatever the boundaries.

    Returns
    -------
    dict
        ``labels``, sorted, and ``counts``, of shape (labels + 1, labels + 1): rows are gold,
        columns predicted; the last column counts the missed, the last row the invented.
    """
    outcomes = list(outcomes)
    spans = [span for outcome in outcomes for span in outcome[2:] if span is not None]
    labels = sorted({span["label"] for span in spans})
    index = {label: position for position, label in enumerate(labels)}
    counts = [[0] * (len(labels) + 1) for _ in range(len(labels) + 1)]
    for _, _, gold, predicted in outcomes:
        row = len(labels) if gold is None else index[gold["label"]]
        column = len(labels) if predicted is None else index[predicted["label"]]
        counts[row][column] += 1
    return {"labels": labels, "counts": counts}
