"""Whether one system is better than another, or the difference could be chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.evaluation.alignment import Key, Pair, span_keys
from spacy_catalog_ner.evaluation.intervals import precision_recall_f1
from spacy_catalog_ner.evaluation.score import Score

_BATCH = 1000  # rounds at a time: bounds memory


def compare_systems(
    pairs_a: Sequence[Pair], pairs_b: Sequence[Pair], *, rounds: int = 10_000, seed: int = 0
) -> dict[str, float]:
    """Test the difference in micro F1 of two systems on the same texts.

    Paired approximate randomisation: if the systems did not differ, exchanging their answers to
    any text would change nothing. Each round exchanges those to a random half of the texts, and
    the p-value is the share of rounds with a difference at least as large as the one observed
    (Noreen 1989, Computer-Intensive Methods for Testing Hypotheses; Yeh 2000,
    https://aclanthology.org/C00-2137/). Texts whose counts differ in the same way are
    interchangeable, so how many of them are exchanged is drawn from a binomial distribution.

    Parameters
    ----------
    pairs_a, pairs_b
        What `align_rows` gives for both systems with the same gold.
    rounds
        Number of rounds; the smallest p-value is 1 / (rounds + 1).
    seed
        The same seed gives the same p-value.

    Returns
    -------
    dict
        ``f1_a``, ``f1_b``, ``difference`` (a minus b) and ``p_value`` (two-sided), rounded to 4
        decimals.

    Raises
    ------
    CatalogNERError
        If the gold texts or spans differ.
    """
    if len(pairs_a) != len(pairs_b):
        raise CatalogNERError(
            "two systems can be compared on the same gold rows only,"
            f" got {len(pairs_a)} and {len(pairs_b)}"
        )
    for a, b in zip(pairs_a, pairs_b, strict=True):
        if _gold(a) != _gold(b):
            raise CatalogNERError(
                "two systems can be compared on the same gold rows only:"
                f" {a.name} ({a.gold['text']!r:.60}) and {b.name} ({b.gold['text']!r:.60}) differ"
            )
    counts_a, counts_b = _count(pairs_a), _count(pairs_b)
    total_a, total_b = counts_a.sum(axis=0), counts_b.sum(axis=0)
    observed = _f1(total_a) - _f1(total_b)
    change, times = np.unique(counts_b - counts_a, axis=0, return_counts=True)
    random = np.random.default_rng(seed)
    extreme = 0
    for start in range(0, rounds, _BATCH):
        size = (min(_BATCH, rounds - start), len(times))
        moved = random.binomial(times, 0.5, size=size) @ change
        difference = _f1(total_a + moved) - _f1(total_b - moved)
        # The margin is for rounding: equal counts must count as equal differences
        extreme += int(np.count_nonzero(np.abs(difference) >= abs(observed) - 1e-12))
    return {
        "f1_a": round(float(_f1(total_a)), 4),
        "f1_b": round(float(_f1(total_b)), 4),
        "difference": round(float(observed), 4),
        "p_value": round((extreme + 1) / (rounds + 1), 4),
    }


def _gold(pair: Pair) -> tuple[str, set[Key]]:
    return pair.gold["text"], span_keys(pair.gold["spans"])


def _count(pairs: Sequence[Pair]) -> np.ndarray:
    """Return right, invented and missed of each text, of shape (texts, 3)."""
    counts = np.zeros((len(pairs), 3), dtype=np.int64)
    for position, (_, predicted, gold) in enumerate(pairs):
        score = Score()
        score.add(span_keys(predicted["spans"]), span_keys(gold["spans"]))
        counts[position] = score.tp, score.fp, score.fn
    return counts


def _f1(counts: np.ndarray) -> np.ndarray:
    """Return the F1 of counts of shape (..., 3)."""
    return precision_recall_f1(counts)[..., 2]
