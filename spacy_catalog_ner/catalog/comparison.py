"""How one compiled catalog differs from another, without holding either in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from spacy_catalog_ner.catalog.compiled import Catalog
from spacy_catalog_ner.catalog.entry import Entry
from spacy_catalog_ner.catalog.fingerprints import BASE, hash_forms, hash_stretches

_CHUNK = 1 << 14  # entries looked at together: bounds the memory of temporary arrays


@dataclass(frozen=True)
class Change:
    """One difference between two catalogs.

    Attributes
    ----------
    kind
        What happened to the entry.
    entry
        The entry as it is now; as it was, if it was removed.
    before
        What a changed entry was; None for the other kinds.
    """

    kind: Literal["added", "removed", "changed"]
    entry: Entry
    before: Entry | None = None

    def to_row(self) -> dict[str, Any]:
        """Return the change as a JSON object."""
        row = {"change": self.kind, "entry": self.entry.to_row()}
        return row if self.before is None else {**row, "before": self.before.to_row()}


def compare_catalogs(
    before: Catalog, after: Catalog, progress: Callable[[int], Any] = lambda entries: None
) -> Iterator[Change]:
    """Yield how the entries of one catalog differ from those of another.

    An entry is known again by its name, label and id, and where its name is new by label and id,
    if it has an id: an entity may be renamed. Of several names with one id, as translations have,
    a new one is taken for the new form of one that is gone, first of one in the same language. The
    order of aliases is no difference.

    Memory is 30 bytes for each entry of both, and the entries of one id.

    Parameters
    ----------
    before, after
        The catalogs; they may have other normalisations or variant rules.
    progress
        Called with the number of entries of both catalogs compared since the last call.

    Yields
    ------
    Change
        In an order that depends only on the two catalogs.
    """
    # Entries that can be one another's counterpart have one hash; what else has it is told apart.
    hashes = np.concatenate([_hash_keys(before), _hash_keys(after)])
    order = np.argsort(hashes, kind="stable")
    hashes = hashes[order]
    edges = np.flatnonzero(np.r_[True, hashes[1:] != hashes[:-1], True])
    del hashes
    first_after = len(before)
    for chunk in range(0, len(edges) - 1, _CHUNK):
        bounds = edges[chunk : chunk + _CHUNK + 1].tolist()
        start = bounds[0]
        places = order[start : bounds[-1]].tolist()
        for one, two in pairwise(bounds):
            group = places[one - start : two - start]
            old = [place for place in group if place < first_after]
            new = [place - first_after for place in group if place >= first_after]
            # By far the most are equal: told without making the entries.
            if set(map(before.parts, old)) != set(map(after.parts, new)):
                yield from _compare_group(list(map(before.entry, old)), list(map(after.entry, new)))
        progress(len(places))


def _compare_group(before: list[Entry], after: list[Entry]) -> Iterator[Change]:
    gone = {(entry.text, entry.label, entry.id): entry for entry in before}
    new = []
    for entry in after:
        known = gone.pop((entry.text, entry.label, entry.id), None)
        if known is None:
            new.append(entry)
        elif _values(known) != _values(entry):
            yield Change("changed", entry, known)
    left = list(gone.values())
    for same_language in (True, False):
        renamed: dict[tuple[str, ...], list[Entry]] = {}
        for entry in reversed(left):  # so that `pop` takes the first
            renamed.setdefault(_entity(entry, same_language), []).append(entry)
        unknown = []
        for entry in new:
            names = renamed.get(_entity(entry, same_language)) if entry.id else None
            if names:
                yield Change("changed", entry, names.pop())
            else:
                unknown.append(entry)
        new = unknown
        left = [entry for names in renamed.values() for entry in reversed(names)]
    for entry in left:
        yield Change("removed", entry)
    for entry in new:
        yield Change("added", entry)


def _values(entry: Entry) -> tuple[float, frozenset[str], str]:
    return entry.weight, frozenset(entry.aliases), entry.lang


def _entity(entry: Entry, with_language: bool) -> tuple[str, ...]:
    entity = (entry.label, entry.id)
    return (*entity, entry.lang) if with_language else entity


def _hash_keys(catalog: Catalog) -> np.ndarray:
    """Hash label and id of each entry, or label and name where it has no id."""
    arrays = catalog.arrays
    labels = hash_forms(catalog.labels)[arrays["labels"]]
    hashes = np.empty(len(catalog), dtype=np.uint64)
    for first in range(0, len(catalog), _CHUNK):
        chunk = slice(first, first + _CHUNK + 1)
        ids, id_bounds = _strings(arrays["ids"], arrays["id_offsets"][chunk])
        records, bounds = _strings(arrays["records"], arrays["record_offsets"][chunk])
        breaks = np.flatnonzero(records == 0)
        name_ends = breaks[np.searchsorted(breaks, bounds[:-1])]
        hashes[first : first + _CHUNK] = np.where(
            id_bounds[1:] > id_bounds[:-1],
            hash_stretches(ids, id_bounds[:-1], id_bounds[1:]),
            hash_stretches(records, bounds[:-1], name_ends),
        )
    result: np.ndarray = hashes * np.uint64(BASE) + labels
    return result


def _strings(data: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the bytes between the first and the last offset, and the offsets in these."""
    bounds = offsets.astype(np.int64)
    return data[bounds[0] : bounds[-1]], bounds - bounds[0]
