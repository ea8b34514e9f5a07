"""What a person answered about one pattern."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.generation.patterns.pattern import Pattern

ACCEPT, REJECT, IGNORE, UNDO = "accept", "reject", "ignore", "undo"
"""The answers: the first three are Prodigy's, the last takes back what was answered before."""


@dataclass(frozen=True)
class Decision:
    """An answer about a pattern.

    Attributes
    ----------
    pattern
        The pattern, as it was edited where it was.
    answer
        `ACCEPT`, `REJECT`, `IGNORE` or `UNDO`; None for a pattern that nobody has answered.
    reviewer
        Who answered, empty if nobody said.
    original
        Text of the pattern before it was edited, empty if it was not.
    taken_from
        Name of the earlier file that the answer was taken over from, empty if it was given anew.
    """

    pattern: Pattern
    answer: str | None
    reviewer: str = ""
    original: str = ""
    taken_from: str = ""

    @cached_property
    def asked_id(self) -> str:
        """Id of the pattern that the reviewer was asked about: that before editing."""
        return replace(self.pattern, text=self.original or self.pattern.text).id

    def to_row(self) -> dict[str, Any]:
        """Return the row of a decisions file: that of the pattern, and the answer."""
        row = {**self.pattern.to_row(), "answer": self.answer}
        if self.original:
            row["original"] = {"id": self.asked_id, "pattern": self.original}
        if self.reviewer:
            row["reviewer"] = self.reviewer
        if self.taken_from:
            row["taken_from"] = self.taken_from
        return row

    @classmethod
    def from_row(cls, row: Mapping[str, Any], lang: str = "") -> Decision:
        """Make a decision of the row of a file of decisions or of patterns.

        Parameters
        ----------
        row
            See `Pattern.from_row`; ids are not read, as they follow from the texts.
        lang
            Language of a row that names none.

        Raises
        ------
        CatalogNERError
            If a value is missing or of another type, or there is no such answer.
        """
        answer = row.get("answer")
        if answer not in (None, ACCEPT, REJECT, IGNORE, UNDO):
            raise CatalogNERError(f'answer: expected "accept" or "reject", got {answer!r:.80}')
        original = row.get("original") or {"pattern": ""}
        before = original.get("pattern") if isinstance(original, dict) else None
        if not isinstance(before, str):
            raise CatalogNERError(f'original: expected {{"id", "pattern"}}, got {original!r:.80}')
        names = {name: row.get(name) or "" for name in ("reviewer", "taken_from")}
        for name, value in names.items():
            if not isinstance(value, str):
                raise CatalogNERError(f"{name}: expected text, got {value!r:.80}")
        return cls(Pattern.from_row(row, lang), answer, original=" ".join(before.split()), **names)


def standing(decisions: Iterable[Decision]) -> dict[str, Decision]:
    """Return the decisions that count: of each pattern the last, unless it was taken back.

    Parameters
    ----------
    decisions
        In the order in which they were made.

    Returns
    -------
    dict
        By id of the pattern asked about, in the order in which they were made.
    """
    last: dict[str, Decision] = {}
    for decision in decisions:
        stand(last, decision)
    return last


def stand(last: dict[str, Decision], decision: Decision) -> None:
    """Bring what `standing` returned up to date with one more decision."""
    last.pop(decision.asked_id, None)  # so that it is the last in order, too
    if decision.answer != UNDO:
        last[decision.asked_id] = decision


def known_answers(decisions: Mapping[str, Decision]) -> dict[str, Decision]:
    """Return what standing decisions say of patterns: of those asked about and those edited.

    That one was edited into another says of the other that it was accepted as it is.

    Parameters
    ----------
    decisions
        What `standing` returned.

    Returns
    -------
    dict
        By id of the pattern; only patterns that were accepted or rejected.
    """
    own = {key: one for key, one in decisions.items() if one.answer in (ACCEPT, REJECT)}
    edited = {one.pattern.id: replace(one, original="") for one in own.values() if one.original}
    return edited | own
