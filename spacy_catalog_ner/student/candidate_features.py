"""What a grounded student knows of a candidate besides the sentence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import srsly
from spacy.tokens import Doc, Span

from spacy_catalog_ner.calibration import Tallies
from spacy_catalog_ner.calibration.features import FEATURES, make_features
from spacy_catalog_ner.doc.candidates import candidate_rows
from spacy_catalog_ner.exemplars import Exemplar
from spacy_catalog_ner.exemplars.reading import make_exemplar

SHAPES = (
    "capitalised",  # share of its words that begin with a capital
    "cased text",  # 1 if a word of the text after the first begins with a capital
)
"""Columns that are added to `FEATURES`."""

_NAMES = ("name", "name_label")  # the tallies that know single names


class CandidateFeatures:
    """Describes candidates by how often names and labels were right in training texts.

    What a candidate competes with, and how it is written, is part of it too. The columns are
    those of `spacy_catalog_ner.calibration.features`, without retrieved exemplars, and `SHAPES`,
    brought to mean 0 and variance 1 over the training texts.

    Attributes
    ----------
    width
        Number of columns.
    """

    width = len(FEATURES) + len(SHAPES)

    def __init__(self) -> None:
        self._tallies = Tallies()
        self._mean = np.zeros(self.width)
        self._scale = np.ones(self.width)
        # Only while training: each training text is left out of what is known of it.
        self._counted: dict[str, list[Exemplar]] = {}

    def fit(
        self, texts: Sequence[tuple[Doc, Sequence[Span]]], rights: Sequence[Sequence[bool]]
    ) -> None:
        """Count training texts, and learn the scale of each column.

        Parameters
        ----------
        texts
            Training texts, each with its distinct candidates, of which there are some.
        rights
            For each text, which of them are right.
        """
        exemplars = [
            make_exemplar(doc, spans, right)
            for (doc, spans), right in zip(texts, rights, strict=True)
        ]
        self._tallies = Tallies(exemplars)
        counted = defaultdict(list)
        for exemplar in exemplars:
            counted[exemplar.text].append(exemplar)
        self._counted = dict(counted)
        self._mean, self._scale = np.zeros(self.width), np.ones(self.width)
        rows = np.concatenate([self.describe(*text, training=True) for text in texts])
        self._mean, scale = rows.mean(axis=0), rows.std(axis=0)
        self._scale = np.where(scale < 1e-6, 1.0, scale)  # a constant column, rounding aside

    def describe(
        self, doc: Doc, spans: Sequence[Span], *, training: bool = False, forget: bool = False
    ) -> np.ndarray:
        """Return a row for every candidate, shape (candidates, `width`), float32.

        Parameters
        ----------
        doc
            The text.
        spans
            Its distinct candidates.
        training
            The text is one of those counted: it is left out of the counts.
        forget
            Know nothing of single names, as if none of them had been seen in training.
        """
        if not spans:
            return np.zeros((0, self.width), dtype="float32")
        text = doc.text
        candidates = candidate_rows(spans)
        tallies = self._tallies.without(*_NAMES) if forget else self._tallies
        left_out = self._counted.get(text, ()) if training else ()
        known = make_features(text, candidates, (), tallies, left_out)
        rows = np.hstack([known, _shapes(doc, spans)])
        return np.asarray((rows - self._mean) / self._scale, dtype="float32")

    def to_bytes(self) -> bytes:
        """Serialise counts and scale."""
        data = {
            "tallies": self._tallies.to_bytes(),
            "mean": self._mean.tolist(),
            "scale": self._scale.tolist(),
        }
        return bytes(srsly.msgpack_dumps(data))

    def from_bytes(self, data: bytes) -> None:
        """Load what `to_bytes` gave."""
        parts: dict[str, Any] = srsly.msgpack_loads(data)
        self._tallies = Tallies.from_bytes(parts["tallies"])
        self._mean, self._scale = np.array(parts["mean"]), np.array(parts["scale"])
        self._counted = {}


def _shapes(doc: Doc, spans: Sequence[Span]) -> np.ndarray:
    capitals = np.array([token.text[0].isupper() for token in doc], dtype=float)
    cased = float(capitals[1:].any())
    return np.array([[capitals[span.start : span.end].mean(), cased] for span in spans])
