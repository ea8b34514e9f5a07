"""Whether a system got worse, and whether that is more than chance."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import hypot
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.evaluation.alignment import Pair
from spacy_catalog_ner.evaluation.comparison import compare
from spacy_catalog_ner.evaluation.intervals import bootstrap, precision_recall_f1
from spacy_catalog_ner.evaluation.metrics import FORMAT_VERSION, count_labels
from spacy_catalog_ner.files import require_file

_NOTHING = {"f1": 0.0, "intervals": {"f1": [0.0, 0.0]}}  # of a label that nobody names any more


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
    """

    label: str | None
    before: float
    after: float
    points: float
    interval: tuple[float, float]

    @property
    def is_loss(self) -> bool:
        """Whether it fell for sure: the whole interval is below 0."""
        return self.interval[1] < 0

    def to_dict(self) -> dict[str, Any]:
        """Return all but the label, and ``is_loss``, for JSON."""
        figures = self._asdict()
        del figures["label"]
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
    # Whole numbers of shape (texts, systems, micro and labels, 3)
    counts = np.zeros((len(pairs), 2, 1 + len(names), 3), dtype=np.int64)
    for system, (labels, of_labels) in enumerate(both):
        counts[:, system, 0] = of_labels.sum(axis=1)
        counts[:, system, [1 + names.index(label) for label in labels]] = of_labels

    def differences(totals: np.ndarray) -> np.ndarray:
        f1: np.ndarray = precision_recall_f1(totals)[..., 2]
        return f1[..., 1, :] - f1[..., 0, :]

    before, after = precision_recall_f1(counts.sum(axis=0))[..., 2]
    intervals = bootstrap(counts, differences, samples=samples, seed=seed)
    return [
        _change(label, *figures)
        for label, *figures in zip([None, *names], before, after, *intervals.T, strict=True)
    ]


def compare_results(result: dict[str, Any], baseline: dict[str, Any]) -> list[Change]:
    """Compare the F1 of two results of the same gold set, as `compare_pairs` does.

    Without the predictions an interval of the difference is made of those of the two figures.
    Their half-widths add in squares, as the errors of independent normal variables do:
    ``difference +- sqrt(half_width_before ** 2 + half_width_after ** 2)``. Two systems on the same
    texts are not independent but mostly right and wrong together, so that this interval is too
    wide rather than too narrow: it calls some losses noise that `compare_pairs` finds. A label
    that one of them does not have counts as an F1 of 0 there.

    Parameters
    ----------
    result, baseline
        What `spacy_catalog_ner.evaluation.metrics.evaluate_pairs` gives.

    Raises
    ------
    CatalogNERError
        If the two are of another number of texts or of gold entities.
    """
    sizes = [(of["texts"], of["micro"]["tp"] + of["micro"]["fn"]) for of in (baseline, result)]
    if sizes[0] != sizes[1]:
        (old_texts, old_entities), (texts, entities) = sizes
        raise CatalogNERError(
            f"measured on another gold set, {old_texts} texts with {old_entities} entities; this"
            f" one has {texts} with {entities}. Evaluate the baseline's predictions on this one"
        )
    changes = []
    for label in [None, *sorted({*baseline["per_label"], *result["per_label"]})]:
        old, new = (
            of["micro"] if label is None else of["per_label"].get(label, _NOTHING)
            for of in (baseline, result)
        )
        half_width = hypot(*(np.ptp(of["intervals"]["f1"]) / 2 for of in (old, new)))
        difference = new["f1"] - old["f1"]
        # An F1 cannot change by more than 1, whatever the sum of two intervals says
        bounds = (max(difference - half_width, -1.0), min(difference + half_width, 1.0))
        changes.append(_change(label, old["f1"], new["f1"], *bounds))
    return changes


def _change(label: str | None, before: float, after: float, lower: float, upper: float) -> Change:
    return Change(
        label=label,
        before=round(float(before), 4),
        after=round(float(after), 4),
        points=round(100 * float(after - before), 2),
        interval=(round(100 * float(lower), 2), round(100 * float(upper), 2)),
    )


def read_result(path: str | Path) -> dict[str, Any]:
    """Read a result that ``catalog-ner evaluate -o`` wrote.

    Raises
    ------
    CatalogNERError
        If it is missing, something else, or of another format version.
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
    try:
        figures = [result["micro"], *result["per_label"].values()]
        counts = [result["texts"], figures[0]["tp"], figures[0]["fn"]]
        numbers = [n for of in figures for n in (of["f1"], *of["intervals"]["f1"])]
        usable = all(isinstance(n, int | float) for n in counts + numbers)
    except (KeyError, TypeError, AttributeError):
        usable = False
    if version is None or not usable:
        raise CatalogNERError(f"{path}: not a result that `catalog-ner evaluate -o` wrote")
    return dict(result)
