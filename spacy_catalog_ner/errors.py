"""Errors and messages meant for the person who runs the software."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple


class CatalogNERError(ValueError):
    """A mistake the user can mend: the message says what was given, expected and what to do."""


class MissingExtraError(CatalogNERError):
    """A feature was asked for whose optional dependency is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f'{feature} needs an extra: pip install "spacy-catalog-ner[{extra}]"')


def require_share(setting: str, value: float) -> None:
    """Raise a `CatalogNERError` if the `value` of a setting is not between 0 and 1."""
    if not 0 <= value <= 1:
        raise CatalogNERError(f"{setting}: expected a number from 0 to 1, got {value}")


class Place(NamedTuple):
    """Where a row stands: a file and a line in it, 1-based (the number of a Doc in a DocBin)."""

    path: str | Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class Problems:
    """Collects what is wrong with single rows while the good rows go on.

    Parameters
    ----------
    keep
        How many messages to keep in full; the rest are only counted.

    Attributes
    ----------
    at
        Place of the row that a reader yielded last, for problems that only its user can see.
    """

    def __init__(self, keep: int = 20) -> None:
        self.keep = keep
        self.messages: list[str] = []
        self.counts: Counter[str] = Counter()
        self.at = Place("entries", 0)

    def add(self, kind: str, place: Place, message: str) -> None:
        """Record one problem of a `kind` at a place."""
        self.counts[kind] += 1
        if len(self.messages) < self.keep:
            self.messages.append(f"{place}: {message}")

    def __len__(self) -> int:
        return sum(self.counts.values())

    def summary(self) -> str:
        """All messages kept, one a line, and a count of every kind."""
        lines = list(self.messages)
        if len(self) > len(self.messages):
            lines.append(f"... and {len(self) - len(self.messages)} more")
        lines.append(", ".join(f"{n} {kind}" for kind, n in sorted(self.counts.items())))
        return "\n".join(lines)
