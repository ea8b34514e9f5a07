"""How much utterances differ from each other."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence

SAMPLE = 1000
"""Utterances that diversity is measured on: both measures depend on how many there are."""

_ORDER = 4  # BLEU-4

Words = tuple[str, ...]


def measure_diversity(texts: Sequence[str], seed: int = 0) -> dict[str, float | int | None]:
    """Measure distinct n-grams and self-BLEU of a seeded sample of at most `SAMPLE` texts.

    Returns
    -------
    dict
        ``texts``, the size of the sample; ``distinct_1`` to ``distinct_3``; ``self_bleu``. Words
        are what stands between white space, in lower case. Figures are rounded to 4 decimals, and
        None where there are too few words.
    """
    if len(texts) > SAMPLE:
        texts = random.Random(f"{seed} diversity").sample(texts, SAMPLE)
    sentences = [text.lower().split() for text in texts]
    distinct = {f"distinct_{n}": distinct_ratio(sentences, n) for n in (1, 2, 3)}
    return {"texts": len(texts), **distinct, "self_bleu": self_bleu(sentences)}


def distinct_ratio(sentences: Sequence[Sequence[str]], n: int) -> float | None:
    """Return the share of n-grams that are different ones.

    Number of distinct n-grams divided by the number of n-grams of all sentences (Li et al. 2016,
    "A Diversity-Promoting Objective Function for Neural Conversation Models", section 5.3).
    """
    counts = Counter(gram for words in sentences for gram in _grams(words, n))
    return round(len(counts) / counts.total(), 4) if counts else None


def self_bleu(sentences: Sequence[Sequence[str]]) -> float | None:
    """Return the mean BLEU-4 of each sentence against all others: the lower, the more diverse.

    Self-BLEU is of Zhu et al. 2018, "Texygen: A Benchmarking Platform for Text Generation Models".
    BLEU is that of Papineni et al. 2002, "BLEU: a Method for Automatic Evaluation of Machine
    Translation", section 2: geometric mean of clipped n-gram precisions, times the brevity penalty
    against the reference nearest in length. For sentences, one is added to counts and totals of
    n-grams of two words and more (Lin and Och 2004, "ORANGE: a Method for Evaluating Automatic
    Evaluation Metrics for Machine Translation", section 4).
    """
    if len(sentences) < 2:
        return None
    counted = [[Counter(_grams(words, n)) for words in sentences] for n in range(1, _ORDER + 1)]
    best = [_highest_counts(counts) for counts in counted]
    lengths = Counter(map(len, sentences))
    scores = []
    for position, words in enumerate(sentences):
        logs = 0.0
        for order, (counts, highest) in enumerate(zip(counted, best, strict=True)):
            right = sum(
                min(count, highest[gram][highest[gram][2] == position])
                for gram, count in counts[position].items()
            )
            added = int(order > 0)
            total = max(len(words) - order, 0) + added
            logs += math.log((right + added) / total) if right + added else -math.inf
        penalty = _brevity_penalty(len(words), lengths)
        scores.append(penalty * math.exp(logs / _ORDER))
    return round(sum(scores) / len(scores), 4)


def _grams(words: Sequence[str], n: int) -> Iterator[Words]:
    return zip(*(words[start:] for start in range(n)), strict=False)


def _highest_counts(counts: Sequence[Counter[Words]]) -> dict[Words, tuple[int, int, int]]:
    """Return of each n-gram the highest and second highest count in a sentence, and whose it is.

    So the highest count among the *other* sentences is known for each at once.
    """
    highest: dict[Words, tuple[int, int, int]] = {}
    for position, counted in enumerate(counts):
        for gram, count in counted.items():
            first, second, owner = highest.get(gram, (0, 0, -1))
            if count > first:
                highest[gram] = (count, first, position)
            elif count > second:
                highest[gram] = (first, count, owner)
    return highest


def _brevity_penalty(length: int, lengths: Counter[int]) -> float:
    """Return the penalty of a sentence against all others, whose lengths are counted."""
    if not length:
        return 0.0
    others = (other for other, count in lengths.items() if count > (other == length))
    nearest = min(others, key=lambda other: (abs(other - length), other))
    return 1.0 if length >= nearest else math.exp(1 - nearest / length)
