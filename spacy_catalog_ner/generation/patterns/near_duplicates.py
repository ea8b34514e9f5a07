"""Finding patterns that say nearly the same as an earlier one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.errors import CatalogNERError, MissingExtraError
from spacy_catalog_ner.exemplars.embedders import Embedder, embed
from spacy_catalog_ner.generation.patterns.pattern import PLACEHOLDER, Pattern

_BLOCK = 256  # patterns compared with all before them at once: bounds the memory
_FIRST_SYMBOL = 0xE000  # of those for private use, which no text has


class NearDuplicates:
    """Finds near-duplicates by edits and by meaning.

    Only patterns with the same placeholders are compared: "play <SONG>" and "play <ALBUM>" teach
    different things.

    Parameters
    ----------
    edit_similarity
        Normalised Levenshtein similarity from which on two are near-duplicates, more than 0 and at
        most 1; a placeholder counts as one character.
    cosine
        Cosine similarity of the embeddings from which on they are as well; 1 needs no embedder.
    embedder
        Embeds patterns, whose placeholders are then words.
    """

    def __init__(self, edit_similarity: float, cosine: float, embedder: Embedder | None) -> None:
        for name, value in (("edit similarity", edit_similarity), ("cosine", cosine)):
            if not 0 < value <= 1:
                raise CatalogNERError(f"{name}: expected more than 0 and at most 1, got {value}")
        self.edit_similarity = edit_similarity
        self.cosine = cosine
        self.embedder = embedder if cosine < 1 else None

    def find(
        self, patterns: Sequence[Pattern], on_done: Callable[[int], object] = lambda count: None
    ) -> dict[int, tuple[int, float]]:
        """Find the patterns that are near-duplicates of an earlier one that is not one itself.

        `on_done` is called with the number of patterns embedded since the last call.

        Returns
        -------
        dict
            For the position of each near-duplicate, the position of the most similar earlier
            pattern and the higher of the two similarities.
        """
        groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for position, pattern in enumerate(patterns):
            groups[tuple(sorted(pattern.labels))].append(position)
        symbols = [_as_symbols(pattern) for pattern in patterns]
        vectors = self._embed(patterns, on_done)
        found: dict[int, tuple[int, float]] = {}
        for group in groups.values():
            kept: list[int] = []
            for start in range(0, len(group), _BLOCK):
                block = group[start : start + _BLOCK]
                earlier = kept + block
                similarities = self._compare(block, earlier, symbols, vectors)
                is_kept = np.arange(len(earlier)) < len(kept)
                first = len(kept)
                for row, position in enumerate(block):
                    scores = np.where(is_kept, similarities[row], 0)
                    best = int(scores.argmax())
                    if scores[best] > 0:
                        found[position] = earlier[best], float(scores[best])
                    else:
                        is_kept[first + row] = True
                        kept.append(position)
        return found

    def _embed(
        self, patterns: Sequence[Pattern], on_done: Callable[[int], object]
    ) -> np.ndarray | None:
        if self.embedder is None or not patterns:
            return None
        blocks = []
        for start in range(0, len(patterns), _BLOCK):
            block = patterns[start : start + _BLOCK]
            vectors = embed(self.embedder, [_as_words(pattern) for pattern in block])
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            blocks.append(vectors / np.maximum(lengths, np.finfo(np.float32).tiny))
            on_done(len(block))
        return np.concatenate(blocks)

    def _compare(
        self,
        rows: Sequence[int],
        columns: Sequence[int],
        symbols: Sequence[str],
        vectors: np.ndarray | None,
    ) -> np.ndarray:
        """Return the higher of both similarities, 0 where neither reaches its threshold."""
        edits = _edit_similarities(
            [symbols[position] for position in rows],
            [symbols[position] for position in columns],
            self.edit_similarity,
        )
        if vectors is None:
            return edits
        cosines = vectors[rows] @ vectors[columns].T
        return np.maximum(edits, np.where(cosines >= self.cosine, cosines, 0))


def _edit_similarities(rows: list[str], columns: list[str], least: float) -> np.ndarray:
    try:
        from rapidfuzz.distance import Levenshtein
        from rapidfuzz.process import cdist
    except ImportError:
        raise MissingExtraError("Finding near-duplicates", "generation") from None
    # With a cutoff it gives up early on nearly all pairs
    scorer = Levenshtein.normalized_similarity
    return cdist(rows, columns, scorer=scorer, score_cutoff=least, dtype=np.float32)


def _as_symbols(pattern: Pattern) -> str:
    """Return the text with one character for each label: long labels make nothing alike."""
    symbols = {label: chr(_FIRST_SYMBOL + n) for n, label in enumerate(sorted(set(pattern.labels)))}
    # Normalised first: it folds labels too, which all have the same case by now
    parts = [normalize(literal) for literal in pattern.literals]
    labels = [symbols[label] for label in pattern.labels]
    return " ".join(
        part for pair in zip(parts, [*labels, ""], strict=True) for part in pair if part
    )


def _as_words(pattern: Pattern) -> str:
    return PLACEHOLDER.sub(lambda found: found[1].lower().replace("_", " "), pattern.text)
