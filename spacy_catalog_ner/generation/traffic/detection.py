"""Telling talk from commands by the words in it, with the words that speak for it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from spacy_catalog_ner.errors import require_share
from spacy_catalog_ner.generation.traffic.lexicon import END, START, Lexicon, iter_words, word_form


class Detection(NamedTuple):
    """How conversational a text is, 0 to 1, and the words that made each feature fire."""

    score: float
    features: dict[str, list[str]]


class ConversationDetector:
    """A rule-based classifier of utterances that explains every verdict.

    The score is ``1 / (1 + exp(-s))`` with ``s = bias + sum(weight * min(matches, up_to))`` over
    the features of the lexicon. A feature's matches are the longest phrases, from left to right,
    that do not overlap.

    Parameters
    ----------
    lexicon
        Features and their weights.
    threshold
        Score from which a text is conversational; that of the lexicon if None.

    Raises
    ------
    CatalogNERError
        If the threshold is not between 0 and 1.

    Examples
    --------
    >>> detect = ConversationDetector.load("en")
    >>> detect("play the, um, the other one").features["hesitation"]
    ['um']
    """

    def __init__(self, lexicon: Lexicon, threshold: float | None = None) -> None:
        self.lexicon = lexicon
        self.threshold = lexicon.threshold if threshold is None else threshold
        require_share("threshold", self.threshold)
        self._tree = _Node()
        for name, feature in lexicon.features.items():
            for phrase in feature.forms:
                node = self._tree
                for word in phrase:
                    node = node.next.setdefault(word, _Node())
                node.ends.append(name)

    @classmethod
    def load(cls, lexicon: str | Path, threshold: float | None = None) -> ConversationDetector:
        """Make one of a lexicon's file, or of one that comes with the package; see `Lexicon`."""
        return cls(Lexicon.load(lexicon), threshold)

    def __call__(self, text: str) -> Detection:
        """Return the score of a text, and the words that it comes from."""
        words = list(iter_words(text))
        if not words:
            return Detection(self._score({}), {})
        forms = [START, *(word_form(text[start:end]) for start, end in words), END]
        # The marks of the beginning and end of the text have no characters
        first, last = words[0][0], words[-1][1]
        bounds = [(first, first), *words, (last, last)]
        matches = self._find(forms)
        return Detection(
            self._score({name: len(spans) for name, spans in matches.items()}),
            {
                name: [text[bounds[start][0] : bounds[end - 1][1]] for start, end in matches[name]]
                for name in self.lexicon.features
                if name in matches
            },
        )

    def accepts(self, detection: Detection) -> bool:
        """Tell whether a text is conversational."""
        return detection.score >= self.threshold

    def _find(self, forms: list[str]) -> dict[str, list[tuple[int, int]]]:
        """Return first and one past the last word of each feature's matches."""
        found: dict[str, list[tuple[int, int]]] = {}
        for start in range(len(forms)):
            longest: dict[str, int] = {}
            node = self._tree
            end = start
            while end < len(forms) and (following := node.next.get(forms[end])):
                node, end = following, end + 1
                longest.update(dict.fromkeys(node.ends, end))
            for name, end in longest.items():
                spans = found.setdefault(name, [])
                if not spans or spans[-1][1] <= start:
                    spans.append((start, end))
        return found

    def _score(self, counts: dict[str, int]) -> float:
        features = self.lexicon.features
        total = self.lexicon.bias + sum(
            features[name].weight * min(count, features[name].up_to)
            for name, count in counts.items()
        )
        return round((1 + math.tanh(total / 2)) / 2, 4)  # as 1 / (1 + exp(-total)), any total


class _Node:
    """The words that follow in a tree of phrases, and the features whose phrases end here."""

    def __init__(self) -> None:
        self.next: dict[str, _Node] = {}
        self.ends: list[str] = []
