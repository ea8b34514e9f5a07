"""How sure to be of a candidate: what exemplars say of its name, its words and its neighbours.

The features, the votes and the regression that turns them, and the LLM's verdicts, into
confidences.
"""

from spacy_catalog_ner.calibration.calibration import Calibration
from spacy_catalog_ner.calibration.tallies import Tallies

__all__ = ["Calibration", "Tallies"]
