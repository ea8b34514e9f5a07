"""Which names of a catalog stand for several things, and which are noise in a sample of texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import numpy as np
from spacy.language import Language

from spacy_catalog_ner.catalog import Catalog
from spacy_catalog_ner.io.row import Row
from spacy_catalog_ner.matching.coverage import candidates_of, find_occurrences, share


class SharedName(msgspec.Struct):
    """A surface form of several labels, with the number of entries of each."""

    name: str
    entries: int
    labels: dict[str, int]


class NoisyName(msgspec.Struct):
    """A surface form that occurs in texts."""

    name: str
    occurrences: int
    per_1000_texts: float
    labels: dict[str, int]  # number of candidates of each, for one occurrence
    candidates: int
    gold_share: float | None  # of the occurrences; None in texts that are not annotated
    expected_noise: float  # wrong candidates in 1,000 texts


class Noise(msgspec.Struct):
    """Wrong candidates in 1,000 texts, of all names, and the names that give most of them."""

    texts: int
    expected_noise: float
    noisy: list[NoisyName]


def find_shared_names(catalog: Catalog, limit: int) -> tuple[int, list[SharedName]]:
    """Find the surface forms that entries of several labels share.

    Returns
    -------
    count
        Number of such forms.
    names
        At most `limit` of them, first those of the most labels, then of the most entries.
    """
    offsets = catalog.arrays["form_offsets"].astype(np.int64)
    counts = offsets[1:] - offsets[:-1]
    # Only forms of several entries can have several labels: most have one.
    rows = np.flatnonzero(np.repeat(counts > 1, counts))
    keys = np.repeat(np.flatnonzero(counts > 1), counts[counts > 1])
    labels = catalog.arrays["labels"][catalog.arrays["form_entries"][rows]]
    width = len(catalog.labels)
    pairs = np.unique(keys * width + labels)
    label_counts = np.bincount(pairs // width, minlength=len(counts))
    shared = np.flatnonzero(label_counts > 1)
    order = np.lexsort((shared, -counts[shared], -label_counts[shared]))
    found = []
    for key in shared[order[:limit]].tolist():
        form = catalog.form(key)
        per_label = Counter(catalog.label_and_id(number)[0] for number, _ in catalog.numbers(form))
        found.append(SharedName(form, per_label.total(), _ranked(per_label)))
    return len(shared), found


def find_noisy_names(
    rows: Iterable[Row | Mapping[str, Any]], catalog: Catalog, nlp: Language, limit: int
) -> Noise:
    """Find the names of a catalog that give the most wrong candidates in a sample of texts.

    Where the sample is annotated, an occurrence is right if a gold span has the same offsets,
    whatever its label: the label names of a corpus and of a catalog differ. All candidates of such
    an occurrence then count as right, and all others as noise.

    Parameters
    ----------
    rows
        Rows, annotated or not.
    catalog
        A catalog on disk.
    nlp
        Its tokenizer is used, and no component.
    limit
        How many names to return, the worst first.

    Raises
    ------
    CatalogNERError
        If the catalog lives in memory.
    """
    found = find_occurrences(rows, catalog, nlp)
    noisy: list[NoisyName] = []
    total = 0
    for form, occurrences in found.forms.items():
        labels = Counter(candidate.label for candidate in candidates_of(catalog, form))
        gold = found.gold_forms[form]
        noise = labels.total() * (occurrences - gold)
        total += noise
        noisy.append(
            NoisyName(
                name=form,
                occurrences=occurrences,
                per_1000_texts=share(1000 * occurrences, found.texts, 2),
                labels=_ranked(labels),
                candidates=labels.total(),
                gold_share=share(gold, occurrences) if found.annotated else None,
                expected_noise=share(1000 * noise, found.texts, 2),
            )
        )
    noisy.sort(key=lambda name: (-name.expected_noise, name.name))
    return Noise(found.texts, share(1000 * total, found.texts, 2), noisy[:limit])


def _ranked(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
