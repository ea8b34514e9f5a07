"""Scores by kind of text and of name, and how far confidences can be trusted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec.structs import asdict

from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.evaluation.alignment import Pair, span_keys
from spacy_catalog_ner.evaluation.outcomes import Outcome, score_by
from spacy_catalog_ner.evaluation.result import LengthScore, Reliability, ReliabilityBin, Score
from spacy_catalog_ner.io.row import Row, RowSpan

LENGTHS = ((1, 4), (5, 8), (9, 16), (17, None))
_NOTHING = Score.of(0, 0, 0)


def by_length(
    pairs: Sequence[Pair], outcomes: Iterable[Outcome], lengths: Sequence[int] | None = None
) -> list[LengthScore]:
    """Score short and long texts apart, for each range of `LENGTHS` that has a text.

    `lengths` are the numbers of tokens of the texts. By default words between white space are
    counted, which say nothing in languages that are written without.
    """
    if lengths is None:
        lengths = [len(pair.gold.text.split()) for pair in pairs]
    parts = [sum(first <= length for first, _ in LENGTHS) - 1 for length in lengths]
    scores = score_by(outcomes, lambda pair, span: parts[pair])
    return [
        LengthScore(**asdict(scores.get(part, _NOTHING)), first=first, last=last, texts=texts)
        for part, (first, last) in enumerate(LENGTHS)
        if (texts := parts.count(part))
    ]


def by_novelty(
    pairs: Sequence[Pair], outcomes: Iterable[Outcome], train: Iterable[Row | Mapping[str, Any]]
) -> dict[str, Score]:
    """Score entities that training had (``seen``) and those that it had not (``unseen``) apart.

    An entity was seen if the same text, in the catalog's normal form, has the same label
    somewhere in training. Predicted spans are told apart in the same way as gold ones.
    """

    def name(text: str, span: RowSpan) -> tuple[str, str]:
        return normalize(text[span.start : span.end]), span.label

    known = {name(row.text, span) for row in map(Row.from_dict, train) for span in row.spans or ()}
    scores = score_by(outcomes, lambda pair, span: name(pairs[pair].gold.text, span) in known)
    return {"seen": scores.get(True, _NOTHING), "unseen": scores.get(False, _NOTHING)}


def calibration(pairs: Iterable[Pair], bins: int = 10) -> Reliability | None:
    """Do as `reliability` for the scores of predicted spans; None where there are none.

    Spans without a score, or with one that is no probability, are left out.
    """
    scored = [
        (span.score, span.key in gold)
        for pair in pairs
        for gold in [span_keys(pair.gold)]
        for span in pair.predicted.spans or ()
        if span.score is not None and 0 <= span.score <= 1
    ]
    if not scored:
        return None
    confidence, right = np.array(scored, dtype=float).T
    return reliability(confidence, right, bins)


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = 10) -> Reliability:
    """Compare confidences with how often they are right, both of shape (spans,).

    Spans are sorted into bins of equal width. The expected calibration error is the mean over bins
    of ``|accuracy - confidence|``, weighted by their spans: 0 if of the spans with confidence 0.8
    four in five are right (Guo et al. 2017, "On Calibration of Modern Neural Networks", equation
    3, https://arxiv.org/abs/1706.04599; after Naeini et al. 2015).
    """
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    rows = []
    error = 0.0
    for place in np.unique(places).tolist():
        inside = places == place
        mean, accuracy = float(confidence[inside].mean()), float(right[inside].mean())
        error += float(inside.mean()) * abs(accuracy - mean)
        limits = round(place / bins, 4), round((place + 1) / bins, 4)
        count = int(inside.sum())
        rows.append(ReliabilityBin(*limits, count, round(mean, 4), round(accuracy, 4)))
    return Reliability(rows, round(error, 4))
