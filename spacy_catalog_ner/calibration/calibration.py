"""From what is known of a candidate, and what the LLM says, to a confidence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import srsly

from spacy_catalog_ner.calibration.features import FEATURES, log_odds
from spacy_catalog_ner.calibration.logistic import LogisticModel, sigmoid
from spacy_catalog_ner.calibration.tallies import Tallies
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.versioned_folder import VersionedFolder

FORMAT_VERSION = 1
_TALLIES = "tallies.msgpack"
_FOLDER = VersionedFolder("calibration", mark="known", meta="calibration.json", flat=(_TALLIES,))
VERDICT_FEATURES = ("known", "verdict")
"""Columns of the second regression: log-odds of the first, and of the LLM's verdict."""


class Calibration:
    """Two regressions: what exemplars and catalog say, and then what the LLM adds to it.

    The second is fitted on fewer texts, those that the LLM was asked about; candidates without a
    verdict get the confidence of the first.

    Parameters
    ----------
    tallies
        Counts of the exemplars.
    known
        Regression over `FEATURES`.
    judged
        Regression over `VERDICT_FEATURES`; None where no LLM was asked.
    report
        How well the confidences did, for people to read.
    """

    def __init__(
        self,
        tallies: Tallies,
        known: LogisticModel,
        judged: LogisticModel | None,
        report: dict[str, Any],
    ) -> None:
        self.tallies = tallies
        self.known = known
        self.judged = judged
        self.report = report

    def confidences(
        self, features: np.ndarray, verdicts: Sequence[float | None] | None = None
    ) -> np.ndarray:
        """Return the probability that each candidate is right.

        Parameters
        ----------
        features
            Shape (candidates, `FEATURES`), of `make_features`.
        verdicts
            The LLM's probability of yes for each; None where it gave none.

        Returns
        -------
        numpy.ndarray
            Shape (candidates,), float64.
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
        tallies = self.tallies.to_bytes()

        def write_files(folder: Path) -> dict[str, Any]:
            (folder / _TALLIES).write_bytes(tallies)
            content = json.dumps(self._to_json(), sort_keys=True).encode("utf8") + tallies
            version = hashlib.sha256(content).hexdigest()[:16]
            return {**self._to_json(), "content_version": version}

        _FOLDER.write(Path(path), write_files)

    @classmethod
    def from_disk(cls, path: str | Path) -> Calibration:
        """Open a folder.

        Raises
        ------
        CatalogNERError
            If there is none, another format version wrote it, or it is broken.
        """
        return _FOLDER.read(Path(path), lambda: cls._from_disk(Path(path)))

    @classmethod
    def _from_disk(cls, path: Path) -> Calibration:
        file = path / _FOLDER.meta
        if not file.is_file():
            raise CatalogNERError(
                f"{path}: no calibration here; make one with"
                f" `catalog-ner calibrate --pipeline PIPELINE -o {path}`"
            )
        try:
            data = json.loads(file.read_text(encoding="utf8"))
            # 0.1.0 wrote no version: all files lie in one folder
            folder = path / data.get("content_version", "")
            tallies = Tallies.from_bytes((folder / _TALLIES).read_bytes())
            return cls._from_json(data, tallies, str(path))
        except CatalogNERError:
            raise
        except (ValueError, OSError, AttributeError, TypeError, LookupError) as err:
            reason = " ".join(str(err).split())
            raise CatalogNERError(f"{path}: broken calibration ({reason}); make it again") from None

    def to_bytes(self) -> bytes:
        """Serialise it."""
        data = {"calibration": self._to_json(), "tallies": self.tallies.to_bytes()}
        return bytes(srsly.msgpack_dumps(data))

    @classmethod
    def from_bytes(cls, data: bytes) -> Calibration:
        """Load what `to_bytes` gave."""
        parts = srsly.msgpack_loads(data)
        return cls._from_json(
            parts["calibration"], Tallies.from_bytes(parts["tallies"]), "calibration"
        )

    def _to_json(self) -> dict[str, Any]:
        return {
            "format_version": FORMAT_VERSION,
            "known": self.known.to_json(),
            "judged": self.judged and self.judged.to_json(),
            "report": self.report,
        }

    @classmethod
    def _from_json(cls, data: dict[str, Any], tallies: Tallies, place: str) -> Calibration:
        version = data.get("format_version")
        if version != FORMAT_VERSION or tuple(data["known"]["weights"]) != FEATURES:
            raise CatalogNERError(
                f"{place}: calibration of format version {version}, this release reads"
                f" {FORMAT_VERSION}; make it again with `catalog-ner calibrate`"
            )
        judged = data["judged"]
        return cls(
            tallies,
            LogisticModel.from_json(data["known"]),
            None if judged is None else LogisticModel.from_json(judged),
            data["report"],
        )
