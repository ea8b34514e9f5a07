"""Entries held in memory: names added in code, beside or instead of a compiled catalog."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import ahocorasick

from spacy_catalog_ner.catalog.entry import Entry


class Overlay:
    """A small catalog in memory, on an Aho-Corasick automaton over surface forms.

    `add` builds a new automaton and puts it in place in one step, so that a thread that is
    matching sees the entries from before or from after, never a part of them.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._state: tuple[tuple[Entry, ...], ahocorasick.Automaton | None] = ((), None)
        self.add(entries)

    def add(self, entries: Iterable[Entry]) -> None:
        """Add entries; those already there stay."""
        every = tuple(dict.fromkeys((*self._state[0], *entries)))
        if not every:
            return
        by_form: dict[str, list[Entry]] = {}
        for entry in sorted(every, key=lambda e: -e.weight):
            for form in entry.surface_forms():
                by_form.setdefault(form, []).append(entry)
        automaton = ahocorasick.Automaton()
        for form, group in by_form.items():
            automaton.add_word(form, (len(form), tuple(group)))
        automaton.make_automaton()
        self._state = (every, automaton)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries, in the order in which they were added."""
        return self._state[0]

    def __len__(self) -> int:
        return len(self._state[0])

    def __reduce__(self) -> tuple[type[Overlay], tuple[tuple[Entry, ...]]]:
        # The automaton is rebuilt: its pickle is larger than the entries.
        return type(self), (self._state[0],)

    def matches(self, text: str) -> Iterator[tuple[int, int, tuple[Entry, ...]]]:
        """Yield (start, end, entries) of every surface form in `text`, wherever it stands.

        Parameters
        ----------
        text
            Normalised text. Offsets are into it, end exclusive.
        """
        automaton = self._state[1]
        if automaton is None:
            return
        for last, (length, entries) in automaton.iter(text):
            yield last + 1 - length, last + 1, entries
