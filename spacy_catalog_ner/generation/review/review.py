"""A reviewer's session: which pattern comes next, and what becomes of an answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.generation.patterns.pattern import Pattern
from spacy_catalog_ner.generation.review.decision import (
    ACCEPT,
    IGNORE,
    REJECT,
    UNDO,
    Decision,
    known_answers,
)
from spacy_catalog_ner.generation.review.decisions import Decisions


class ReviewSession:
    """Asks about the patterns that have no decision, in their order.

    All that it knows stands in the decisions, so that a session that was ended in any way goes on
    where it was: it can even take back what was answered before.

    Parameters
    ----------
    patterns
        To be reviewed; of several with the same id the first counts.
    decisions
        The log, which may know some of them already, and others.
    reviewer
        Who answers.
    labels
        Labels that an edited pattern may have; those of the patterns if None.

    Attributes
    ----------
    patterns
        By id, in their order.
    """

    def __init__(
        self,
        patterns: Iterable[Pattern],
        decisions: Decisions,
        *,
        reviewer: str = "",
        labels: Collection[str] | None = None,
    ) -> None:
        self.patterns: dict[str, Pattern] = {}
        for pattern in patterns:
            self.patterns.setdefault(pattern.id, pattern)
        if labels is None:
            labels = {label for pattern in self.patterns.values() for label in pattern.labels}
        self._labels = sorted(labels)
        self._decisions = decisions
        self._reviewer = reviewer

    @property
    def undecided(self) -> list[Pattern]:
        """The patterns that have no decision."""
        decided = self._decisions.standing
        return [pattern for key, pattern in self.patterns.items() if key not in decided]

    @property
    def current(self) -> Pattern | None:
        """The pattern to answer now; None where all are decided."""
        return next(iter(self.undecided), None)

    def counts(self) -> dict[str, int]:
        """Count the patterns: ``accepted`` with those ``edited``, and what became of the others."""
        decided = [one for key, one in self._decisions.standing.items() if key in self.patterns]
        answers = Counter(decision.answer for decision in decided)
        return {
            "patterns": len(self.patterns),
            "accepted": answers[ACCEPT],
            "edited": sum(one.answer == ACCEPT and bool(one.original) for one in decided),
            "rejected": answers[REJECT],
            "ignored": answers[IGNORE],
            "undecided": len(self.patterns) - len(decided),
        }

    def answer(self, pattern: Pattern, answer: str, text: str = "") -> None:
        """Decide about a pattern of this session; to repeat a decision changes nothing.

        Parameters
        ----------
        pattern
            The pattern as it is in the session.
        answer
            `ACCEPT`, `REJECT` or `IGNORE`, which skips it.
        text
            What an accepted pattern is to be edited into, if it is.

        Raises
        ------
        CatalogNERError
            If the edited text is no pattern, has an unknown label or is that of another pattern.
        """
        decision = Decision(pattern, answer, self._reviewer)
        edited = " ".join(text.split())
        if answer == ACCEPT and edited not in ("", pattern.text):
            decision = replace(
                decision, pattern=replace(pattern, text=edited), original=pattern.text
            )
            self._check(decision)
        if decision != self._decisions.standing.get(pattern.id):
            self._decisions.add(decision)

    def undo(self) -> Pattern | None:
        """Take the last decision back and return its pattern, which comes next; None if none is."""
        for key, decision in list(self._decisions.standing.items())[::-1]:
            if key in self.patterns:
                self._decisions.add(replace(decision, answer=UNDO, reviewer=self._reviewer))
                return self.patterns[key]
        return None

    def take_over(self, earlier: Mapping[str, Mapping[str, Decision]]) -> int:
        """Take over what was accepted or rejected in earlier files; skipped patterns are asked.

        What was taken over from a file of the same name before, and is no longer said by any of
        these or about patterns that are no longer there, is taken back: the result is that of the
        files as they are now. Decisions of this log's own reviewers always stay.

        Parameters
        ----------
        earlier
            By name of the file, its standing decisions; of several files the last counts.

        Returns
        -------
        int
            Number of patterns whose decision was taken over, now or before.
        """
        known = {
            key: replace(decision, taken_from=name)
            for name, decisions in earlier.items()
            for key, decision in known_answers(decisions).items()
            if key in self.patterns
        }
        before = dict(self._decisions.standing)
        own = {key for key, one in before.items() if one.taken_from not in earlier}
        withdrawn = before.keys() - own - known.keys()
        self._decisions.add(
            *(replace(one, answer=UNDO) for key, one in before.items() if key in withdrawn),
            *(one for key, one in known.items() if key not in own and one != before.get(key)),
        )
        return len(known.keys() - own)

    def _check(self, decision: Decision) -> None:
        """Refuse a text that is not well-formed or is that of another pattern."""
        pattern = decision.pattern
        try:
            pattern.text.encode("utf8")
        except UnicodeEncodeError:
            raise CatalogNERError(f"{pattern.text!r}: half a surrogate pair is no text") from None
        literals = "".join(pattern.literals)
        if "<" in literals or ">" in literals:
            raise CatalogNERError(f"{pattern.text!r}: a < or > that is no part of a <LABEL>")
        if not pattern.labels or not any(char.isalnum() for char in literals):
            raise CatalogNERError(f"{pattern.text!r}: expected words and a <LABEL> among them")
        for label in pattern.labels:
            if label not in self._labels:
                known = ", ".join(self._labels)
                raise CatalogNERError(f"unknown label <{label}>; known are {known}")
        taken = self.patterns.keys() | {
            one.pattern.id
            for key, one in self._decisions.standing.items()
            if key != decision.asked_id
        }
        if pattern.id != decision.asked_id and pattern.id in taken:
            raise CatalogNERError(
                f"{pattern.text!r} is a pattern already; reject this one and keep that"
            )
