"""What a model card says besides the pipeline: the author's notes, the corpus, training texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.files import read_json, read_yaml, require_path
from spacy_catalog_ner.io.row import Row
from spacy_catalog_ner.student.card.sources import Source


class CardNotes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Texts and sources for a model card; all may be left out.

    The description replaces the generated sentence; `intended_use` and `limits` are added to the
    generated text. All three are Markdown. A source replaces the known one of the same name.
    """

    description: str = ""
    intended_use: str = ""
    limits: str = ""
    license: str = ""
    author: str = ""
    sources: list[Source] = []


def read_notes(path: str | Path, corpus: str | None = None) -> CardNotes:
    """Read a YAML file of notes, or ``CORPUS.yml`` from a folder: no notes if it has none."""
    path = require_path(path, "YAML with notes for the model card")
    if path.is_dir():
        if corpus is None:
            raise CatalogNERError(
                f"{path}: is a folder; name a file in it, or the corpus with --data and the"
                " meta.json that `catalog-ner corpus prepare` wrote"
            )
        path = path / f"{corpus}.yml"
        if not path.is_file():
            return CardNotes()
    try:
        return msgspec.convert(read_yaml(path) or {}, CardNotes)
    except msgspec.ValidationError as err:
        keys = ", ".join(CardNotes.__struct_fields__)
        each = ", ".join(Source.__struct_fields__)
        raise CatalogNERError(
            f"{path}: {err}; expected {keys}, and of each source {each}"
        ) from None


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
    """Read the description of a prepared corpus."""
    return read_json(path, CorpusFacts, "the meta.json that `catalog-ner corpus prepare` writes")


class RunSummary(msgspec.Struct):
    """The part of a labelling run's summary that a model card shows: the models it asked."""

    models: list[str] = []


def read_summary(path: Path) -> RunSummary | None:
    """Read the summary of a ``catalog-ner label`` run; None if there is no such file."""
    if not path.is_file():
        return None
    return read_json(path, RunSummary, "the summary of a `catalog-ner label` run")


class TrainingData(msgspec.Struct, frozen=True):
    """Counts of a file of annotated texts, and the `models` that labelled `labelled` of them."""

    name: str
    texts: int
    without_entity: int
    labelled: int
    models: list[str]
    labels: dict[str, int]


def count_texts(
    name: str, rows: Iterable[Row | Mapping[str, Any]], summary: RunSummary | None = None
) -> TrainingData:
    """Count texts and entities of a file, of which a labelling run may have left a summary.

    Without a summary, the rows that a pipeline labelled are those with its record, ``catalog_ner``.
    """
    texts = without_entity = recorded = 0
    labels: Counter[str] = Counter()
    for row in map(Row.from_dict, rows):
        texts += 1
        without_entity += not row.spans
        recorded += "catalog_ner" in row.keys
        labels.update(span.label for span in row.spans or ())
    return TrainingData(
        name,
        texts,
        without_entity,
        labelled=recorded if summary is None else texts,
        models=[] if summary is None else summary.models,
        labels=dict(sorted(labels.items())),
    )
