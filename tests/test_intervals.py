"""Bootstrap intervals over texts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_catalog_ner.evaluation import Score, intervals
from spacy_catalog_ner.evaluation.intervals import bootstrap, macro_average, precision_recall_f1


def f1(totals: np.ndarray) -> np.ndarray:
    return precision_recall_f1(totals)[..., 2:]


def random_counts(texts: int, seed: int = 0) -> np.ndarray:
    """Right, spurious and missed of each text; recall about 0.8, precision about 0.9."""
    random = np.random.default_rng(seed)
    gold = random.integers(0, 4, texts)
    right = random.binomial(gold, 0.8)
    return np.stack([right, random.binomial(1, 0.13, texts), gold - right], axis=1)


def test_the_same_seed_gives_the_same_interval():
    counts = random_counts(200)
    one, same, other = (bootstrap(counts, f1, seed=seed).tolist() for seed in (1, 1, 2))
    assert one == same != other


def test_the_order_of_the_texts_changes_nothing():
    counts = random_counts(200)
    assert bootstrap(counts[::-1], f1).tolist() == bootstrap(counts, f1).tolist()


def test_equal_texts_leave_no_doubt():
    assert bootstrap(np.tile([1, 1, 1], (50, 1)), f1).tolist() == [[0.5, 0.5]]


def test_more_texts_give_a_narrower_interval():
    widths = [np.ptp(bootstrap(random_counts(texts), f1)) for texts in (50, 500, 5000)]
    assert widths[0] > 2 * widths[1] > 4 * widths[2] > 0


def test_every_resample_has_as_many_texts():
    counts = np.concatenate([random_counts(100), np.ones((100, 1), dtype=int)], axis=1)
    assert bootstrap(counts, lambda totals: totals[:, 3:]).tolist() == [[100, 100]]


def test_the_interval_is_that_of_drawing_texts_with_replacement():
    counts = random_counts(120)
    random = np.random.default_rng(7)
    drawn = counts[random.integers(0, 120, (20_000, 120))].sum(axis=1)
    expected = np.percentile(f1(drawn)[:, 0], [2.5, 97.5])
    (interval,) = bootstrap(counts, f1, samples=20_000)
    assert interval == pytest.approx(expected, abs=0.002)


def test_neither_blocks_nor_narrow_counts_change_the_interval(monkeypatch):
    counts = random_counts(500)
    expected = bootstrap(counts, f1).tolist()
    monkeypatch.setattr(intervals, "_CELLS", 10)  # three rows at a time
    assert bootstrap(counts.astype(np.uint8), f1).tolist() == expected


def test_about_95_in_100_intervals_hold_the_true_recall():
    def recall(totals: np.ndarray) -> np.ndarray:
        return precision_recall_f1(totals)[:, 1:2]

    bounds = [bootstrap(random_counts(200, seed), recall, samples=400)[0] for seed in range(300)]
    assert 0.91 <= np.mean([low <= 0.8 <= high for low, high in bounds]) <= 0.98


@given(tp=st.integers(0, 9), fp=st.integers(0, 9), fn=st.integers(0, 9))
def test_figures_of_arrays_are_those_of_a_score(tp, fp, fn):
    score = Score.of(tp, fp, fn)
    figures = precision_recall_f1(np.array([tp, fp, fn])).round(4).tolist()
    assert figures == [score.precision, score.recall, score.f1]


COUNTS = st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=5)


@settings(deadline=None)
@given(counts=COUNTS)
def test_the_macro_f1_is_the_mean_over_labels_in_gold(counts):
    scores = [Score.of(*row) for row in counts]
    in_gold = [score.f1 for score in scores if score.gold]
    expected = sum(in_gold) / len(in_gold) if in_gold else 0
    assert macro_average(np.array(counts))[2] == pytest.approx(expected, abs=1e-4)
