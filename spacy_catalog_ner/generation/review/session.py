"""A review session: which pattern comes next, and what an answer does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.generation.patterns.pattern import Pattern
from spacy_catalog_ner.generation.review.decisions import (
    ACCEPT,
    IGNORE,
    REJECT,
    UNDO,
    Decision,
    DecisionLog,
    known_answers,
)


class ReviewSession:
    """Asks about the patterns that have no decision, in their order.

    All state is in the log, so that a session that ended in any way goes on where it was, and can
    undo earlier answers.

    Parameters
    ----------
    patterns
        To be reviewed; of several with the same id the first counts.
    decisions
        The log, which may also hold decisions about other patterns.
    reviewer
        Who answers.
    labels
        Labels that an edited pattern may have; those of the patterns if None.
    """

    def __init__(
        self,
        patterns: Iterable[Pattern],
        decisions: DecisionLog,
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
        decided = self._decisions.latest
        return [pattern for key, pattern in self.patterns.items() if key not in decided]

    @property
    def current(self) -> Pattern | None:
        """The pattern to answer now; None where all are decided."""
        return next(iter(self.undecided), None)

    def counts(self) -> dict[str, int]:
        """Count the patterns by their state."""
        decided = [one for key, one in self._decisions.latest.items() if key in self.patterns]
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
        """Decide about a pattern of this session; repeating a decision changes nothing.

        `text` is the new text of an accepted pattern, if it was edited.

        Raises
        ------
        CatalogNERError
            If the edited text is not a pattern, has an unknown label or is that of another pattern.
        """
        decision = Decision(pattern, answer, self._reviewer)
        edited = " ".join(text.split())
        if answer == ACCEPT and edited not in ("", pattern.text):
            decision = replace(
                decision, pattern=replace(pattern, text=edited), original=pattern.text
            )
            self._check_edited(decision)
        if decision != self._decisions.latest.get(pattern.id):
            self._decisions.add(decision)

    def undo(self) -> Pattern | None:
        """Undo the last decision and return its pattern, if there is one; it is asked next."""
        for key, decision in list(self._decisions.latest.items())[::-1]:
            if key in self.patterns:
                self._decisions.add(replace(decision, answer=UNDO, reviewer=self._reviewer))
                return self.patterns[key]
        return None

    def take_over(self, earlier: Mapping[str, Mapping[str, Decision]]) -> int:
        """Take over what was accepted or rejected in earlier files.

        Decisions taken over from a file of the same name before are undone if the file does not
        have them any more or their pattern is gone. Answers of this log's own reviewers stay.
        `earlier` has the `latest_decisions` by name of the file; of several files the last counts.

        Returns the number of patterns whose decision was taken over, now or before.
        """
        known = {
            key: replace(decision, taken_from=name)
            for name, decisions in earlier.items()
            for key, decision in known_answers(decisions).items()
            if key in self.patterns
        }
        before = dict(self._decisions.latest)
        own = {key for key, one in before.items() if one.taken_from not in earlier}
        withdrawn = before.keys() - own - known.keys()
        self._decisions.add(
            *(replace(one, answer=UNDO) for key, one in before.items() if key in withdrawn),
            *(one for key, one in known.items() if key not in own and one != before.get(key)),
        )
        return len(known.keys() - own)

    def _check_edited(self, decision: Decision) -> None:
        """Refuse a text that is not well-formed or is that of another pattern."""
        pattern = decision.pattern
        try:
            pattern.text.encode("utf8")
        except UnicodeEncodeError:
            raise CatalogNERError(f"{pattern.text!r}: half a surrogate pair is no text") from None
        literals = "".join(pattern.literals)
        if "<" in literals or ">" in literals:
            raise CatalogNERError(f"{pattern.text!r}: a < or > that is not part of a <LABEL>")
        if not pattern.labels or not any(char.isalnum() for char in literals):
            raise CatalogNERError(f"{pattern.text!r}: expected words and a <LABEL> among them")
        for label in pattern.labels:
            if label not in self._labels:
                known = ", ".join(self._labels)
                raise CatalogNERError(f"unknown label <{label}>; known are {known}")
        taken = self.patterns.keys() | {
            one.pattern.id
            for key, one in self._decisions.latest.items()
            if key != decision.asked_id
        }
        if pattern.id != decision.asked_id and pattern.id in taken:
            raise CatalogNERError(
                f"{pattern.text!r} is a pattern already; reject this one and keep that"
            )
