"""How good predictions are against gold, with intervals, and the tables people read."""

from spacy_catalog_ner.evaluation.alignment import Pair, align_rows
from spacy_catalog_ner.evaluation.gate import compare_systems
from spacy_catalog_ner.evaluation.metrics import evaluate_pairs, evaluate_rows
from spacy_catalog_ner.evaluation.outcomes import Outcome, compare
from spacy_catalog_ner.evaluation.result import Result, Score, read_result
from spacy_catalog_ner.evaluation.stages import attribute

__all__ = [
    "Outcome",
    "Pair",
    "Result",
    "Score",
    "align_rows",
    "attribute",
    "compare",
    "compare_systems",
    "evaluate_pairs",
    "evaluate_rows",
    "read_result",
]
