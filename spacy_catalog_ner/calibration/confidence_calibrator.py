"""`confidence_calibrator`: confidences that can be trusted, from all that is known."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_catalog_ner.calibration import Calibration
from spacy_catalog_ner.calibration.candidate_scorer import CandidateScorer, describe, verdicts_of
from spacy_catalog_ner.errors import CatalogNERError


@Language.factory(
    "confidence_calibrator",
    assigns=["doc.spans"],
    requires=["doc.spans", "doc._.exemplars"],
    default_config={"calibration": None, "threshold": 0.5},
)
def make_confidence_calibrator(
    nlp: Language, name: str, calibration: str | None, threshold: float
) -> ConfidenceCalibrator:
    """Make the component that ``nlp.add_pipe("confidence_calibrator")`` adds.

    Parameters
    ----------
    calibration
        Folder of a calibration, as ``catalog-ner calibrate`` makes it.
    threshold
        Lowest confidence of a candidate that is selected, between 0 and 1.
    """
    return ConfidenceCalibrator(name, calibration=calibration, threshold=threshold)


class ConfidenceCalibrator(CandidateScorer):
    """Weighs the LLM's verdicts against what exemplars and catalog say of the candidates.

    It reads ``doc.spans["candidates"]``, ``doc._.exemplars`` and, where ``llm_semantic_filter``
    ran before it, the verdicts; without an LLM it selects by the rest. A text that the LLM failed
    on is left as it is.
    """

    def __init__(
        self,
        name: str = "confidence_calibrator",
        *,
        calibration: str | Path | Calibration | None = None,
        threshold: float = 0.5,
    ) -> None:
        super().__init__(name, threshold)
        # Opened at first use, for the reason given in CatalogMatcher.
        self._path = Path(calibration) if isinstance(calibration, str | Path) else None
        self._calibration = calibration if isinstance(calibration, Calibration) else None

    @property
    def calibration(self) -> Calibration:
        """The calibration.

        Raises
        ------
        CatalogNERError
            If none is configured, or none is there.
        """
        if self._calibration is None:
            if self._path is None:
                raise CatalogNERError(
                    f"{self.name} has no calibration: set its `calibration` to a folder made by"
                    " `catalog-ner calibrate`"
                )
            self._calibration = Calibration.from_disk(self._path)
        return self._calibration

    @property
    def content_version(self) -> str:
        """A short hash that differs when confidences could."""
        return hashlib.sha256(self.calibration.to_bytes()).hexdigest()[:12]

    def __call__(self, doc: Doc) -> Doc:
        """Score the candidates of `doc`, unless the LLM failed on it."""
        record = doc._.catalog_ner or {}
        return doc if record.get("failure") else super().__call__(doc)

    def _confidences(self, doc: Doc, spans: Sequence[Span]) -> np.ndarray:
        features = describe(doc, spans, self.calibration.tallies)
        verdicts = verdicts_of(doc, spans)
        if self.calibration.judged is None and any(said is not None for said in verdicts):
            warnings.warn(
                f"{self.name}: the LLM's verdicts count for nothing, because the calibration was"
                " made without any; calibrate again with --verdicts, or leave the LLM out",
                stacklevel=2,
            )
        return self.calibration.confidences(features, verdicts)

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialise the calibration."""
        empty = self._path is None and self._calibration is None
        return b"" if empty else self.calibration.to_bytes()

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> ConfidenceCalibrator:
        """Load what `to_bytes` gave."""
        if data:
            self._path, self._calibration = None, Calibration.from_bytes(data)
        return self
