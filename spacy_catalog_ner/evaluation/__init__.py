"""How good predictions are against gold, with intervals, and the tables people read."""

from spacy_catalog_ner.evaluation.alignment import Pair, align_rows
from spacy_catalog_ner.evaluation.comparison import Outcome, compare
from spacy_catalog_ner.evaluation.metrics import evaluate_pairs, evaluate_rows
from spacy_catalog_ner.evaluation.score import Score
from spacy_catalog_ner.evaluation.significance import compare_systems
from spacy_catalog_ner.evaluation.systems_table import render_markdown

__all__ = [
    "Outcome",
    "Pair",
    "Score",
    "align_rows",
    "compare",
    "compare_systems",
    "evaluate_pairs",
    "evaluate_rows",
    "render_markdown",
]
