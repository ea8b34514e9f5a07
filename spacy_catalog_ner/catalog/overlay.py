"""Changes since a catalog was compiled: entries added and removed in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import ahocorasick

from spacy_catalog_ner.catalog.compiled import Catalog
from spacy_catalog_ner.catalog.entry import Entry
from spacy_catalog_ner.catalog.normalization import DEFAULT, get_normalizer
from spacy_catalog_ner.catalog.variants import Variants
from spacy_catalog_ner.errors import CatalogNERError

_Row = dict[str, str]


@dataclass(frozen=True)
class _Segment:
    """Some of the added entries, with the automaton that finds their forms."""

    entries: tuple[Entry, ...]
    by_form: dict[str, list[Entry]]
    by_id: dict[str, list[Entry]]
    automaton: Any
    gone: frozenset[Entry] = frozenset()

    def left(self, entries: Iterable[Entry]) -> tuple[Entry, ...]:
        """Return those that were not removed."""
        return tuple(entry for entry in entries if entry not in self.gone)


class Overlay:
    """Entries added to, and removed from, a compiled catalog; or a small catalog by itself.

    An overlay never changes: `with_added` and `with_removed` give a new one, which a matcher puts
    in place in one step, so that a thread that is matching sees all of a change or nothing.

    Added entries lie in segments, each with an Aho-Corasick automaton. A new segment is merged
    with those before it that are not at least twice as large, so that n entries added one by one
    cost on the order of n log n. A segment is made anew when more than half of it was removed.

    Parameters
    ----------
    normalization
        As the compiled catalog's.
    variants
        The compiled catalog's rules, as `Variants.spec`: an added name gets the forms that a
        compiled one would.
    """

    def __init__(
        self, normalization: str = DEFAULT, variants: dict[str, Any] | None = None
    ) -> None:
        self.normalization = normalization
        self._normalize: Callable[[str], str] = get_normalizer(normalization)
        self._variants = variants
        self._rules: Variants | None = None  # made when there are entries to make forms of
        self._segments: tuple[_Segment, ...] = ()
        self._removals: dict[tuple[tuple[str, str], ...], _Row] = {}
        # What the first so many removals hide in a catalog
        self._hidden: tuple[Catalog | None, frozenset[int], int] = (None, frozenset(), 0)

    @cached_property
    def entries(self) -> list[Entry]:
        """The entries added, oldest first."""
        return [entry for segment in self._segments for entry in segment.left(segment.entries)]

    @property
    def removals(self) -> tuple[_Row, ...]:
        """What was removed and is not to be found in a compiled catalog either.

        Rows with ``text`` or ``id`` or both, and perhaps ``label``.
        """
        return tuple(self._removals.values())

    def __bool__(self) -> bool:
        return bool(self._segments or self._removals)

    def with_added(self, entries: Iterable[Entry]) -> Overlay:
        """Return an overlay with more entries; those already there stay once."""
        new = tuple(entry for entry in dict.fromkeys(entries) if not self._has(entry))
        segments = list(self._segments)
        while segments and len(segments[-1].entries) < 2 * len(new):
            last = segments.pop()
            new = (*last.left(last.entries), *new)
        if new:
            segments.append(self._segment(new))
        return self._copy(segments, self._removals)

    def with_removed(self, rows: Iterable[_Row]) -> Overlay:
        """Return an overlay in which entries that agree with one of `rows` are gone."""
        rows = list(rows)
        segments = []
        for segment in self._segments:
            gone = set(segment.gone)
            for row in rows:
                if "id" in row:
                    suspects = segment.by_id.get(row["id"], [])
                else:
                    suspects = segment.by_form.get(self._normalize(row["text"]), [])
                gone.update(entry for entry in suspects if _agrees(entry, row, self._normalize))
            if len(gone) > len(segment.gone):
                segment = replace(segment, gone=frozenset(gone))
                if 2 * len(gone) > len(segment.entries):
                    left = segment.left(segment.entries)
                    if not left:
                        continue
                    segment = self._segment(left)
            segments.append(segment)
        removals = {tuple(sorted(row.items())): row for row in rows}
        return self._copy(segments, self._removals | removals)

    def on(self, normalization: str, variants: dict[str, Any] | None) -> Overlay:
        """Return the same changes for a catalog with this normalisation and these rules."""
        if (normalization, variants) == (self.normalization, self._variants):
            return self
        other = Overlay(normalization, variants).with_added(self.entries)
        other._removals = self._removals
        return other

    def after_reload(self, old: Catalog | None, new: Catalog) -> Overlay:
        """Return the changes for a newer version of a catalog, without removals it has made.

        These are the removals of what is in the old version and not in the new one.
        """
        if old is None:
            return self
        kept = {
            key: row
            for key, row in self._removals.items()
            if _find(new, row) or not _find(old, row)
        }
        return self if len(kept) == len(self._removals) else self._copy(self._segments, kept)

    def hidden_in(self, catalog: Catalog) -> frozenset[int]:
        """Return the numbers of a compiled catalog's entries that are removed."""
        known, hidden, count = self._hidden
        if known is not catalog:
            hidden, count = frozenset(), 0
        if count < len(self._removals):
            new = list(self._removals.values())[count:]
            hidden |= {number for row in new for number in _find(catalog, row)}
        self._hidden = catalog, hidden, len(self._removals)
        return hidden

    def stretches(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield (start, end) of every form of an added entry in `text`, wherever it stands.

        Parameters
        ----------
        text
            Normalised text. Offsets are into it, end exclusive.
        """
        for segment in self._segments:
            for last, length in segment.automaton.iter(text):
                start, end = last + 1 - length, last + 1
                if not segment.gone or segment.left(segment.by_form[text[start:end]]):
                    yield start, end

    def lookup(self, form: str) -> list[Entry]:
        """Return the added entries with a surface form."""
        return [entry for part in self._segments for entry in part.left(part.by_form.get(form, ()))]

    def _segment(self, entries: tuple[Entry, ...]) -> _Segment:
        if self._rules is None and self._variants is not None:
            self._rules = Variants(self._variants)
        by_form: dict[str, list[Entry]] = {}
        by_id: dict[str, list[Entry]] = {}
        for entry in entries:
            by_id.setdefault(entry.id, []).append(entry)
            forms = dict.fromkeys(entry.surface_forms(self._normalize))
            if self._rules is not None:
                for form in list(forms):
                    forms.update(dict.fromkeys(variant for variant, _ in self._rules(form)))
            for form in forms:
                by_form.setdefault(form, []).append(entry)
        automaton = ahocorasick.Automaton(ahocorasick.STORE_LENGTH)
        for form in by_form:
            automaton.add_word(form)
        automaton.make_automaton()
        return _Segment(entries, by_form, by_id, automaton)

    def _has(self, entry: Entry) -> bool:
        return entry in self.lookup(self._normalize(entry.text))

    def _copy(
        self, segments: Iterable[_Segment], removals: dict[tuple[tuple[str, str], ...], _Row]
    ) -> Overlay:
        copy = Overlay(self.normalization, self._variants)
        copy._rules, copy._segments, copy._removals = self._rules, tuple(segments), removals
        if len(removals) >= len(self._removals):  # the first of them are ours
            copy._hidden = self._hidden
        return copy


def _find(catalog: Catalog, row: _Row) -> list[int]:
    """Return the numbers of a catalog's entries that agree with a removal."""
    if "id" in row:
        numbers = catalog.numbers_of_id(row["id"])
    else:
        numbers = [number for number, _ in catalog.numbers(catalog.normalize(row["text"]))]
    return [n for n in numbers if _agrees(catalog.entry(n), row, catalog.normalize)]


def _agrees(entry: Entry, row: _Row, normalize: Callable[[str], str]) -> bool:
    return (
        ("id" not in row or row["id"] == entry.id)
        and ("label" not in row or row["label"] == entry.label)
        and ("text" not in row or normalize(row["text"]) == normalize(entry.text))
    )


def removal(row: dict[str, Any] | Entry) -> dict[str, str]:
    """Return the part of a row that says which entries to remove.

    Raises
    ------
    CatalogNERError
        If it names neither a text nor an id.
    """
    values = row.to_row() if isinstance(row, Entry) else row
    texts = {key: str(values.get(key) or "").strip() for key in ("text", "label")}
    wanted = {key: text for key, text in texts.items() if text}
    if (identifier := values.get("id")) not in (None, ""):
        wanted["id"] = str(identifier)  # as `Entry.from_row` keeps it
    if not ({"text", "id"} & set(wanted)):
        raise CatalogNERError(f'an entry to remove has "text" or "id" or both, got {row!r:.100}')
    return wanted
