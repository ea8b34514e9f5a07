"""Compiling entries into the folder that `Catalog.open` maps."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from pathlib import Path

import marisa_trie
import numpy as np

from spacy_catalog_ner.catalog.compiled import Catalog, hash_ids
from spacy_catalog_ner.catalog.entry import Entry
from spacy_catalog_ner.catalog.fingerprints import PREFIX, build_filter, hash_forms
from spacy_catalog_ner.catalog.format import FORMAT_VERSION, check_target, write_catalog
from spacy_catalog_ner.catalog.normalization import DEFAULT, get_normalizer
from spacy_catalog_ner.catalog.variants import Variants
from spacy_catalog_ner.errors import CatalogNERError, Problems

_CHUNK = 1 << 16  # entries moved at once: bounds the memory of temporary objects
_MAX_LABELS = 1 << 16
_NO_ID = np.uint64(1 << 32)  # no 32-bit hash


def compile_catalog(
    entries: Iterable[Entry],
    path: str | Path,
    *,
    name: str = "",
    normalization: str = DEFAULT,
    variants: Variants | None = None,
    problems: Problems | None = None,
    progress: Callable[[str], None] = lambda step: None,
) -> Catalog:
    """Compile entries and open the result.

    Entries that repeat a (text, label, id) are merged: their aliases are joined and the larger
    weight stays.

    Parameters
    ----------
    entries
        Any number of entries, in any order; the result does not depend on the order. They are
        taken one at a time and not kept: ten million need about 3 GB.
    path
        Folder to write, replaced only when everything is written.
    name
        Name of the catalog for people; the folder's name without its suffix if empty.
    normalization
        What names and texts are compared in: a key of `catalog.normalization.NORMALIZERS`.
    variants
        Rules that make further forms of each name.
    problems
        Receives repeated entries, and ids that stand for several names; both are kept or merged.
        Lines are named where `read_entries` was given the same `problems`.
    progress
        Called with the name of each step after reading.

    Raises
    ------
    CatalogNERError
        If there is no entry at all, the normalisation is unknown, or there is something else at
        `path`.
    """
    path = Path(path)
    check_target(path)
    columns = _Columns(normalization, variants, problems)
    columns.read(entries)
    if not len(columns):
        raise CatalogNERError(f"{path}: no catalog entry to compile")

    progress("building the trie")
    # One trie within the other saves a third of the space, and costs a third of a lookup's time.
    trie = marisa_trie.Trie(columns.forms, num_tries=1)
    keys = np.fromiter(map(trie.get, columns.forms), dtype=np.uint32, count=len(columns.forms))
    row_entries = np.frombuffer(columns.form_entries, dtype=np.uint32)
    row_rules = np.frombuffer(columns.form_rules, dtype=np.uint16)
    progress("hashing the surface forms")
    hashes = hash_forms(columns.forms)
    prefixes = hash_forms([form[:PREFIX] for form in columns.forms if len(form) > PREFIX])
    longest = max(map(len, columns.forms))
    columns.forms.clear()

    progress("sorting the entries")
    kept, number_of = columns.merge_and_sort(keys[np.frombuffer(columns.first_form, np.uint32)])
    weights = np.zeros(len(kept), dtype=np.float64)
    np.maximum.at(weights, number_of, np.frombuffer(columns.weights, dtype=np.float64))
    label_numbers, label_names = columns.sorted_labels()
    labels = label_numbers[kept]
    numbers = number_of[row_entries]
    # Per form the most popular entry first; of one that is there twice, the row with fewer rules.
    order = np.lexsort((row_rules, np.bitwise_count(row_rules), numbers, -weights[numbers], keys))
    keys, numbers, row_rules = keys[order], numbers[order], row_rules[order]
    new = np.r_[True, (keys[1:] != keys[:-1]) | (numbers[1:] != numbers[:-1])]
    keys, numbers, row_rules = keys[new], numbers[new], row_rules[new]
    records, record_offsets = columns.records_of(kept)
    id_hashes = columns.id_hashes_of(kept)
    with_id = np.flatnonzero(id_hashes != _NO_ID)
    id_entries = with_id[np.argsort(id_hashes[with_id], kind="stable")]
    id_hashes = id_hashes[id_entries]
    columns.report_conflicts(id_hashes, id_entries, labels, kept)

    arrays = {
        "form_offsets": np.r_[0, np.cumsum(np.bincount(keys, minlength=len(trie)))],
        "form_entries": numbers,
        "form_rules": row_rules,
        "labels": labels,
        "weights": weights,
        "record_offsets": record_offsets,
        "records": records,
        "id_hashes": id_hashes,
        "id_entries": id_entries,
        "filter": build_filter(hashes),
        "prefix_filter": build_filter(prefixes),
    }
    per_label = np.bincount(labels, minlength=len(label_names)).tolist()
    meta = {
        "format_version": FORMAT_VERSION,
        "name": name or path.stem,
        "normalization": normalization,
        "variants": None if variants is None else variants.spec,
        "entries": len(kept),
        "surface_forms": len(trie),
        "max_length": longest,
        "forms_per_rule": {} if variants is None else _count_rules(row_rules, variants),
        "labels": label_names,
        "entries_per_label": dict(zip(label_names, per_label, strict=True)),
    }
    progress("writing")
    write_catalog(path, trie, arrays, meta)
    return Catalog.open(path)


def _count_rules(row_rules: np.ndarray, variants: Variants) -> dict[str, int]:
    return {
        rule: int(np.count_nonzero(row_rules & np.uint16(1 << number)))
        for number, rule in enumerate(variants.names)
    }


class _Columns:
    """What was read so far, column by column: a tenth of the memory that objects would take."""

    def __init__(
        self, normalization: str, variants: Variants | None, problems: Problems | None
    ) -> None:
        self._normalize = get_normalizer(normalization)
        self._variants = variants
        self._problems = problems
        self._records = bytearray()
        self._record_ends = array("Q", [0])
        self._merged: dict[int, list[str]] = {}  # records that several rows made, by the first
        self._label_numbers: dict[str, int] = {}
        self._labels = array("H")
        self._id_hashes: list[np.ndarray] = []
        self._sources: dict[str, int] = {}
        self._row_sources = array("H")
        self._row_lines = array("I")
        self.weights = array("d")
        self.forms: list[str] = []
        self.form_entries = array("I")
        self.form_rules = array("H")
        self.first_form = array("I")  # of each entry: its canonical name

    def __len__(self) -> int:
        return len(self.weights)

    def read(self, entries: Iterable[Entry]) -> None:
        """Take all entries: the one loop in Python that every one of them goes through."""
        normalize, variants, problems = self._normalize, self._variants, self._problems
        records, label_numbers, forms = self._records, self._label_numbers, self.forms
        ids: list[str] = []
        for number, entry in enumerate(entries):
            text, label_name, identifier, weight, aliases, lang = entry
            label = label_numbers.setdefault(label_name, len(label_numbers))
            if label >= _MAX_LABELS:
                raise CatalogNERError(
                    f"more than {_MAX_LABELS} labels; is an id taken for the label?"
                )
            records += "\0".join((text, identifier, lang, *aliases)).encode("utf8")
            self._record_ends.append(len(records))
            self._labels.append(label)
            self.weights.append(weight)
            ids.append(identifier)
            if len(ids) == _CHUNK:
                self._hash(ids)
            if problems is not None:
                source, line = problems.at
                self._row_sources.append(self._sources.setdefault(source, len(self._sources)))
                self._row_lines.append(line)
            self.first_form.append(len(forms))
            for form in entry.surface_forms(normalize) if aliases else (normalize(text),):
                forms.append(form)
                self.form_entries.append(number)
                self.form_rules.append(0)
                if variants is not None:
                    for variant, mask in variants(form):
                        forms.append(variant)
                        self.form_entries.append(number)
                        self.form_rules.append(mask)
        self._hash(ids)

    def _hash(self, ids: list[str]) -> None:
        """Add the hashes of some entries' ids, and empty the list."""
        some = np.fromiter(map(bool, ids), dtype=bool, count=len(ids))
        self._id_hashes.append(np.where(some, hash_ids(ids), _NO_ID))
        ids.clear()

    def sorted_labels(self) -> tuple[np.ndarray, list[str]]:
        """Return the number of each row's label among the sorted labels, and these."""
        names = sorted(self._label_numbers)
        place = {name: number for number, name in enumerate(names)}
        places = np.array([place[name] for name in self._label_numbers], dtype=np.uint16)
        return places[np.frombuffer(self._labels, dtype=np.uint16)], names

    def merge_and_sort(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find repeated entries and put the rest in an order that does not depend on the input's.

        Parameters
        ----------
        keys
            Trie key of each row's canonical name.

        Returns
        -------
        kept
            The row of each entry.
        number_of
            The entry of each row.
        """
        labels, _ = self.sorted_labels()
        order = np.lexsort((labels, keys))
        same = (keys[order][1:] == keys[order][:-1]) & (labels[order][1:] == labels[order][:-1])
        # Only rows of one name and label can be one entry: compare those as text.
        edges = np.flatnonzero(np.diff(np.r_[False, same, False].astype(np.int8)))
        repeated = np.zeros(len(order), dtype=bool)
        for first, last in edges.reshape(-1, 2).tolist():
            self._sort_group(order, repeated, first, last + 1)
        kept = order[~repeated]
        number_of = np.empty(len(order), dtype=np.uint32)
        number_of[order] = np.cumsum(~repeated) - 1
        return kept, number_of

    def _sort_group(self, order: np.ndarray, repeated: np.ndarray, first: int, last: int) -> None:
        rows = [(self._record(row), row) for row in order[first:last].tolist()]
        rows.sort(key=lambda pair: (pair[0][:2], pair[1]))
        order[first:last] = [row for _, row in rows]
        leader, leader_row = rows[0]
        for place, (record, row) in enumerate(rows[1:], start=first + 1):
            if record[:2] != leader[:2]:
                leader, leader_row = record, row
                continue
            repeated[place] = True
            leader[2] = max(leader[2], record[2])
            leader[3:] = sorted({*leader[3:], *record[3:]})
            self._merged[leader_row] = leader
            if self._problems is not None:
                path, line = self._where(leader_row)
                message = f"{record[0]!r:.60} repeats {path}:{line}; the two are merged"
                self._problems.add("repeated entry", *self._where(row), message)

    def records_of(self, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the records of some rows, one after the other, and where each begins."""
        ends = np.frombuffer(self._record_ends, dtype=np.uint64).astype(np.int64)
        starts, ends = ends[:-1], ends[1:].copy()
        for row, record in self._merged.items():
            starts[row] = len(self._records)
            self._records += "\0".join(record).encode("utf8")
            ends[row] = len(self._records)
        texts = np.frombuffer(self._records, dtype=np.uint8)
        lengths = (ends - starts)[kept]
        offsets = np.r_[0, np.cumsum(lengths)]
        records = np.empty(offsets[-1], dtype=np.uint8)
        for first in range(0, len(kept), _CHUNK):
            chunk = slice(first, first + _CHUNK)
            to, size = offsets[chunk], lengths[chunk]
            where = np.arange(to[0], to[0] + size.sum())
            where += np.repeat(starts[kept[chunk]] - to[: len(size)], size)
            records[to[0] : to[0] + len(where)] = texts[where]
        return records, offsets

    def id_hashes_of(self, kept: np.ndarray) -> np.ndarray:
        """Return the hash of the id of some rows, `_NO_ID` where there is none."""
        hashes: np.ndarray = np.concatenate(self._id_hashes)[kept]
        return hashes

    def report_conflicts(
        self, hashes: np.ndarray, numbers: np.ndarray, labels: np.ndarray, kept: np.ndarray
    ) -> None:
        """Report ids that entries of different labels have.

        Several names of one label may share an id, as translations do.

        Parameters
        ----------
        hashes
            Hashes of ids, in ascending order.
        numbers
            The entry of each hash.
        """
        if self._problems is None:
            return
        suspect = (hashes[1:] == hashes[:-1]) & (labels[numbers[1:]] != labels[numbers[:-1]])
        for place in np.flatnonzero(suspect).tolist():
            one, two = sorted((int(kept[numbers[place]]), int(kept[numbers[place + 1]])))
            name, identifier = self._record(two)[:2]
            if self._record(one)[1] != identifier:
                continue  # only their hashes are equal
            path, line = self._where(one)
            message = (
                f"{name!r:.60} has the id {identifier!r:.60}, as {path}:{line} under another label"
            )
            self._problems.add("conflicting id", *self._where(two), f"{message}; both are kept")

    def _record(self, row: int) -> list[str]:
        start, end = self._record_ends[row], self._record_ends[row + 1]
        return self._records[start:end].decode("utf8").split("\0")

    def _where(self, row: int) -> tuple[str, int]:
        return list(self._sources)[self._row_sources[row]], self._row_lines[row]
