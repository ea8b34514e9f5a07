"""Exact-match scores of annotated rows, and the tables people read."""

from spacy_catalog_ner.evaluation.metrics import Score, evaluate_rows
from spacy_catalog_ner.evaluation.report import render_markdown

__all__ = ["Score", "evaluate_rows", "render_markdown"]
