"""`spacy_catalog_ner.backbone.v1`: which transformer a student is built on."""

from __future__ import annotations

from spacy_catalog_ner.errors import MissingExtraError
from spacy_catalog_ner.exemplars.embedders import BUNDLED_MODEL, bundled_minilm


def make_backbone(name: str = BUNDLED_MODEL) -> str:
    """Return what the transformers library loads: any name or path, or the bundled MiniLM.

    A trained student carries its weights. It resolves this name again when it is loaded but does
    not read it, so that the bundled model need not be installed there.
    """
    if name != BUNDLED_MODEL:
        return name
    try:
        return bundled_minilm()
    except MissingExtraError:
        return name
