"""Whether one system is better or worse than another, or the difference could be chance."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot

import numpy as np

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.evaluation.alignment import Pair, span_keys
from spacy_catalog_ner.evaluation.intervals import bootstrap, precision_recall_f1
from spacy_catalog_ner.evaluation.metrics import count_labels, narrowest
from spacy_catalog_ner.evaluation.outcomes import compare
from spacy_catalog_ner.evaluation.result import (
    MIN_EVIDENCE,
    Change,
    Comparison,
    Figures,
    Intervals,
    IntervalScore,
    Result,
)

_BATCH = 1000  # rounds at a time: bounds memory
# Of a label that nobody names any more
_NOTHING = IntervalScore(0, 0, 0, 0.0, 0.0, 0.0, Intervals((0.0, 0.0), (0.0, 0.0), (0.0, 0.0)))


class Significance(Figures):
    """The micro F1 of two systems, a minus b, and whether that may be chance.

    `p_value` is the probability of a difference at least as large if they were equally good.
    """

    f1_a: float
    f1_b: float
    difference: float
    p_value: float


def compare_systems(
    pairs_a: Sequence[Pair], pairs_b: Sequence[Pair], *, rounds: int = 10_000, seed: int = 0
) -> Significance:
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
        What `align_rows` returns for both systems with the same gold.
    rounds
        Number of rounds; the smallest p-value is 1 / (rounds + 1).
    seed
        The same seed gives the same p-value.

    Raises
    ------
    CatalogNERError
        If the gold texts or spans differ.
    """
    _require_same_gold(pairs_a, pairs_b)
    counts_a, counts_b = (
        count_labels(compare(pairs), len(pairs))[1].sum(axis=1, dtype=np.int64)
        for pairs in (pairs_a, pairs_b)
    )
    return _test_significance(counts_a, counts_b, rounds, seed)


def _require_same_gold(pairs_a: Sequence[Pair], pairs_b: Sequence[Pair]) -> None:
    expected = "two systems can be compared on the same gold rows only"
    if len(pairs_a) != len(pairs_b):
        raise CatalogNERError(f"{expected}, got {len(pairs_a)} and {len(pairs_b)}")
    for a, b in zip(pairs_a, pairs_b, strict=True):
        if a.gold.text != b.gold.text or span_keys(a.gold) != span_keys(b.gold):
            raise CatalogNERError(
                f"{expected}: {a.name} ({a.gold.text!r:.60}) and {b.name}"
                f" ({b.gold.text!r:.60}) differ"
            )


def _test_significance(
    counts_a: np.ndarray, counts_b: np.ndarray, rounds: int, seed: int
) -> Significance:
    """Do as `compare_systems` for right, spurious and missed of each text, of shape (texts, 3)."""
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
    figures = _f1(total_a), _f1(total_b), observed, (extreme + 1) / (rounds + 1)
    return Significance(*(round(float(figure), 4) for figure in figures))


def _f1(counts: np.ndarray) -> np.ndarray:
    """Return the F1 of counts of shape (..., 3)."""
    return precision_recall_f1(counts)[..., 2]


def compare_pairs(
    pairs: Sequence[Pair],
    baseline: Sequence[Pair],
    name: str = "baseline",
    *,
    samples: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Compare the F1 of two systems on the same texts, overall and per label.

    The intervals are those of the differences, by a paired bootstrap: each resample draws texts,
    with the answers of both systems to them (Berg-Kirkpatrick et al. 2012, section 2,
    https://aclanthology.org/D12-1091/). The p-value is that of `compare_systems`.

    Parameters
    ----------
    pairs, baseline
        What `align_rows` returns for both with the same gold.
    name
        Of the baseline.
    samples, seed
        Number of resamples and their seed.

    Raises
    ------
    CatalogNERError
        If the gold texts or spans differ.
    """
    _require_same_gold(pairs, baseline)
    both = [count_labels(compare(system), len(system)) for system in (baseline, pairs)]
    names = sorted({label for labels, _ in both for label in labels})
    totals = [of_labels.sum(axis=1) for _, of_labels in both]
    # Whole numbers of shape (texts, systems, micro and labels, 3)
    counts = np.zeros((len(pairs), 2, 1 + len(names), 3), dtype=narrowest(totals))
    for system, (labels, of_labels) in enumerate(both):
        counts[:, system, 0] = totals[system]
        counts[:, system, [1 + names.index(label) for label in labels]] = of_labels

    def differences(totals: np.ndarray) -> np.ndarray:
        f1 = _f1(totals)
        return f1[..., 1, :] - f1[..., 0, :]

    sums = counts.sum(axis=0)
    before, after = _f1(sums)
    evidence = np.minimum((sums[..., 0] + sums[..., 2]).max(axis=0), len(pairs)).tolist()
    bounds = bootstrap(counts, differences, samples=samples, seed=seed)
    micro, *per_label = map(_change, before, after, bounds[:, 0], bounds[:, 1], evidence)
    old, new = (counts[:, system, 0].astype(np.int64) for system in (0, 1))
    p_value = _test_significance(new, old, 10_000, seed).p_value
    return Comparison(micro, dict(zip(names, per_label, strict=True)), p_value, name)


def compare_results(result: Result, baseline: Result, name: str = "baseline") -> Comparison:
    """Compare the F1 of two results of the same gold set, as `compare_pairs` does.

    Without the predictions an interval of the difference is made of those of the two figures,
    each from its lower to its upper bound, l to u, by the method of variance estimates recovery
    (MOVER; Zou and Donner 2008, "Construction of confidence limits about effect measures: a
    general approach", Statistics in Medicine 27, section 2, https://doi.org/10.1002/sim.3095):

    - lower bound: ``new - old - sqrt((new - l_new) ** 2 + (u_old - old) ** 2)``
    - upper bound: ``new - old + sqrt((u_new - new) ** 2 + (old - l_old) ** 2)``

    Each system has its own arms, because those of a rare label are far from equal: an F1 of 1 can
    only be too high. The formula is for independent systems. Two on the same texts are mostly
    right and wrong together, so that the interval is as a rule too wide rather than too narrow:
    it calls some losses noise that `compare_pairs` finds. A label that one of them does not have
    counts as an F1 of 0 there.

    Raises
    ------
    CatalogNERError
        If the texts or the gold entities of the two are not the same.
    """
    if result.gold != baseline.gold:
        texts, entities = baseline.texts, baseline.micro.gold
        this = "as many, but others"
        if (result.texts, result.micro.gold) != (texts, entities):
            this = f"{result.texts} with {result.micro.gold}"
        raise CatalogNERError(
            f"{name}: measured on another gold set, {texts} texts with {entities} entities; this"
            f" one has {this}. Evaluate the baseline's predictions on this one"
        )

    def change(new: IntervalScore, old: IntervalScore) -> Change:
        (old_down, old_up), (new_down, new_up) = _arms(old), _arms(new)
        difference = new.f1 - old.f1
        # An F1 cannot change by more than 1, whatever two intervals together say
        lower = max(difference - hypot(new_down, old_up), -1.0)
        upper = min(difference + hypot(new_up, old_down), 1.0)
        evidence = min(max(old.gold, new.gold), result.texts)
        return _change(old.f1, new.f1, lower, upper, evidence)

    ours, theirs = result.per_label, baseline.per_label
    per_label = {
        label: change(ours.get(label, _NOTHING), theirs.get(label, _NOTHING))
        for label in sorted({*ours, *theirs})
    }
    return Comparison(change(result.micro, baseline.micro), per_label, None, name)


def _arms(score: IntervalScore) -> tuple[float, float]:
    """Return how far the interval of an F1 reaches below and above it."""
    lower, upper = score.intervals.f1
    # A percentile interval can end short of the figure itself
    return max(score.f1 - lower, 0.0), max(upper - score.f1, 0.0)


def _change(before: float, after: float, lower: float, upper: float, evidence: int) -> Change:
    interval = round(100 * float(lower), 2), round(100 * float(upper), 2)
    return Change(
        before=round(float(before), 4),
        after=round(float(after), 4),
        points=round(100 * float(after - before), 2),
        interval=interval,
        evidence=evidence,
        is_loss=interval[1] < 0 and evidence >= MIN_EVIDENCE,
    )
