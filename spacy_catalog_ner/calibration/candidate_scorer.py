"""What the components that score candidates share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span

from spacy_catalog_ner.calibration.features import make_features
from spacy_catalog_ner.calibration.tallies import Tallies
from spacy_catalog_ner.doc.candidates import (
    candidate_rows,
    distinct_candidates,
    write_selection,
)
from spacy_catalog_ner.doc.record import CANDIDATES, span_key
from spacy_catalog_ner.errors import require_share
from spacy_catalog_ner.exemplars import Exemplar


class CandidateScorer(Pipe):
    """Gives every candidate a confidence and selects those that reach a threshold.

    The confidences of all candidates are ``doc.spans["candidates"].attrs["scores"]``; the
    candidates selected go to ``doc.spans["selected"]`` with theirs.

    Parameters
    ----------
    name
        Name in the pipeline.
    threshold
        Lowest confidence of a candidate that is selected, between 0 and 1.
    """

    def __init__(self, name: str, threshold: float) -> None:
        require_share("threshold", threshold)
        self.name = name
        self.threshold = threshold

    @abstractmethod
    def _confidences(self, doc: Doc, spans: Sequence[Span]) -> np.ndarray:
        """Return the confidence of each of the distinct candidates of `doc`."""

    def __call__(self, doc: Doc) -> Doc:
        """Score the candidates of `doc`.

        Raises
        ------
        CatalogNERError
            If no component before this one has looked for candidates.
        """
        spans = distinct_candidates(doc, self.name)
        scores = [float(score) for score in self._confidences(doc, spans)] if spans else []
        write_selection(doc, spans, scores, self.threshold)
        return doc

    @abstractmethod
    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialise what the files that the config names hold."""

    @abstractmethod
    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> CandidateScorer:
        """Load what `to_bytes` gave."""

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write what the files that the config names hold."""
        Path(path).write_bytes(self.to_bytes(exclude=exclude))

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> CandidateScorer:
        """Load what `to_disk` wrote."""
        return self.from_bytes(Path(path).read_bytes(), exclude=exclude)


def describe(
    doc: Doc, spans: Sequence[Span], tallies: Tallies, left_out: Iterable[Exemplar] = ()
) -> np.ndarray:
    """Return what `make_features` makes of candidates of a Doc."""
    candidates = candidate_rows(spans)
    return make_features(doc.text, candidates, doc._.exemplars or [], tallies, left_out)


def verdicts_of(doc: Doc, spans: Sequence[Span]) -> list[float | None]:
    """Return what the LLM said of candidates, None where it said nothing."""
    group = doc.spans[CANDIDATES]
    verdicts: Sequence[Any] = group.attrs.get("verdicts") or [None] * len(group)
    by_key = {span_key(span): said for span, said in zip(group, verdicts, strict=True)}
    return [by_key[span_key(span)] for span in spans]
