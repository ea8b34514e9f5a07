"""Whose turn it is: balancing utterances by pattern and by entity type."""

from __future__ import annotations

import random
from collections.abc import Iterable

from spacy_catalog_ner.generation.patterns.pattern import Pattern


class Turns:
    """Gives patterns in rounds.

    A round has every pattern once, those with the label that is rarest so far first, so that the
    last round, which may be cut short, helps the rare labels. Patterns with a label that has fewer
    than half the mentions of the average label have a second turn in the round. A pattern without
    placeholders makes one utterance and is then done.

    Parameters
    ----------
    patterns
        The patterns.
    chooser
        Shuffles them once.
    """

    def __init__(self, patterns: Iterable[Pattern], chooser: random.Random) -> None:
        self._patterns = list(patterns)
        chooser.shuffle(self._patterns)
        labels = (label for pattern in self._patterns for label in pattern.labels)
        self._mentions = dict.fromkeys(labels, 0)

    def next_round(self) -> list[Pattern]:
        """Return the patterns of a round in their order; none if all of them are done."""
        average = sum(self._mentions.values()) / max(len(self._mentions), 1)
        turns = sorted(self._patterns, key=self._rarest)  # stable: the shuffle decides on equals
        again = [p for p in turns if p.labels and self._rarest(p) < average / 2]
        return turns + again

    def count(self, pattern: Pattern) -> None:
        """Count an utterance that a pattern gave."""
        for label in pattern.labels:
            self._mentions[label] += 1
        if not pattern.labels:
            self.drop(pattern)

    def drop(self, pattern: Pattern) -> None:
        """Leave a pattern out from now on: it gives nothing more."""
        self._patterns = [other for other in self._patterns if other.id != pattern.id]

    def _rarest(self, pattern: Pattern) -> int:
        return min(map(self._mentions.__getitem__, pattern.labels), default=0)
