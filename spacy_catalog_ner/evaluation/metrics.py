"""Figures of predictions against gold: exact and relaxed, overall, per label and by error."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec.structs import asdict

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.evaluation.alignment import (
    Key,
    Pair,
    Rows,
    align_rows,
    listed_keys,
    span_keys,
)
from spacy_catalog_ner.evaluation.breakdown import by_length, by_novelty, calibration
from spacy_catalog_ner.evaluation.intervals import bootstrap, macro_average, precision_recall_f1
from spacy_catalog_ner.evaluation.outcomes import (
    KINDS,
    RIGHT,
    Outcome,
    compare,
    count_confusion,
    pair_overlapping,
)
from spacy_catalog_ner.evaluation.result import (
    FORMAT_VERSION,
    Intervals,
    IntervalScore,
    Result,
    Score,
)
from spacy_catalog_ner.evaluation.stages import attribute, summarize_stages
from spacy_catalog_ner.io.row import Row

Tokenize = Callable[[str], list[tuple[int, int]]]


def evaluate_rows(
    predictions: Rows, gold: Rows, problems: Problems | None = None, **options: Any
) -> Result:
    """Compare predicted with gold rows: `align_rows`, then `evaluate_pairs`.

    Parameters
    ----------
    predictions, gold
        Annotated rows, in any order: `Row`, as JSONL has them, or (place, row).
    problems
        Receives what does not fit.
    options
        Those of `evaluate_pairs`.
    """
    pairs = align_rows(predictions, gold, Problems() if problems is None else problems)
    return evaluate_pairs(pairs, **options)


def evaluate_pairs(
    pairs: Sequence[Pair],
    *,
    samples: int = 1000,
    seed: int = 0,
    tokenize: Tokenize | None = None,
    train: Iterable[Row | Mapping[str, Any]] | None = None,
) -> Result:
    """Compute the figures of predictions against gold.

    Spans are sets of (start, end, label): they may overlap and share boundaries. On flat data the
    exact figures are those of seqeval in strict mode and of spaCy's ``Scorer``. A figure that
    divides by nothing is 0, as there.

    Parameters
    ----------
    pairs
        What `align_rows` returns.
    samples
        Resamples of the bootstrap over texts.
    seed
        Seed of the bootstrap.
    tokenize
        Returns the (start, end) of every token of a text; gives ``tokens``, and the lengths of
        ``by_length``.
    train
        Annotated rows of the training data; gives ``by_novelty``.

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
    micro_bounds, macro_bounds, label_bounds = _find_intervals(counts, samples, seed)
    macro = macro_average(counts.sum(axis=0)).round(4).tolist()
    tokens, lengths = (None, None) if tokenize is None else _score_tokens(pairs, tokenize)
    kinds = Counter(outcome.kind for outcome in outcomes)
    micro = Score.of(*counts.sum(axis=(0, 1)).tolist())
    scores = [Score.of(*row) for row in counts.sum(axis=0).tolist()]
    return Result(
        format_version=FORMAT_VERSION,
        texts=len(pairs),
        gold=_digest_gold(pairs),
        micro=IntervalScore(**asdict(micro), intervals=micro_bounds),
        macro_precision=macro[0],
        macro_recall=macro[1],
        macro_f1=macro[2],
        macro_f1_interval=macro_bounds,
        per_label={
            label: IntervalScore(**asdict(score), intervals=bounds)
            for label, score, bounds in zip(labels, scores, label_bounds, strict=True)
        },
        boundary=score_boundaries(pairs),
        type_accuracy=_round(measure_type_accuracy(pairs)),
        overlap=_score_overlap(outcomes),
        tokens=tokens,
        candidate_recall=_measure_candidate_recall(pairs),
        confusion=count_confusion(outcomes),
        errors={kind: kinds[kind] for kind in KINDS},
        stages=summarize_stages(attribute(pairs, outcomes), outcomes),
        by_length=by_length(pairs, outcomes, lengths),
        by_novelty=None if train is None else by_novelty(pairs, outcomes, train),
        calibration=calibration(pairs),
    )


def count_labels(outcomes: Sequence[Outcome], texts: int) -> tuple[list[str], np.ndarray]:
    """Return the labels, sorted, and how much of each was right, spurious, missed in each text.

    The counts have the shape (texts, labels, 3), and the narrowest type that holds them: one byte
    each as a rule, so that hundreds of labels are no trouble. Sums over texts do not overflow.
    """
    labels = sorted({span.label for outcome in outcomes for span in outcome[2:] if span})
    index = {label: 3 * position for position, label in enumerate(labels)}
    positions = []
    for text, kind, gold, predicted in outcomes:
        offset = text * 3 * len(labels)
        if gold is not None:
            positions.append(offset + index[gold.label] + (0 if kind == RIGHT else 2))
        if predicted is not None and kind != RIGHT:
            positions.append(offset + index[predicted.label] + 1)
    cells, times = np.unique(np.array(positions, dtype=np.int64), return_counts=True)
    counts = np.zeros(texts * 3 * len(labels), dtype=narrowest([times]))
    counts[cells] = times
    return labels, counts.reshape(texts, len(labels), 3)


def narrowest(counts: Iterable[np.ndarray]) -> np.dtype[Any]:
    """Return the narrowest type of whole numbers that holds all of these, none below 0."""
    return np.min_scalar_type(max(int(some.max(initial=0)) for some in counts))


def score_boundaries(pairs: Iterable[Pair]) -> Score:
    """Score (start, end) whatever the label."""
    return Score.of_sets((_boundaries(pair.predicted), _boundaries(pair.gold)) for pair in pairs)


def measure_type_accuracy(pairs: Iterable[Pair]) -> float | None:
    """Return the share of right labels among gold spans whose boundaries were predicted."""
    right = found = 0
    for _, predicted, gold in pairs:
        keys, boundaries = span_keys(predicted), _boundaries(predicted)
        for key in span_keys(gold):
            if key[:2] in boundaries:
                found += 1
                right += key in keys
    return right / found if found else None


def _boundaries(row: Row) -> set[tuple[int, int]]:
    return {(span.start, span.end) for span in row.spans or ()}


def _score_overlap(outcomes: Iterable[Outcome]) -> Score:
    """Count spans that share a character with one of the same label as right, one to one.

    The pairs are those of `pair_overlapping`, the best first, and not as many as possible.
    """
    tp = fp = fn = 0
    left: defaultdict[tuple[int, str], tuple[list[Key], list[Key]]] = defaultdict(lambda: ([], []))
    for text, kind, *spans in outcomes:
        if kind == RIGHT:
            tp += 1
            continue
        for number, span in enumerate(spans):
            if span is not None:
                left[text, span.label][number].append(span.key)
    for missed, spurious in left.values():
        found = len(pair_overlapping(missed, spurious))
        tp += found
        fn += len(missed) - found
        fp += len(spurious) - found
    return Score.of(tp, fp, fn)


def _score_tokens(pairs: Iterable[Pair], tokenize: Tokenize) -> tuple[Score, list[int]]:
    """Return the score and the number of tokens of each text."""
    labelled, lengths = [], []
    for _, predicted, gold in pairs:
        tokens = tokenize(gold.text)
        lengths.append(len(tokens))
        starts, ends = [start for start, _ in tokens], [end for _, end in tokens]
        found, wanted = (
            {
                (token, span.label)
                for span in row.spans or ()
                for token in range(bisect_right(ends, span.start), bisect_left(starts, span.end))
            }
            for row in (predicted, gold)
        )
        labelled.append((found, wanted))
    return Score.of_sets(labelled), lengths


def _digest_gold(pairs: Iterable[Pair]) -> str:
    rows = ([pair.gold.text, sorted(span_keys(pair.gold))] for pair in pairs)
    digests = sorted(hashlib.sha256(json.dumps(row).encode()).digest() for row in rows)
    return hashlib.sha256(b"".join(digests)).hexdigest()[:16]


def _measure_candidate_recall(pairs: Iterable[Pair]) -> float | None:
    answered = [pair for pair in pairs if "candidates" in pair.predicted.keys]
    sets = ((listed_keys(pair.predicted, "candidates"), span_keys(pair.gold)) for pair in answered)
    return Score.of_sets(sets).recall if answered else None


def _find_intervals(
    counts: np.ndarray, samples: int, seed: int
) -> tuple[Intervals, tuple[float, float], list[Intervals]]:
    """Return the bounds of the figures over all labels, of the macro F1 and of each label."""

    def measure(totals: np.ndarray) -> np.ndarray:
        micro = precision_recall_f1(totals.sum(axis=1))
        macro = macro_average(totals)[:, 2:]
        per_label = precision_recall_f1(totals).reshape(len(totals), -1)
        return np.concatenate([micro, macro, per_label], axis=1)

    bounds = bootstrap(counts, measure, samples=samples, seed=seed).round(4).tolist()
    micro, *per_label = (
        Intervals(*map(tuple, bounds[start : start + 3]))
        for start in (0, *range(4, len(bounds), 3))
    )
    return micro, (bounds[3][0], bounds[3][1]), per_label


def _round(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 4)
