"""Compiling entries into the folder that `Catalog.open` maps."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import marisa_trie
import numpy as np

from spacy_catalog_ner.catalog import normalization
from spacy_catalog_ner.catalog.compiled import FORMAT_VERSION, Catalog, pack_files, write_files
from spacy_catalog_ner.catalog.entry import Entry
from spacy_catalog_ner.errors import CatalogNERError


def compile_catalog(entries: Iterable[Entry], path: str | Path, *, name: str = "") -> Catalog:
    """Compile entries and open the result.

    Entries that repeat a (text, label, id) are merged: their surface forms are joined and the
    larger weight stays.

    Parameters
    ----------
    entries
        Any number of entries, in any order; the result does not depend on the order.
    path
        Folder to write, replaced only when everything is written.
    name
        Name of the catalog for people; the folder's name without its suffix if empty.

    Raises
    ------
    CatalogNERError
        If there is no entry at all.
    """
    merged: dict[tuple[str, str, str], tuple[float, dict[str, None]]] = {}
    for entry in entries:
        key = (entry.text, entry.label, entry.id)
        weight, forms = merged.get(key, (0.0, {}))
        forms.update(dict.fromkeys(entry.surface_forms()))
        merged[key] = (max(weight, entry.weight), forms)
    if not merged:
        raise CatalogNERError(f"{path}: no catalog entry to compile")

    # Most popular first, so that the entries of a form come out in this order as they are.
    keys = sorted(merged, key=lambda key: (-merged[key][0], key))
    label_names = sorted({label for _, label, _ in keys})
    label_numbers = {label: number for number, label in enumerate(label_names)}
    by_form: dict[str, list[int]] = {}
    for number, key in enumerate(keys):
        for form in merged[key][1]:
            by_form.setdefault(form, []).append(number)

    trie = marisa_trie.Trie(by_form)
    rows: list[list[int]] = [[] for _ in by_form]
    for form, numbers in by_form.items():
        rows[trie[form]] = numbers
    texts = [part.encode("utf8") for text, _, identifier in keys for part in (text, identifier)]
    arrays: dict[str, np.ndarray] = {
        "form_offsets": np.cumsum([0, *map(len, rows)], dtype=np.uint32),
        "form_entries": np.array([n for numbers in rows for n in numbers], dtype=np.uint32),
        "labels": np.array([label_numbers[label] for _, label, _ in keys], dtype=np.uint16),
        "weights": np.array([merged[key][0] for key in keys], dtype=np.float32),
        "text_offsets": np.cumsum([0, *map(len, texts)], dtype=np.uint64),
        "texts": np.frombuffer(b"".join(texts), dtype=np.uint8),
    }
    meta = {
        "format_version": FORMAT_VERSION,
        "name": name or Path(path).stem,
        "content_version": _content_version(keys, merged),
        "normalization": normalization.NAME,
        "entries": len(keys),
        "surface_forms": len(by_form),
        "max_length": max(map(len, by_form)),
        "labels": label_names,
        "entries_per_label": dict(sorted(Counter(label for _, label, _ in keys).items())),
    }
    write_files(path, pack_files(trie, arrays, meta))
    return Catalog.open(path)


def _content_version(
    keys: list[tuple[str, str, str]],
    merged: dict[tuple[str, str, str], tuple[float, dict[str, None]]],
) -> str:
    """Return a short hash of all that the catalog says: equal content, equal version."""
    digest = hashlib.sha256()
    for key in keys:
        weight, forms = merged[key]
        digest.update(repr((key, weight, sorted(forms))).encode("utf8"))
    return digest.hexdigest()[:12]
