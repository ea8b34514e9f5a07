"""`confidence_calibrator`: confidences from exemplars, catalog and the LLM's verdicts."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_catalog_ner.calibration import Calibration
from spacy_catalog_ner.calibration.candidate_scorer import CandidateScorer, describe, verdicts_of


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


class ConfidenceCalibrator(CandidateScorer[Calibration]):
    """Weighs the LLM's verdicts against what exemplars and catalog say of the candidates.

    It reads ``doc.spans["candidates"]``, ``doc._.exemplars`` and, where ``llm_semantic_filter``
    ran before it, the verdicts; without an LLM it selects by the rest. A text that the LLM failed
    on is left as it is.
    """

    _setting, _command, _type = "calibration", "catalog-ner calibrate", Calibration
    calibration = CandidateScorer.knowledge

    def __init__(
        self,
        name: str = "confidence_calibrator",
        *,
        calibration: str | Path | Calibration | None = None,
        threshold: float = 0.5,
    ) -> None:
        super().__init__(name, threshold, calibration)

    def _read(self, path: Path) -> Calibration:
        return Calibration.from_disk(path)

    @property
    def content_version(self) -> str:
        """A short hash that changes whenever confidences may change."""
        return hashlib.sha256(self.knowledge.to_bytes()).hexdigest()[:12]

    def __call__(self, doc: Doc) -> Doc:
        """Score the candidates of `doc`, unless the LLM failed on it."""
        record = doc._.catalog_ner or {}
        return doc if record.get("failure") else super().__call__(doc)

    def _confidences(self, doc: Doc, spans: Sequence[Span]) -> np.ndarray:
        calibration, verdicts = self.knowledge, verdicts_of(doc, spans)
        if calibration.judged is None and any(said is not None for said in verdicts):
            warnings.warn(
                f"{self.name}: the LLM's verdicts are ignored, because the calibration was made"
                " without any; calibrate again with --verdicts, or leave the LLM out",
                stacklevel=2,
            )
        return calibration.confidences(describe(doc, spans, calibration.tallies), verdicts)
