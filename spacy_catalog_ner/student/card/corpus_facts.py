"""What a prepared corpus says of itself."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.files import require_file


class CorpusFacts(msgspec.Struct, frozen=True):
    """The ``meta.json`` that ``catalog-ner corpus prepare`` writes, see `prepare_corpus`."""

    corpus: str
    lang: str
    oracle_catalog: bool
    entries: int
    exemplars: int
    dev: int
    test: int
    traffic: int


def read_corpus_facts(path: str | Path) -> CorpusFacts:
    """Read the description of a prepared corpus.

    Raises
    ------
    CatalogNERError
        If it is missing or something else.
    """
    path = require_file(path, "meta.json of a prepared corpus")
    try:
        return msgspec.convert(json.loads(path.read_text(encoding="utf8")), CorpusFacts)
    except (ValueError, msgspec.ValidationError) as err:
        raise CatalogNERError(
            f"{path}: not the meta.json that `catalog-ner corpus prepare` writes ({err})"
        ) from None
