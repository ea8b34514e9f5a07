"""Compiling entries into the folder that `Catalog.open` maps."""

from __future__ import annotations

import gc
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import marisa_trie
import numpy as np

from spacy_catalog_ner.catalog.compiled import Catalog, hash_ids
from spacy_catalog_ner.catalog.entry import Entry
from spacy_catalog_ner.catalog.fingerprints import PREFIX, build_filter, hash_forms
from spacy_catalog_ner.catalog.format import FOLDER, FORMAT_VERSION, write_catalog
from spacy_catalog_ner.catalog.normalization import DEFAULT, get_normalizer
from spacy_catalog_ner.catalog.variants import Variants
from spacy_catalog_ner.errors import CatalogNERError, Place, Problems

_CHUNK = 1 << 16  # entries moved at once: bounds the memory of temporary arrays
_BATCH = 1 << 12  # entries taken at once: bounds the memory of temporary objects
_MAX_LABELS = 1 << 16
_MAX_BYTES = (1 << 32) - 1  # that 32-bit offsets reach
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
        taken one at a time and not kept: ten million need about 4 GB.
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
    FOLDER.check_target(path)
    columns = _Columns(normalization, variants, problems)
    with _young_collections_only():
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
    records, record_offsets = columns.records.of(kept)
    ids, id_offsets = columns.ids.of(kept)
    if len(ids) > _MAX_BYTES:
        raise CatalogNERError(f"{path}: the ids take {len(ids):,} bytes, at most {_MAX_BYTES:,}")
    id_hashes = np.concatenate(columns.id_hashes)[kept]
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
        "id_offsets": id_offsets,
        "ids": ids,
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
        "forms_per_rule": {
            rule: int(np.count_nonzero(row_rules & np.uint16(1 << number)))
            for number, rule in enumerate(() if variants is None else variants.names)
        },
        "labels": label_names,
        "entries_per_label": dict(zip(label_names, per_label, strict=True)),
    }
    progress("writing")
    write_catalog(path, trie, arrays, meta)
    return Catalog.open(path)


@contextmanager
def _young_collections_only() -> Iterator[None]:
    """Collect only young garbage: full collections would take a fifth of the time of a compile."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Columns:
    """What was read so far, column by column: a tenth of the memory that objects would take."""

    def __init__(
        self, normalization: str, variants: Variants | None, problems: Problems | None
    ) -> None:
        self._normalize = get_normalizer(normalization)
        self._variants = variants
        self._problems = problems
        self.records = _Records()  # name, language and aliases
        self.ids = _Records()
        self._label_numbers: dict[str, int] = {}
        self._labels = array("H")
        self.id_hashes: list[np.ndarray] = []  # `_NO_ID` where there is none
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
        """Take all entries."""
        problems = self._problems
        batch: list[Entry] = []
        places: list[Place] = []
        for entry in entries:  # the one loop in Python that every one of them goes through
            batch.append(entry)
            if problems is not None:
                places.append(problems.at)
            if len(batch) == _BATCH:
                self._take(batch, places)
                batch.clear()
                places.clear()
                gc.collect(0)
        if batch:
            self._take(batch, places)

    def _take(self, batch: list[Entry], places: list[Place]) -> None:
        texts, labels, ids, weights, aliases, langs = zip(*batch, strict=True)
        first = len(self)
        with_aliases = any(aliases)
        if with_aliases:
            self.records.extend(
                "\0".join((text, lang, *others))
                for text, lang, others in zip(texts, langs, aliases, strict=True)
            )
        else:
            self.records.extend(map("\0".join, zip(texts, langs, strict=True)))
        self.ids.extend(ids)
        some = np.fromiter(map(bool, ids), dtype=bool, count=len(ids))
        self.id_hashes.append(np.where(some, hash_ids(ids), _NO_ID))
        for label in dict.fromkeys(labels):
            if self._label_numbers.setdefault(label, len(self._label_numbers)) >= _MAX_LABELS:
                raise CatalogNERError(
                    f"more than {_MAX_LABELS} labels; is an id taken for the label?"
                )
        self._labels.extend(map(self._label_numbers.__getitem__, labels))
        self.weights.extend(weights)
        if places:
            sources, lines = zip(*places, strict=True)
            for source in dict.fromkeys(sources):
                self._sources.setdefault(source, len(self._sources))
            self._row_sources.extend(map(self._sources.__getitem__, sources))
            self._row_lines.extend(lines)
        if with_aliases or self._variants is not None:
            for number, entry in enumerate(batch, start=first):
                self._add_forms(number, entry)
        else:
            self.first_form.extend(range(len(self.forms), len(self.forms) + len(batch)))
            self.forms.extend(map(self._normalize, texts))
            self.form_entries.extend(range(first, first + len(batch)))
            self.form_rules.frombytes(bytes(2 * len(batch)))

    def _add_forms(self, number: int, entry: Entry) -> None:
        self.first_form.append(len(self.forms))
        for form in entry.surface_forms(self._normalize):
            self.forms.append(form)
            self.form_entries.append(number)
            self.form_rules.append(0)
            if self._variants is not None:
                for variant, mask in self._variants(form):
                    self.forms.append(variant)
                    self.form_entries.append(number)
                    self.form_rules.append(mask)

    def sorted_labels(self) -> tuple[np.ndarray, list[str]]:
        """Return the number of each row's label among the sorted labels, and these."""
        names = sorted(self._label_numbers)
        numbers = {name: number for number, name in enumerate(names)}
        order = np.array([numbers[name] for name in self._label_numbers], dtype=np.uint16)
        return order[np.frombuffer(self._labels, dtype=np.uint16)], names

    def merge_and_sort(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Merge repeated entries and order the rest in a way that does not depend on the input's.

        Given the trie key of each row's canonical name, return the row of each entry, and the
        entry of each row.
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
        rows = [(self._key(row), row) for row in order[first:last].tolist()]
        rows.sort()
        order[first:last] = [row for _, row in rows]
        leader, leader_row = rows[0]
        for place, (key, row) in enumerate(rows[1:], start=first + 1):
            if key != leader:
                leader, leader_row = key, row
                continue
            repeated[place] = True
            self._merge(leader_row, row)
            if self._problems is not None:
                message = f"{key[0]!r:.60} repeats {self._where(leader_row)}; the two are merged"
                self._problems.add("repeated entry", self._where(row), message)

    def _key(self, row: int) -> tuple[str, str]:
        """Return name and id: of two rows with one label, what makes them one entry."""
        return self.records[row].partition("\0")[0], self.ids[row]

    def _merge(self, row: int, other: int) -> None:
        """Give a row the aliases of another, and the language that comes later in the alphabet."""
        text, lang, *aliases = self.records[row].split("\0")
        _, other_lang, *others = self.records[other].split("\0")
        merged = (text, max(lang, other_lang), *sorted({*aliases, *others}))
        self.records.replace(row, "\0".join(merged))

    def report_conflicts(
        self, hashes: np.ndarray, numbers: np.ndarray, labels: np.ndarray, kept: np.ndarray
    ) -> None:
        """Report ids that entries of different labels have; names of one label may share an id.

        `hashes` are those of the ids, in ascending order, and `numbers` the entry of each.
        """
        if self._problems is None:
            return
        suspect = (hashes[1:] == hashes[:-1]) & (labels[numbers[1:]] != labels[numbers[:-1]])
        for place in np.flatnonzero(suspect).tolist():
            one, two = sorted((int(kept[numbers[place]]), int(kept[numbers[place + 1]])))
            name, identifier = self._key(two)
            if self.ids[one] != identifier:
                continue  # only their hashes are equal
            message = (
                f"{name!r:.60} has the id {identifier!r:.60}, as {self._where(one)} under another"
                " label; both are kept"
            )
            self._problems.add("conflicting id", self._where(two), message)

    def _where(self, row: int) -> Place:
        return Place(list(self._sources)[self._row_sources[row]], self._row_lines[row])


class _Records:
    """Strings, one for each row, as UTF-8 in one piece."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("Q", [0])
        self._replaced: dict[int, str] = {}

    def extend(self, strings: Iterable[str]) -> None:
        encoded = list(map(str.encode, strings))
        ends = np.fromiter(map(len, encoded), dtype=np.uint64, count=len(encoded)).cumsum()
        self._ends.frombytes((ends + np.uint64(len(self._bytes))).tobytes())
        self._bytes += b"".join(encoded)

    def replace(self, row: int, string: str) -> None:
        self._replaced[row] = string

    def __getitem__(self, row: int) -> str:
        if row in self._replaced:
            return self._replaced[row]
        return self._bytes[self._ends[row] : self._ends[row + 1]].decode("utf8")

    def of(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the bytes of some rows, one after the other, and where each begins."""
        ends = np.frombuffer(self._ends, dtype=np.uint64).astype(np.int64)
        starts, ends = ends[:-1], ends[1:].copy()
        for row, string in self._replaced.items():
            starts[row] = len(self._bytes)
            self._bytes += string.encode("utf8")
            ends[row] = len(self._bytes)
        whole = np.frombuffer(self._bytes, dtype=np.uint8)
        lengths = (ends - starts)[rows]
        offsets = np.r_[0, np.cumsum(lengths)]
        result = np.empty(offsets[-1], dtype=np.uint8)
        for first in range(0, len(rows), _CHUNK):
            chunk = slice(first, first + _CHUNK)
            to, size = offsets[chunk], lengths[chunk]
            where = np.arange(to[0], to[0] + size.sum())
            where += np.repeat(starts[rows[chunk]] - to[: len(size)], size)
            result[to[0] : to[0] + len(where)] = whole[where]
        return result, offsets
