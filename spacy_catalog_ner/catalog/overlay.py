"""Changes since a catalog was compiled: entries added and removed in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import ahocorasick

from spacy_catalog_ner.catalog.compiled import Catalog
from spacy_catalog_ner.catalog.entry import Entry
from spacy_catalog_ner.catalog.normalization import DEFAULT, get_normalizer
from spacy_catalog_ner.catalog.variants import Variants
from spacy_catalog_ner.errors import CatalogNERError


@dataclass(frozen=True)
class _Segment:
    """Some of the added entries, with the automaton that finds their forms."""

    entries: tuple[Entry, ...]
    by_form: dict[str, list[Entry]]
    automaton: Any


class Overlay:
    """Entries added to, and removed from, a compiled catalog; or a small catalog by itself.

    An overlay never changes: `with_added` and `with_removed` give a new one, which a matcher puts
    in place in one step, so that a thread that is matching sees all of a change or nothing.

    Added entries lie in segments, each with an Aho-Corasick automaton. A new segment is merged
    with those before it that are not at least twice as large, so that n entries added one by one
    cost on the order of n log n.

    Parameters
    ----------
    normalization
        As the compiled catalog's.
    variants
        The compiled catalog's rules, as `Variants.spec`: an added name gets the forms that a
        compiled one would.

    Attributes
    ----------
    removals
        What was removed and is not to be found in a compiled catalog either, as rows with ``text``
        or ``id`` or both, and perhaps ``label``.
    """

    def __init__(
        self, normalization: str = DEFAULT, variants: dict[str, Any] | None = None
    ) -> None:
        self.normalization = normalization
        self.removals: tuple[dict[str, str], ...] = ()
        self._normalize: Callable[[str], str] = get_normalizer(normalization)
        self._variants = variants
        self._rules: Variants | None = None  # made when there are entries to make forms of
        self._segments: tuple[_Segment, ...] = ()

    @property
    def entries(self) -> list[Entry]:
        """The entries added, oldest first."""
        return [entry for segment in self._segments for entry in segment.entries]

    def __bool__(self) -> bool:
        return bool(self._segments or self.removals)

    def with_added(self, entries: Iterable[Entry]) -> Overlay:
        """Return an overlay with more entries; those already there stay once."""
        new = tuple(entry for entry in dict.fromkeys(entries) if not self._has(entry))
        segments = list(self._segments)
        while segments and len(segments[-1].entries) < 2 * len(new):
            new = (*segments.pop().entries, *new)
        if new:
            segments.append(self._segment(new))
        return self._copy(tuple(segments), self.removals)

    def with_removed(self, rows: Iterable[dict[str, str]]) -> Overlay:
        """Return an overlay in which entries that agree with one of `rows` are gone."""
        rows = list(rows)
        kept = tuple(
            entry for entry in self.entries if not any(self._agrees(entry, row) for row in rows)
        )
        segments = (self._segment(kept),) if kept else ()
        removals = [*self.removals, *(row for row in rows if row not in self.removals)]
        return self._copy(segments, tuple(removals))

    def on(self, normalization: str, variants: dict[str, Any] | None) -> Overlay:
        """Return the same changes for a catalog with this normalisation and these rules."""
        if (normalization, variants) == (self.normalization, self._variants):
            return self
        other = Overlay(normalization, variants).with_added(self.entries)
        other.removals = self.removals
        return other

    def hidden_in(self, catalog: Catalog) -> frozenset[int]:
        """Return the numbers of a compiled catalog's entries that are removed."""
        hidden: set[int] = set()
        for row in self.removals:
            if "id" in row:
                numbers = catalog.numbers_of_id(row["id"])
            else:
                form = catalog.normalize(row["text"])
                numbers = [number for number, _ in catalog.numbers(form)]
            hidden.update(n for n in numbers if self._agrees(catalog.entry(n), row))
        return frozenset(hidden)

    def stretches(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield (start, end) of every form of an added entry in `text`, wherever it stands.

        Parameters
        ----------
        text
            Normalised text. Offsets are into it, end exclusive.
        """
        for segment in self._segments:
            for last, length in segment.automaton.iter(text):
                yield last + 1 - length, last + 1

    def lookup(self, form: str) -> list[Entry]:
        """Return the added entries with a surface form."""
        return [entry for part in self._segments for entry in part.by_form.get(form, ())]

    def _segment(self, entries: tuple[Entry, ...]) -> _Segment:
        if self._rules is None and self._variants is not None:
            self._rules = Variants(self._variants)
        by_form: dict[str, list[Entry]] = {}
        for entry in entries:
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
        return _Segment(entries, by_form, automaton)

    def _has(self, entry: Entry) -> bool:
        return entry in self.lookup(self._normalize(entry.text))

    def _agrees(self, entry: Entry, row: dict[str, str]) -> bool:
        return (
            ("id" not in row or row["id"] == entry.id)
            and ("label" not in row or row["label"] == entry.label)
            and ("text" not in row or self._normalize(row["text"]) == self._normalize(entry.text))
        )

    def _copy(
        self, segments: tuple[_Segment, ...], removals: tuple[dict[str, str], ...]
    ) -> Overlay:
        copy = Overlay(self.normalization, self._variants)
        copy._rules, copy._segments, copy.removals = self._rules, segments, removals
        return copy


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
