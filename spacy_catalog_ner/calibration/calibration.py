"""From the features of a candidate, and the LLM's verdict on it, to a confidence."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np

from spacy_catalog_ner.calibration.features import FEATURES, log_odds
from spacy_catalog_ner.calibration.logistic import LogisticModel, sigmoid
from spacy_catalog_ner.calibration.tallies import Tallies
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.evaluation.result import Reliability
from spacy_catalog_ner.io.versioned_folder import VersionedFolder

FORMAT_VERSION = 1
_TALLIES = "tallies.msgpack"
_FOLDER = VersionedFolder("calibration", mark="known", meta="calibration.json", flat=(_TALLIES,))
_BROKEN = (CatalogNERError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OSError)
_REMEDY = "make it again with `catalog-ner calibrate`"
VERDICT_FEATURES = ("known", "verdict")
"""Columns of the second regression: log-odds of the first, and of the LLM's verdict."""


class Measure(msgspec.Struct, frozen=True):
    """How good confidences are; F1 is at a threshold of 0.5."""

    f1: float
    brier: float
    reliability: Reliability


class VerdictReport(msgspec.Struct, frozen=True):
    """Confidences of candidates that the LLM judged: without it, by it alone, and together."""

    candidates: int
    known: Measure
    verdict: Measure
    judged: Measure


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """How good confidences without the LLM are, and those of candidates that it judged, if any."""

    exemplars: int
    candidates: int
    known: Measure
    asked: VerdictReport | None = None


class _Saved(msgspec.Struct, omit_defaults=True):
    """What ``calibration.json`` holds besides its format version."""

    known: LogisticModel
    judged: LogisticModel | None
    report: Report
    content_version: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]*$")] = ""


class _Parts(msgspec.Struct):
    calibration: Any
    tallies: bytes


@dataclass
class Calibration:
    """Two regressions: one over exemplars and catalog, and one that adds the LLM's verdict.

    The first, `known`, is over `FEATURES`. The second, `judged`, is over `VERDICT_FEATURES` and
    fitted on the texts that the LLM was asked about; candidates without a verdict get the
    confidence of the first. `tallies` are the counts of the exemplars.
    """

    tallies: Tallies
    known: LogisticModel
    judged: LogisticModel | None
    report: Report

    def confidences(
        self, features: np.ndarray, verdicts: Sequence[float | None] | None = None
    ) -> np.ndarray:
        """Return the probability that each candidate is right, shape (candidates,).

        It takes rows of `make_features`, and the LLM's probability of yes, None where it gave none.
        """
        odds = self.known.log_odds(features)
        if self.judged is not None and verdicts is not None:
            for number, verdict in enumerate(verdicts):
                if verdict is not None:
                    row = np.array([[odds[number], log_odds(verdict)]])
                    odds[number] = self.judged.log_odds(row)[0]
        return sigmoid(odds)

    def to_disk(self, path: str | Path) -> None:
        """Write it to a folder, replacing an older one only when all is written."""
        calibration, tallies = self._to_json(), self.tallies.to_bytes()

        def write_files(folder: Path) -> dict[str, Any]:
            (folder / _TALLIES).write_bytes(tallies)
            content = msgspec.json.encode(calibration) + tallies
            return {**calibration, "content_version": hashlib.sha256(content).hexdigest()[:16]}

        _FOLDER.write(Path(path), write_files)

    @classmethod
    def from_disk(cls, path: str | Path) -> Calibration:
        """Open a folder.

        Raises
        ------
        CatalogNERError
            If there is none, it is broken, or another format version wrote it.
        """
        path = Path(path)

        def read() -> Calibration:
            file = path / _FOLDER.meta
            if not file.is_file():
                raise CatalogNERError(
                    f"{path}: no calibration here; make one with"
                    f" `catalog-ner calibrate --pipeline PIPELINE -o {path}`"
                )
            try:
                saved = _check(msgspec.json.decode(file.read_bytes()))
                # 0.1.0 wrote no version: all files lie in one folder
                tallies = (path / saved.content_version / _TALLIES).read_bytes()
                return cls(Tallies.from_bytes(tallies), saved.known, saved.judged, saved.report)
            except _BROKEN as err:
                raise CatalogNERError(f"{path}: broken calibration ({err}); {_REMEDY}") from None

        return _FOLDER.read(path, read)

    def to_bytes(self) -> bytes:
        """Serialise it."""
        return msgspec.msgpack.encode(_Parts(self._to_json(), self.tallies.to_bytes()))

    @classmethod
    def from_bytes(cls, data: bytes) -> Calibration:
        """Load what `to_bytes` gave."""
        try:
            parts = msgspec.msgpack.decode(data, type=_Parts)
            saved = _check(parts.calibration)
            return cls(Tallies.from_bytes(parts.tallies), saved.known, saved.judged, saved.report)
        except _BROKEN as err:
            raise CatalogNERError(f"broken calibration ({err}); {_REMEDY}") from None

    def _to_json(self) -> dict[str, Any]:
        saved = msgspec.to_builtins(_Saved(self.known, self.judged, self.report))
        return {"format_version": FORMAT_VERSION, **saved}


def _check(data: Any) -> _Saved:
    """Check the contents of ``calibration.json``."""
    version = data.get("format_version") if isinstance(data, dict) else None
    if version != FORMAT_VERSION:
        raise CatalogNERError(f"format version {version}, this release reads {FORMAT_VERSION}")
    saved = msgspec.convert(data, _Saved)
    for model, features in ((saved.known, FEATURES), (saved.judged, VERDICT_FEATURES)):
        if model is not None and tuple(model.weights) != features:
            raise CatalogNERError(f"its weights are not those of {', '.join(features)}")
    return saved
