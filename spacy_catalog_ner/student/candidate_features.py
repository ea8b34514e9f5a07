"""Features of a candidate that a grounded student uses besides the sentence."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from spacy.tokens import Doc, Span

from spacy_catalog_ner.calibration import Tallies
from spacy_catalog_ner.calibration.features import FEATURES, make_features
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.exemplars import Exemplar
from spacy_catalog_ner.exemplars.exemplar import make_candidates
from spacy_catalog_ner.exemplars.reading import make_exemplar

SHAPES = (
    "capitalised",  # share of its words that begin with a capital
    "cased text",  # 1 if a word of the text after the first begins with a capital
)
"""Columns that are added to `FEATURES`."""

_NAMES = ("name", "name_label")  # the tallies that know single names


class _Saved(msgspec.Struct):
    tallies: bytes
    mean: list[float]
    scale: list[float]


class CandidateFeatures:
    """Describes candidates by how often their names and labels were right in training texts.

    The columns are those of `spacy_catalog_ner.calibration.features`, without retrieved exemplars,
    and `SHAPES`, scaled to mean 0 and variance 1 over the training texts.
    """

    width = len(FEATURES) + len(SHAPES)  # columns

    def __init__(self) -> None:
        self._tallies = Tallies()
        self._mean = np.zeros(self.width)
        self._scale = np.ones(self.width)
        # Only while training: each training text is left out of its own counts
        self._counted: dict[str, list[Exemplar]] = {}

    def fit(
        self, texts: Sequence[tuple[Doc, Sequence[Span]]], rights: Sequence[Sequence[bool]]
    ) -> None:
        """Count the candidates of training texts and the right ones, and scale each column."""
        exemplars = [
            make_exemplar(doc, spans, right)
            for (doc, spans), right in zip(texts, rights, strict=True)
        ]
        self._tallies = Tallies(exemplars)
        self._counted = {}
        for exemplar in exemplars:
            self._counted.setdefault(exemplar.text, []).append(exemplar)
        self._mean, self._scale = np.zeros(self.width), np.ones(self.width)
        rows = np.concatenate([self.describe(*text, training=True) for text in texts])
        self._mean, scale = rows.mean(axis=0), rows.std(axis=0)
        self._scale = np.where(scale < 1e-6, 1.0, scale)  # a constant column, rounding aside

    def describe(
        self, doc: Doc, spans: Sequence[Span], *, training: bool = False, forget: bool = False
    ) -> np.ndarray:
        """Return a row for every distinct candidate of a Doc, shape (candidates, `width`), float32.

        A text of `training` is left out of the counts. `forget` hides the counts of single names,
        as if training had none of them.
        """
        if not spans:
            return np.zeros((0, self.width), dtype="float32")
        tallies = self._tallies.without(*_NAMES) if forget else self._tallies
        left_out = self._counted.get(doc.text, ()) if training else ()
        known = make_features(doc.text, make_candidates(spans), (), tallies, left_out)
        rows = np.hstack([known, _shapes(doc, spans)])
        return np.asarray((rows - self._mean) / self._scale, dtype="float32")

    def to_bytes(self) -> bytes:
        """Serialise counts and scale."""
        mean, scale = self._mean.tolist(), self._scale.tolist()
        return msgspec.msgpack.encode(_Saved(self._tallies.to_bytes(), mean, scale))

    def from_bytes(self, data: bytes) -> None:
        """Load what `to_bytes` gave."""
        try:
            saved = msgspec.msgpack.decode(data, type=_Saved)
        except msgspec.MsgspecError as err:
            raise CatalogNERError(f"broken features of a student ({err}); train it again") from None
        self._tallies = Tallies.from_bytes(saved.tallies)
        self._mean, self._scale = np.array(saved.mean), np.array(saved.scale)
        self._counted = {}


def _shapes(doc: Doc, spans: Sequence[Span]) -> np.ndarray:
    capitals = np.array([token.text[0].isupper() for token in doc], dtype=float)
    cased = float(capitals[1:].any())
    return np.array([[capitals[span.start : span.end].mean(), cased] for span in spans])
