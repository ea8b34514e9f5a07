"""What a model card says of the texts that a student was trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec


class TrainingData(msgspec.Struct, frozen=True):
    """Counts of a file of annotated texts.

    Attributes
    ----------
    name
        Of the file.
    texts, without_entity
        All texts, and those without an entity.
    labelled
        Texts that a pipeline labelled.
    models
        Language models it asked.
    labels
        Number of entities of each label.
    """

    name: str
    texts: int
    without_entity: int
    labelled: int
    models: list[str]
    labels: dict[str, int]


def count_texts(
    name: str, rows: Iterable[Mapping[str, Any]], summary: Mapping[str, Any] | None = None
) -> TrainingData:
    """Count texts and entities.

    Parameters
    ----------
    name
        Of the file.
    rows
        Its annotated rows. Those with a record of the pipeline, ``catalog_ner``, were labelled.
    summary
        What the ``catalog-ner label`` run wrote that made the file, if one did: it labelled all.
    """
    texts = without_entity = recorded = 0
    labels: Counter[str] = Counter()
    for row in rows:
        texts += 1
        without_entity += not row["spans"]
        recorded += "catalog_ner" in row
        labels.update(span["label"] for span in row["spans"])
    return TrainingData(
        name,
        texts,
        without_entity,
        labelled=recorded if summary is None else texts,
        models=[] if summary is None else list(map(str, summary.get("models", ()))),
        labels=dict(sorted(labels.items())),
    )
