"""Confidences of candidates: features, neighbour votes, and regressions that calibrate them."""

from spacy_catalog_ner.calibration.calibration import Calibration
from spacy_catalog_ner.calibration.tallies import Tallies

__all__ = ["Calibration", "Tallies"]
