"""Fitting a calibration on exemplars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spacy_catalog_ner.calibration.calibration import (
    VERDICT_FEATURES,
    Calibration,
    Measure,
    Report,
    VerdictReport,
)
from spacy_catalog_ner.calibration.features import FEATURES, log_odds
from spacy_catalog_ner.calibration.logistic import LogisticModel, sigmoid
from spacy_catalog_ner.calibration.tallies import Tallies
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.evaluation.breakdown import reliability

_FOLDS = 5


@dataclass(frozen=True)
class Sample:
    """The candidates of an exemplar, as the pipeline sees them.

    Attributes
    ----------
    features
        Shape (candidates, `FEATURES`), the exemplar left out of the counts.
    right
        Which candidates are right.
    verdicts
        The LLM's probability of yes for each, None where it gave none; None if it was not asked.
    """

    features: np.ndarray
    right: Sequence[bool]
    verdicts: Sequence[float | None] | None = None


def fit_calibration(samples: Sequence[Sample], tallies: Tallies) -> Calibration:
    """Fit both regressions, and measure them on exemplars that they were not fitted on.

    The first regression is fitted on all samples, the second on those with verdicts. For the
    second, the log-odds of the first are those of a regression fitted without the sample's fold.
    `tallies` are the counts of all exemplars.

    Raises
    ------
    CatalogNERError
        If there are too few samples.
    MissingExtraError
        If scikit-learn is not installed.
    """
    samples = [sample for sample in samples if sample.right]
    rights = np.array([right for sample in samples for right in sample.right], dtype=bool)
    if len(samples) < 2 * _FOLDS or rights.all() or not rights.any():
        raise CatalogNERError(
            f"cannot calibrate on {len(samples)} exemplars with {len(rights)} candidates,"
            f" {int(rights.sum())} of them right: expected at least {2 * _FOLDS} with candidates,"
            " right ones and wrong ones"
        )
    rows = np.concatenate([sample.features for sample in samples])
    # All candidates of a text are in one fold, because they are not independent
    folds = np.repeat(np.arange(len(samples)) % _FOLDS, [len(s.right) for s in samples])
    known = LogisticModel.fit(FEATURES, rows, rights)
    known_odds = _predict_out_of_fold(FEATURES, rows, rights, folds)

    said = [v for s in samples for v in (s.verdicts or [None] * len(s.right))]
    verdicts = np.array([np.nan if verdict is None else log_odds(verdict) for verdict in said])
    asked = ~np.isnan(verdicts)
    judged = verdict_report = None
    if rights[asked].any() and not rights[asked].all():
        pairs = np.stack([known_odds, verdicts], axis=1)[asked]
        judged = LogisticModel.fit(VERDICT_FEATURES, pairs, rights[asked])
        odds = _predict_out_of_fold(VERDICT_FEATURES, pairs, rights[asked], folds[asked])
        verdict_report = VerdictReport(
            candidates=int(asked.sum()),
            known=measure(sigmoid(known_odds[asked]), rights[asked]),
            verdict=measure(sigmoid(verdicts[asked]), rights[asked]),
            judged=measure(sigmoid(odds), rights[asked]),
        )
    report = Report(len(samples), len(rights), measure(sigmoid(known_odds), rights), verdict_report)
    return Calibration(tallies, known, judged, report)


def measure(confidences: np.ndarray, right: np.ndarray) -> Measure:
    """Compare confidences with whether each candidate was right."""
    chosen = confidences >= 0.5
    hits = int((chosen & right).sum())
    return Measure(
        f1=round(2 * hits / max(1, int(chosen.sum() + right.sum())), 4),
        brier=round(float(np.mean((confidences - right) ** 2)), 4),
        reliability=reliability(confidences, right),
    )


def _predict_out_of_fold(
    features: Sequence[str], rows: np.ndarray, right: np.ndarray, folds: np.ndarray
) -> np.ndarray:
    """Return the log-odds of every row by a regression that was fitted without its fold."""
    odds = np.empty(len(right))
    for fold in range(_FOLDS):
        inside = folds == fold
        fitted = ~inside
        if not right[fitted].any() or right[fitted].all():
            fitted = np.ones_like(inside)  # very few samples: rather a regression over all
        model = LogisticModel.fit(features, rows[fitted], right[fitted])
        odds[inside] = model.log_odds(rows[inside])
    return odds
