"""Running a pipeline over a file of texts: resumable, with failed texts apart, within a budget.

`label_file` does it all; `label_rows` does the same in memory, `estimate_run` says beforehand what
it would cost.
"""

from __future__ import annotations

from spacy_catalog_ner.labelling.checkpoint import failed_path, summary_path
from spacy_catalog_ner.labelling.errors import LabellingStoppedError
from spacy_catalog_ner.labelling.estimate import estimate_run
from spacy_catalog_ner.labelling.memory import label_rows
from spacy_catalog_ner.labelling.prices import Price, find_price, read_prices
from spacy_catalog_ner.labelling.run import label_file

__all__ = [
    "LabellingStoppedError",
    "Price",
    "estimate_run",
    "failed_path",
    "find_price",
    "label_file",
    "label_rows",
    "read_prices",
    "summary_path",
]
