"""What the components that score candidates share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span, SpanGroup

from spacy_catalog_ner.calibration.features import make_features
from spacy_catalog_ner.calibration.tallies import Tallies
from spacy_catalog_ner.components.doc_record import CANDIDATES, SELECTED, distinct_spans, span_key
from spacy_catalog_ner.errors import CatalogNERError, require_share
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


def distinct_candidates(doc: Doc, asker: str) -> list[Span]:
    """Return one candidate for each span and label, the most popular of its ids.

    Parameters
    ----------
    doc
        A Doc.
    asker
        The component that needs them, for the message.

    Raises
    ------
    CatalogNERError
        If no component has looked for candidates.
    """
    if CANDIDATES not in doc.spans:
        raise CatalogNERError(
            f'{asker} found no doc.spans["{CANDIDATES}"]: add "catalog_matcher" to the pipeline'
            " before it"
        )
    return distinct_spans(doc.spans[CANDIDATES])


def write_selection(
    doc: Doc, spans: Sequence[Span], scores: Sequence[float], threshold: float
) -> None:
    """Write confidences of candidates, and those that reach the threshold.

    Parameters
    ----------
    doc
        A Doc with candidates.
    spans
        Distinct candidates of it. Those that are not among them get a confidence of 0.
    scores
        Their confidences.
    threshold
        Lowest confidence of a candidate that is selected.
    """
    by_key = {span_key(span): score for span, score in zip(spans, scores, strict=True)}
    group = doc.spans[CANDIDATES]
    group.attrs["scores"] = [by_key.get(span_key(span), 0.0) for span in group]
    chosen = [pair for pair in zip(spans, scores, strict=True) if pair[1] >= threshold]
    selected = SpanGroup(doc, name=SELECTED, spans=[span for span, _ in chosen])
    selected.attrs["scores"] = [score for _, score in chosen]
    doc.spans[SELECTED] = selected


def describe(
    doc: Doc, spans: Sequence[Span], tallies: Tallies, left_out: Iterable[Exemplar] = ()
) -> np.ndarray:
    """Return what `make_features` makes of candidates of a Doc."""
    candidates = candidate_rows(spans)
    return make_features(doc.text, candidates, doc._.exemplars or [], tallies, left_out)


def candidate_rows(spans: Iterable[Span]) -> list[dict[str, Any]]:
    """Return candidates as exemplars and `make_features` have them."""
    return [
        {"start": span.start_char, "end": span.end_char, "text": span.text, "label": span.label_}
        for span in spans
    ]


def verdicts_of(doc: Doc, spans: Sequence[Span]) -> list[float | None]:
    """Return what the LLM said of candidates, None where it said nothing."""
    group = doc.spans[CANDIDATES]
    verdicts: Sequence[Any] = group.attrs.get("verdicts") or [None] * len(group)
    by_key = {span_key(span): said for span, said in zip(group, verdicts, strict=True)}
    return [by_key[span_key(span)] for span in spans]
