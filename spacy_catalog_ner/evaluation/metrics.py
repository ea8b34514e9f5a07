"""Figures of predictions against gold: exact and relaxed, overall, per label and by error."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.evaluation.alignment import Key, Pair, Row, align_rows, span_keys
from spacy_catalog_ner.evaluation.breakdown import by_length, by_novelty, calibration
from spacy_catalog_ner.evaluation.comparison import (
    KINDS,
    RIGHT,
    Outcome,
    compare,
    confusion,
    pair_overlapping,
)
from spacy_catalog_ner.evaluation.intervals import (
    bootstrap,
    macro_average,
    macro_f1,
    precision_recall_f1,
)
from spacy_catalog_ner.evaluation.score import Score
from spacy_catalog_ner.evaluation.stages import summarize_stages

Tokenize = Callable[[str], list[tuple[int, int]]]

FORMAT_VERSION = 1
_FIGURES = ("precision", "recall", "f1")


def evaluate_rows(
    predictions: Sequence[Row],
    gold: Sequence[Row],
    problems: Problems | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Compare predicted with gold rows: `align_rows`, then `evaluate_pairs`.

    Parameters
    ----------
    predictions, gold
        Annotated rows, in any order.
    problems
        Receives what does not fit.
    options
        Those of `evaluate_pairs`.

    Raises
    ------
    CatalogNERError
        As `align_rows` and `evaluate_pairs` do.
    """
    pairs = align_rows(predictions, gold, Problems() if problems is None else problems)
    return evaluate_pairs(pairs, **options)


def evaluate_pairs(
    pairs: Sequence[Pair],
    *,
    samples: int = 1000,
    seed: int = 0,
    tokenize: Tokenize | None = None,
    train: Iterable[Row] | None = None,
) -> dict[str, Any]:
    """Return the figures of predictions against gold, rounded to 4 decimals.

    Spans are sets of (start, end, label): they may overlap and share boundaries. On flat data the
    exact figures are those of seqeval in strict mode and of spaCy's ``Scorer``. A figure that
    divides by nothing is 0, as there.

    Parameters
    ----------
    pairs
        What `align_rows` gives.
    samples
        Resamples of the bootstrap over texts.
    seed
        Seed of the bootstrap.
    tokenize
        Returns the (start, end) of every token of a text; gives ``tokens``, and the lengths of
        ``by_length``.
    train
        Annotated rows of the training data; gives ``by_novelty``.

    Returns
    -------
    dict
        - ``format_version``, ``texts``
        - ``gold``: digest of the texts and their gold spans, whatever their order: 16 hexadecimal
          digits, the same only where the gold set is
        - ``micro``: ``tp``, ``fp``, ``fn``, ``precision``, ``recall``, ``f1`` over all spans,
          right if start, end and label are; ``intervals`` has the 95 % bounds of the three figures
        - ``macro_precision``, ``macro_recall``, ``macro_f1``: means over the labels that occur in
          gold; ``macro_f1_interval``
        - ``per_label``: as ``micro``, for each label of gold or predictions
        - ``boundary``: (start, end) whatever the label
        - ``type_accuracy``: of the gold spans whose boundaries were predicted, the share whose
          label was too; None if there are none
        - ``overlap``: spans of the same label that share a character, paired one to one and
          greedily as in `compare`: now and then another pairing would have one more
        - ``tokens``: (token, label), a token for each label of a span that it shares a character
          with; None without `tokenize`
        - ``candidate_recall``: share of gold among the candidates, the ceiling of what can be
          selected; None where no row has candidates
        - ``confusion`` and ``errors``: see `confusion` and `KINDS`
        - ``stages``: see `summarize_stages`
        - ``by_length``, ``by_novelty``, ``calibration``: see `breakdown`

    Raises
    ------
    CatalogNERError
        If there is no pair, or no sample is asked for.
    """
    if not pairs:
        raise CatalogNERError("no text to evaluate")
    if samples < 1:
        raise CatalogNERError(f"samples: expected a number above 0, got {samples}")
    outcomes = compare(pairs)
    labels, counts = count_labels(outcomes, len(pairs))
    micro, per_label = total_scores(labels, counts)
    macro = dict(zip(_FIGURES, macro_average(counts.sum(axis=0)).round(4).tolist(), strict=True))
    micro_bounds, macro_bounds, label_bounds = _intervals(counts, samples, seed)
    tokens, lengths = (None, None) if tokenize is None else _score_tokens(pairs, tokenize)
    kinds = Counter(outcome.kind for outcome in outcomes)
    return {
        "format_version": FORMAT_VERSION,
        "texts": len(pairs),
        "gold": _digest_gold(pairs),
        "micro": {**micro.to_dict(), "intervals": micro_bounds},
        "macro_precision": macro["precision"],
        "macro_recall": macro["recall"],
        "macro_f1": macro["f1"],
        "macro_f1_interval": macro_bounds,
        "per_label": {
            label: {**score.to_dict(), "intervals": bounds}
            for (label, score), bounds in zip(per_label.items(), label_bounds, strict=True)
        },
        "boundary": score_boundaries(pairs).to_dict(),
        "type_accuracy": _round(measure_type_accuracy(pairs)),
        "overlap": _score_overlap(outcomes).to_dict(),
        "tokens": None if tokens is None else tokens.to_dict(),
        "candidate_recall": _round(_measure_candidate_recall(pairs)),
        "confusion": confusion(outcomes),
        "errors": {kind: kinds[kind] for kind in KINDS},
        "stages": summarize_stages(pairs, outcomes),
        "by_length": by_length(pairs, lengths),
        "by_novelty": None if train is None else by_novelty(pairs, train),
        "calibration": calibration(pairs),
    }


def count_labels(outcomes: Sequence[Outcome], texts: int) -> tuple[list[str], np.ndarray]:
    """Return the labels, sorted, and how much of each was right, invented and missed in each text.

    The counts have the shape (texts, labels, 3), and the narrowest type that holds them: one byte
    each as a rule, so that hundreds of labels are no trouble. Sums over texts do not overflow.
    """
    labels = sorted({span["label"] for outcome in outcomes for span in outcome[2:] if span})
    index = {label: 3 * position for position, label in enumerate(labels)}
    positions = []
    for text, kind, gold, predicted in outcomes:
        offset = text * 3 * len(labels)
        if gold is not None:
            positions.append(offset + index[gold["label"]] + (0 if kind == RIGHT else 2))
        if predicted is not None and kind != RIGHT:
            positions.append(offset + index[predicted["label"]] + 1)
    cells, times = np.unique(np.array(positions, dtype=np.int64), return_counts=True)
    counts = np.zeros(texts * 3 * len(labels), dtype=narrowest([times]))
    counts[cells] = times
    return labels, counts.reshape(texts, len(labels), 3)


def narrowest(counts: Iterable[np.ndarray]) -> np.dtype[Any]:
    """Return the narrowest type of whole numbers that holds all of these, none below 0."""
    return np.min_scalar_type(max(int(some.max(initial=0)) for some in counts))


def total_scores(labels: Sequence[str], counts: np.ndarray) -> tuple[Score, dict[str, Score]]:
    """Return the score over all labels and that of each of what `count_labels` gives."""
    per_label = counts.sum(axis=0)
    scores = [Score(*row) for row in per_label.tolist()]
    return Score(*per_label.sum(axis=0).tolist()), dict(zip(labels, scores, strict=True))


def score_boundaries(pairs: Iterable[Pair]) -> Score:
    """Score (start, end) whatever the label."""
    score = Score()
    for _, predicted, gold in pairs:
        score.add(_boundaries(predicted["spans"]), _boundaries(gold["spans"]))
    return score


def measure_type_accuracy(pairs: Iterable[Pair]) -> float | None:
    """Return the share of right labels among gold spans whose boundaries were predicted."""
    right = found = 0
    for _, predicted, gold in pairs:
        keys, boundaries = span_keys(predicted["spans"]), _boundaries(predicted["spans"])
        for key in span_keys(gold["spans"]):
            if key[:2] in boundaries:
                found += 1
                right += key in keys
    return right / found if found else None


def _boundaries(spans: Sequence[Row]) -> set[tuple[int, int]]:
    return {(span["start"], span["end"]) for span in spans}


def _score_overlap(outcomes: Iterable[Outcome]) -> Score:
    """Count spans that share a character with one of the same label as right, one to one.

    The pairs are those of `pair_overlapping`, the best first, and not as many as possible.
    """
    score = Score()
    left: defaultdict[tuple[int, str], tuple[list[Key], list[Key]]] = defaultdict(lambda: ([], []))
    for text, kind, gold, predicted in outcomes:
        if kind == RIGHT:
            score.tp += 1
            continue
        for side, span in enumerate((gold, predicted)):
            if span is not None:
                label = span["label"]
                left[text, label][side].append((span["start"], span["end"], label))
    for missed, invented in left.values():
        found = len(pair_overlapping(missed, invented))
        score.tp += found
        score.fn += len(missed) - found
        score.fp += len(invented) - found
    return score


def _score_tokens(pairs: Iterable[Pair], tokenize: Tokenize) -> tuple[Score, list[int]]:
    """Return the score and the number of tokens of each text."""
    score, lengths = Score(), []
    for _, predicted, gold in pairs:
        tokens = tokenize(gold["text"])
        lengths.append(len(tokens))
        starts, ends = [start for start, _ in tokens], [end for _, end in tokens]
        labelled: list[set[tuple[int, str]]] = [
            {
                (token, span["label"])
                for span in row["spans"]
                for token in range(
                    bisect_right(ends, span["start"]), bisect_left(starts, span["end"])
                )
            }
            for row in (predicted, gold)
        ]
        score.add(*labelled)
    return score, lengths


def _digest_gold(pairs: Iterable[Pair]) -> str:
    rows = ([pair.gold["text"], sorted(span_keys(pair.gold["spans"]))] for pair in pairs)
    digests = sorted(hashlib.sha256(json.dumps(row).encode()).digest() for row in rows)
    return hashlib.sha256(b"".join(digests)).hexdigest()[:16]


def _measure_candidate_recall(pairs: Sequence[Pair]) -> float | None:
    if not any("candidates" in predicted for _, predicted, _ in pairs):
        return None
    score = Score()
    for _, predicted, gold in pairs:
        if "candidates" in predicted:  # a text that was not answered has none
            score.add(span_keys(predicted["candidates"]), span_keys(gold["spans"]))
    return score.recall


def _intervals(
    counts: np.ndarray, samples: int, seed: int
) -> tuple[dict[str, list[float]], list[float], list[dict[str, list[float]]]]:
    """Return the bounds of the figures over all labels, of the macro F1 and of each label."""

    def measure(totals: np.ndarray) -> np.ndarray:
        micro = precision_recall_f1(totals.sum(axis=1))
        macro = macro_f1(totals)[:, None]
        per_label = precision_recall_f1(totals).reshape(len(totals), -1)
        return np.concatenate([micro, macro, per_label], axis=1)

    bounds = bootstrap(counts, measure, samples=samples, seed=seed).round(4).tolist()
    micro, *per_label = (
        dict(zip(_FIGURES, bounds[start : start + 3], strict=True))
        for start in (0, *range(4, len(bounds), 3))
    )
    return micro, bounds[3], per_label


def _round(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 4)
