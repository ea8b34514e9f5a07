"""Runs a pipeline over texts: `label_file` over a file, `label_rows` over rows in memory.

A run over a file can be interrupted and resumed, keeps texts that failed apart, and stops at a
budget. `estimate_run` tells beforehand what it would cost.
"""

from __future__ import annotations

from spacy_catalog_ner.labelling.checkpoint import failed_path, summary_path
from spacy_catalog_ner.labelling.estimate import Estimate, estimate_run
from spacy_catalog_ner.labelling.models import Price, find_price, read_prices
from spacy_catalog_ner.labelling.run import LabellingStoppedError, label_file, label_rows
from spacy_catalog_ner.labelling.summary import Summary

__all__ = [
    "Estimate",
    "LabellingStoppedError",
    "Price",
    "Summary",
    "estimate_run",
    "failed_path",
    "find_price",
    "label_file",
    "label_rows",
    "read_prices",
    "summary_path",
]
