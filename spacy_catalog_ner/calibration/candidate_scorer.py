"""What the components that score candidates have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import numpy as np
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span

from spacy_catalog_ner.calibration import Calibration, Tallies
from spacy_catalog_ner.calibration.features import make_features
from spacy_catalog_ner.doc.candidates import distinct_candidates, write_selection
from spacy_catalog_ner.doc.record import CANDIDATES, span_key
from spacy_catalog_ner.errors import CatalogNERError, require_share
from spacy_catalog_ner.exemplars import Exemplar
from spacy_catalog_ner.exemplars.exemplar import make_candidates

Knowledge = TypeVar("Knowledge", Calibration, Tallies)


class CandidateScorer(Pipe, Generic[Knowledge]):
    """Gives every candidate a confidence and selects those that reach a threshold.

    The confidences of all candidates are ``doc.spans["candidates"].attrs["scores"]``; the
    candidates selected go to ``doc.spans["selected"]`` with theirs.

    It scores by `source`, which may be a folder: that is read at first use (see `CatalogMatcher`).
    """

    _setting: str  # of the config, with the folder
    _command: str  # that makes the folder
    _type: type[Knowledge]

    def __init__(self, name: str, threshold: float, source: str | Path | Knowledge | None) -> None:
        require_share("threshold", threshold)
        self.name = name
        self.threshold = threshold
        self._source: str | Path | Knowledge | None = source

    @abstractmethod
    def _confidences(self, doc: Doc, spans: Sequence[Span]) -> np.ndarray:
        """Return the confidence of each of the distinct candidates of `doc`."""

    @abstractmethod
    def _read(self, path: Path) -> Knowledge:
        """Read the folder that the config names."""

    @property
    def knowledge(self) -> Knowledge:
        """What it scores by."""
        if self._source is None:
            raise CatalogNERError(
                f"{self.name} has nothing to score by: set its `{self._setting}` to a folder made"
                f" by `{self._command}`"
            )
        if isinstance(self._source, str | Path):
            self._source = self._read(Path(self._source))
        return self._source

    def __call__(self, doc: Doc) -> Doc:
        """Score the candidates of `doc`."""
        spans = distinct_candidates(doc, self.name)
        scores = [float(score) for score in self._confidences(doc, spans)] if spans else []
        write_selection(doc, spans, scores, self.threshold)
        return doc

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialise what it scores by."""
        return b"" if self._source is None else self.knowledge.to_bytes()

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> Self:
        """Load what `to_bytes` gave."""
        if data:
            self._source = self._type.from_bytes(data)
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write what it scores by."""
        Path(path).write_bytes(self.to_bytes(exclude=exclude))

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> Self:
        """Load what `to_disk` wrote."""
        return self.from_bytes(Path(path).read_bytes(), exclude=exclude)


def describe(
    doc: Doc, spans: Sequence[Span], tallies: Tallies, left_out: Iterable[Exemplar] = ()
) -> np.ndarray:
    """Return the features of candidates of a Doc, see `make_features`."""
    candidates = make_candidates(spans)
    return make_features(doc.text, candidates, doc._.exemplars or [], tallies, left_out)


def verdicts_of(doc: Doc, spans: Sequence[Span]) -> list[float | None]:
    """Return the LLM's verdict on each candidate, None where it gave none."""
    group = doc.spans[CANDIDATES]
    verdicts: Sequence[Any] = group.attrs.get("verdicts") or [None] * len(group)
    by_key = {span_key(span): said for span, said in zip(group, verdicts, strict=True)}
    return [by_key[span_key(span)] for span in spans]
