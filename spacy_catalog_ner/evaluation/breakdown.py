"""Scores by kind of text and of name, and how far confidences can be trusted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.evaluation.alignment import Pair, Row, span_keys
from spacy_catalog_ner.evaluation.score import Score

LENGTHS = ((1, 4), (5, 8), (9, 16), (17, None))


def by_length(pairs: Sequence[Pair], lengths: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """Score short and long texts apart.

    Parameters
    ----------
    pairs
        What to score.
    lengths
        Number of tokens of each text. By default its words between white space, which say nothing
        in languages that are written without.

    Returns
    -------
    list of dict
        For each range of `LENGTHS` that has a text: ``from`` and ``to`` (inclusive; None: no
        limit), ``texts``, and the counts and figures of a `Score`.
    """
    rows = []
    if lengths is None:
        lengths = [len(pair.gold["text"].split()) for pair in pairs]
    for first, last in LENGTHS:
        score, texts = Score(), 0
        for pair, length in zip(pairs, lengths, strict=True):
            if first <= length and (last is None or length <= last):
                score.add(span_keys(pair.predicted["spans"]), span_keys(pair.gold["spans"]))
                texts += 1
        if texts:
            rows.append({"from": first, "to": last, "texts": texts, **score.to_dict()})
    return rows


def by_novelty(pairs: Sequence[Pair], train: Iterable[Row]) -> dict[str, dict[str, Any]]:
    """Score entities that training had and those that it had not apart.

    An entity was seen if the same text, in the catalog's normal form, has the same label
    somewhere in training. Predicted spans are told apart in the same way as gold ones.

    Parameters
    ----------
    pairs
        What to score.
    train
        Annotated rows that the system learned from.

    Returns
    -------
    dict
        ``seen`` and ``unseen``, each with the counts and figures of a `Score`.
    """
    known = {name for row in train for name in _names(row).values()}
    scores = {"seen": Score(), "unseen": Score()}
    for pair in pairs:
        names = _names(pair.gold) | _names(pair.predicted)
        seen = {key for key, name in names.items() if name in known}
        predicted, gold = span_keys(pair.predicted["spans"]), span_keys(pair.gold["spans"])
        scores["seen"].add(predicted & seen, gold & seen)
        scores["unseen"].add(predicted - seen, gold - seen)
    return {novelty: score.to_dict() for novelty, score in scores.items()}


def _names(row: Row) -> dict[tuple[int, int, str], tuple[str, str]]:
    """Return (normal form, label) of each span."""
    return {
        (start, end, label): (normalize(row["text"][start:end]), label)
        for start, end, label in span_keys(row["spans"])
    }


def calibration(pairs: Sequence[Pair], bins: int = 10) -> dict[str, Any] | None:
    """Compare the confidence of predicted spans with how often they are right.

    Spans are sorted into bins of equal width by their ``score``. The expected calibration error is
    the mean over bins of ``|accuracy - confidence|``, weighted by their spans: 0 if of the spans
    with confidence 0.8 four in five are right (Guo et al. 2017, "On Calibration of Modern Neural
    Networks", equation 3, https://arxiv.org/abs/1706.04599; after Naeini et al. 2015).

    Parameters
    ----------
    pairs
        What to measure. Spans without a score, or with one that is no probability, are left out.
    bins
        Number of bins.

    Returns
    -------
    dict or None
        ``bins``, those that have spans: ``from`` and ``to``, number of ``spans``, their mean
        ``confidence`` and their ``accuracy``, the share that is in gold; and
        ``expected_calibration_error``. None where no span has a score.
    """
    scored = [
        (span["score"], (span["start"], span["end"], span["label"]) in gold)
        for pair in pairs
        for gold in [span_keys(pair.gold["spans"])]
        for span in pair.predicted["spans"]
        if 0 <= span.get("score", -1) <= 1
    ]
    if not scored:
        return None
    confidence, right = np.array(scored, dtype=float).T
    return reliability(confidence, right, bins)


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = 10) -> dict[str, Any]:
    """Do as `calibration` for confidences and whether each was right, both of shape (spans,)."""
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    rows = []
    error = 0.0
    for place in np.unique(places).tolist():
        inside = places == place
        mean, accuracy = confidence[inside].mean(), right[inside].mean()
        error += inside.mean() * abs(accuracy - mean)
        rows.append(
            {
                "from": round(place / bins, 4),
                "to": round((place + 1) / bins, 4),
                "spans": int(inside.sum()),
                "confidence": round(float(mean), 4),
                "accuracy": round(float(accuracy), 4),
            }
        )
    return {"bins": rows, "expected_calibration_error": round(float(error), 4)}
