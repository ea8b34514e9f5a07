"""The spaCy components that ``nlp.add_pipe`` gives, one a file."""

from spacy_catalog_ner.components.catalog_matcher import CatalogMatcher
from spacy_catalog_ner.components.confidence_calibrator import ConfidenceCalibrator
from spacy_catalog_ner.components.constraint_post_processor import ConstraintPostProcessor
from spacy_catalog_ner.components.dynamic_exemplar_retriever import DynamicExemplarRetriever
from spacy_catalog_ner.components.neighbour_vote import NeighbourVote

__all__ = [
    "CatalogMatcher",
    "ConfidenceCalibrator",
    "ConstraintPostProcessor",
    "DynamicExemplarRetriever",
    "NeighbourVote",
]
