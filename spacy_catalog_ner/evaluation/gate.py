"""Whether a system got worse, and whether that is more than chance."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import hypot
from pathlib import Path
from typing import Any, NamedTuple, NotRequired, TypedDict

import msgspec
import numpy as np

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.evaluation.alignment import Pair
from spacy_catalog_ner.evaluation.comparison import KINDS, compare
from spacy_catalog_ner.evaluation.intervals import bootstrap, precision_recall_f1
from spacy_catalog_ner.evaluation.metrics import FORMAT_VERSION, count_labels, narrowest
from spacy_catalog_ner.io.files import require_file

# Below so many texts or gold entities nothing is called a loss: resamples of so few take too few
# different values. In simulations of two equally good systems the bootstrap calls one a loss in 1
# case of 20 with five texts; with ten it is about the 1 in 40 that a 95 % interval promises.
MIN_EVIDENCE = 10
# Of a label that nobody names any more
_NOTHING = {"tp": 0, "fn": 0, "f1": 0.0, "intervals": {"f1": [0.0, 0.0]}}


class Change(NamedTuple):
    """How an F1 differs from that of a baseline.

    Attributes
    ----------
    label
        A label, None for the micro F1 of all.
    before, after
        F1 of the baseline and now, 0 to 1.
    points
        ``after - before`` in F1 points, of which 100 are the whole; below 0 for a fall.
    interval
        95 % interval of `points`, lower and upper bound.
    evidence
        Number of texts, or of gold entities (of the label) where these are fewer.
    """

    label: str | None
    before: float
    after: float
    points: float
    interval: tuple[float, float]
    evidence: int

    @property
    def is_loss(self) -> bool:
        """Whether it fell for sure: the whole interval is below 0, of `MIN_EVIDENCE` or more."""
        return self.interval[1] < 0 and self.evidence >= MIN_EVIDENCE

    @property
    def verdict(self) -> str:
        """What to say of a fall: ``Loss``, ``Within noise`` or ``Too few to tell``."""
        if self.evidence < MIN_EVIDENCE:
            return "Too few to tell"
        return "Loss" if self.is_loss else "Within noise"

    def to_dict(self) -> dict[str, Any]:
        """Return all but the label and the evidence, and ``is_loss``, for JSON."""
        figures = self._asdict()
        del figures["label"], figures["evidence"]
        return {**figures, "interval": list(self.interval), "is_loss": self.is_loss}


def check_regression(
    changes: Sequence[Change], *, max_drop: float, per_label: bool = False
) -> list[Change]:
    """Return what fell by more than `max_drop` points: the micro F1, and that of any label.

    Of these `Change.is_loss` tells a loss from noise. At 95 % about one in forty falls that are
    only noise is taken for a loss, if the margin of `max_drop` does not prevent it: with many
    labels expect one now and then.
    """
    checked = [change for change in changes if per_label or change.label is None]
    return [change for change in checked if change.points < -max_drop]


def compare_pairs(
    pairs: Sequence[Pair], baseline: Sequence[Pair], *, samples: int = 1000, seed: int = 0
) -> list[Change]:
    """Compare the F1 of two systems on the same texts, overall and per label.

    The intervals are those of the differences, by a paired bootstrap: each resample draws texts,
    with the answers of both systems to them (Berg-Kirkpatrick et al. 2012, section 2,
    https://aclanthology.org/D12-1091/).

    Parameters
    ----------
    pairs, baseline
        What `spacy_catalog_ner.evaluation.alignment.align_rows` gives for both with equal gold.
    samples, seed
        Number of resamples and their seed.

    Returns
    -------
    list of Change
        The micro F1 first, then the labels of either, sorted.

    Raises
    ------
    CatalogNERError
        If the gold texts differ.
    """
    if [pair.gold["text"] for pair in pairs] != [pair.gold["text"] for pair in baseline]:
        raise CatalogNERError("two systems can be compared on the same gold texts only")
    both = [count_labels(compare(side), len(side)) for side in (baseline, pairs)]
    names = sorted({label for labels, _ in both for label in labels})
    totals = [of_labels.sum(axis=1) for _, of_labels in both]
    # Whole numbers of shape (texts, systems, micro and labels, 3)
    counts = np.zeros((len(pairs), 2, 1 + len(names), 3), dtype=narrowest(totals))
    for system, (labels, of_labels) in enumerate(both):
        counts[:, system, 0] = totals[system]
        counts[:, system, [1 + names.index(label) for label in labels]] = of_labels

    def differences(totals: np.ndarray) -> np.ndarray:
        f1: np.ndarray = precision_recall_f1(totals)[..., 2]
        return f1[..., 1, :] - f1[..., 0, :]

    sums = counts.sum(axis=0)
    before, after = precision_recall_f1(sums)[..., 2]
    evidence = np.minimum((sums[..., 0] + sums[..., 2]).max(axis=0), len(pairs)).tolist()
    intervals = bootstrap(counts, differences, samples=samples, seed=seed)
    return [
        _change(*figures)
        for figures in zip([None, *names], before, after, *intervals.T, evidence, strict=True)
    ]


def compare_results(result: dict[str, Any], baseline: dict[str, Any]) -> list[Change]:
    """Compare the F1 of two results of the same gold set, as `compare_pairs` does.

    Without the predictions an interval of the difference is made of those of the two figures,
    each from its lower to its upper bound, l to u, by the method of variance estimates recovery
    (MOVER; Zou and Donner 2008, "Construction of confidence limits about effect measures: a
    general approach", Statistics in Medicine 27, section 2, https://doi.org/10.1002/sim.3095):

    - lower bound: ``new - old - sqrt((new - l_new) ** 2 + (u_old - old) ** 2)``
    - upper bound: ``new - old + sqrt((u_new - new) ** 2 + (old - l_old) ** 2)``

    Each side has its own arms, because those of a rare label are far from equal: an F1 of 1 can
    only be too high. The formula is for independent systems. Two on the same texts are mostly
    right and wrong together, so that the interval is as a rule too wide rather than too narrow:
    it calls some losses noise that `compare_pairs` finds. A label that one of them does not have
    counts as an F1 of 0 there.

    Parameters
    ----------
    result, baseline
        What `spacy_catalog_ner.evaluation.metrics.evaluate_pairs` gives.

    Raises
    ------
    CatalogNERError
        If the texts or the gold entities of the two are not the same.
    """
    if result["gold"] != baseline["gold"]:
        (texts, entities), new = (
            (of["texts"], _gold_entities(of["micro"])) for of in (baseline, result)
        )
        same = "as many, but others" if new == (texts, entities) else f"{new[0]} with {new[1]}"
        raise CatalogNERError(
            f"measured on another gold set, {texts} texts with {entities} entities; this one has"
            f" {same}. Evaluate the baseline's predictions on this one"
        )
    changes = []
    for label in [None, *sorted({*baseline["per_label"], *result["per_label"]})]:
        old, new = (
            of["micro"] if label is None else of["per_label"].get(label, _NOTHING)
            for of in (baseline, result)
        )
        (old_down, old_up), (new_down, new_up) = _arms(old), _arms(new)
        difference = new["f1"] - old["f1"]
        # An F1 cannot change by more than 1, whatever two intervals together say
        lower = max(difference - hypot(new_down, old_up), -1.0)
        upper = min(difference + hypot(new_up, old_down), 1.0)
        evidence = min(max(_gold_entities(old), _gold_entities(new)), result["texts"])
        changes.append(_change(label, old["f1"], new["f1"], lower, upper, evidence))
    return changes


def _gold_entities(score: dict[str, Any]) -> int:
    entities: int = score["tp"] + score["fn"]
    return entities


def _arms(score: dict[str, Any]) -> tuple[float, float]:
    """Return how far the interval of an F1 reaches below and above it."""
    lower, upper = score["intervals"]["f1"]
    # A percentile interval can end short of the figure itself
    return max(score["f1"] - lower, 0.0), max(upper - score["f1"], 0.0)


def _change(
    label: str | None, before: float, after: float, lower: float, upper: float, evidence: int
) -> Change:
    return Change(
        label=label,
        before=round(float(before), 4),
        after=round(float(after), 4),
        points=round(100 * float(after - before), 2),
        interval=(round(100 * float(lower), 2), round(100 * float(upper), 2)),
        evidence=evidence,
    )


class _Score(TypedDict):
    tp: int
    fp: int
    fn: int
    precision: float
    recall: float
    f1: float


class _Intervals(TypedDict):
    precision: tuple[float, float]
    recall: tuple[float, float]
    f1: tuple[float, float]


class _ScoreWithIntervals(_Score):
    intervals: _Intervals


class _Result(TypedDict):
    """What is read of a result, here, by the reports and by the model card."""

    texts: int
    gold: str
    micro: _ScoreWithIntervals
    macro_precision: float
    macro_recall: float
    macro_f1: float
    per_label: dict[str, _ScoreWithIntervals]
    boundary: _Score
    type_accuracy: float | None
    overlap: _Score
    tokens: _Score | None
    candidate_recall: float | None
    errors: dict[str, int]
    by_novelty: NotRequired[dict[str, _Score] | None]


def read_result(path: str | Path) -> dict[str, Any]:
    """Read a result that ``catalog-ner evaluate -o`` wrote.

    Raises
    ------
    CatalogNERError
        If it is missing, something else, not whole, or of another format version.
    """
    path = require_file(path, "a result of `catalog-ner evaluate -o`")
    try:
        result = json.loads(path.read_text(encoding="utf8"))
    except ValueError as err:
        raise CatalogNERError(f"{path}: not JSON ({err})") from None
    version = result.get("format_version") if isinstance(result, dict) else None
    if version is not None and version != FORMAT_VERSION:
        raise CatalogNERError(
            f"{path}: result of format version {version}, expected {FORMAT_VERSION}; evaluate"
            " the system again"
        )
    what = f"{path}: not a result that `catalog-ner evaluate -o` wrote"
    if version is None:
        raise CatalogNERError(what)
    try:
        msgspec.convert(result, _Result)
    except msgspec.ValidationError as err:
        raise CatalogNERError(f"{what} ({err})") from None
    if missing := [kind for kind in KINDS if kind not in result["errors"]]:
        raise CatalogNERError(f"{what} (no errors of kind {missing[0]!r})")
    return dict(result)
