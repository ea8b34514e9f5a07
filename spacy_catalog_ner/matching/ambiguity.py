"""Which names of a catalog stand for several things, and which are noise in a sample of texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from spacy.language import Language

from spacy_catalog_ner.catalog import Catalog
from spacy_catalog_ner.matching.coverage import candidates_of, find_occurrences


def find_shared_names(catalog: Catalog, limit: int) -> tuple[int, list[dict[str, Any]]]:
    """Find the surface forms that entries of several labels share.

    Parameters
    ----------
    limit
        How many forms to return.

    Returns
    -------
    count
        Number of such forms.
    rows
        The first of them by number of labels, then of entries: ``name``, ``entries``, and
        ``labels`` with the number of entries of each.
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
        found.append({"name": form, "entries": per_label.total(), "labels": _ranked(per_label)})
    return len(shared), found


def find_noisy_names(
    rows: Iterable[dict[str, Any]], catalog: Catalog, nlp: Language, limit: int
) -> dict[str, Any]:
    """Find the names of a catalog that give the most wrong candidates in a sample of texts.

    Where the sample is annotated, an occurrence is right if a gold span has the same offsets,
    whatever its label: the label names of a corpus and of a catalog differ. All candidates of such
    an occurrence then count as right, and all others as noise.

    Parameters
    ----------
    rows
        Rows with ``text``, and ``spans`` where they are annotated.
    catalog
        A catalog on disk.
    nlp
        Its tokenizer is used, and no component.
    limit
        How many names to return.

    Returns
    -------
    dict
        ``texts``; ``expected_noise``, candidates of all names in 1,000 texts that are not gold; and
        ``noisy``, the names that occur and give most of it, the worst first: ``name``,
        ``occurrences``, ``per_1000_texts``, ``labels`` with the number of candidates of each,
        ``candidates`` of one occurrence, ``gold_share`` of the occurrences (None in a sample that
        is not annotated) and ``expected_noise``.

    Raises
    ------
    CatalogNERError
        If the catalog lives in memory.
    """
    found = find_occurrences(rows, catalog, nlp)
    noisy: list[dict[str, Any]] = []
    total = 0
    for form, occurrences in found.forms.items():
        labels = Counter(candidate.label for candidate in candidates_of(catalog, form))
        gold = found.gold_forms[form]
        noise = labels.total() * (occurrences - gold)
        total += noise
        noisy.append(
            {
                "name": form,
                "occurrences": occurrences,
                "per_1000_texts": _per_1000(occurrences, found.texts),
                "labels": _ranked(labels),
                "candidates": labels.total(),
                "gold_share": round(gold / occurrences, 4) if found.annotated else None,
                "expected_noise": _per_1000(noise, found.texts),
            }
        )
    noisy.sort(key=lambda row: (-row["expected_noise"], row["name"]))
    return {
        "texts": found.texts,
        "expected_noise": _per_1000(total, found.texts),
        "noisy": noisy[:limit],
    }


def _ranked(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _per_1000(count: int, texts: int) -> float:
    return round(1000 * count / texts, 2) if texts else 0.0
