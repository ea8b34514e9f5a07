"""What ends a run before its time."""

from __future__ import annotations

from spacy_catalog_ner.errors import CatalogNERError


class LabellingStoppedError(CatalogNERError):
    """A run could not go on; what is done is kept, and the same command goes on after it."""
