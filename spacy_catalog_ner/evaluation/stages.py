"""Which stage of the pipeline each error comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from spacy_catalog_ner.evaluation.alignment import Pair, listed_keys, span_keys
from spacy_catalog_ner.evaluation.outcomes import KINDS, RIGHT, Outcome
from spacy_catalog_ner.evaluation.result import Score, StageErrors
from spacy_catalog_ner.io.row import Row, RowSpan

NO_ANSWER = "no answer"
STAGES = (NO_ANSWER, "catalog", "retrieval", "selection", "constraint", "student")


class StageError(NamedTuple):
    """A gold or predicted span in error, and the stage it is due to.

    It `counts_as` ``"missed"`` or ``"spurious"``; `pair` and `kind` are those of its outcome.
    """

    pair: int
    stage: str
    counts_as: str
    span: RowSpan
    kind: str


def attribute(pairs: Sequence[Pair], outcomes: Sequence[Outcome]) -> list[StageError]:
    """Find the stage that every missed and every spurious span is due to.

    A gold span that was not predicted exactly is due to

    - ``no answer``, if its text has no prediction, or one that says that it failed;
    - ``catalog``, if it is not among the row's candidates;
    - ``retrieval``, if it is a candidate that was not selected, and none of the exemplars that
      were shown has its label among what was right in it (``exemplar_labels``);
    - ``selection``, if it is a candidate that was not selected, for whatever other reason. Where
      nothing says what was selected, what was not predicted was not selected;
    - ``constraint``, if it was selected and dropped afterwards;
    - ``student``, if the row has no candidates: one model does everything.

    A predicted span that is not gold is due to ``selection`` if it is among the candidates, else
    to ``student``; in a prediction that failed to ``no answer``.

    ``candidates``, ``selected`` and ``exemplar_labels`` are those of the predicted rows, and the
    outcomes are what `compare` returned for the pairs. There is a `StageError` for each span, hence
    two where a wrong span overlaps with gold.
    """
    errors = []
    wrong = (outcome for outcome in outcomes if outcome.kind != RIGHT)
    for position, group in groupby(wrong, key=lambda outcome: outcome.pair):
        stages = _Stages(pairs[position].predicted)
        for outcome in group:
            if outcome.gold is not None:
                stage = stages.of_missed(outcome.gold)
                errors.append(StageError(position, stage, "missed", outcome.gold, outcome.kind))
            if (span := outcome.predicted) is not None:
                stage = stages.of_spurious(span)
                errors.append(StageError(position, stage, "spurious", span, outcome.kind))
    return errors


class _Stages:
    """What the stages made of one text."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.candidates = listed_keys(row, "candidates")
        self.selected = listed_keys(row, "selected") if "selected" in row.keys else span_keys(row)

    def of_missed(self, span: RowSpan) -> str:
        """Return the stage at which a gold span was lost."""
        if self.row.failure:
            return NO_ANSWER
        if "candidates" not in self.row.keys:
            return "student"
        if span.key not in self.candidates:
            return "catalog"
        if span.key in self.selected:
            return "constraint"
        shown = self.row.keys.get("exemplar_labels")
        return "selection" if shown is None or span.label in shown else "retrieval"

    def of_spurious(self, span: RowSpan) -> str:
        """Return the stage that let a span in."""
        if self.row.failure:
            return NO_ANSWER
        return "selection" if span.key in self.candidates else "student"


def summarize_stages(
    errors: Sequence[StageError], outcomes: Sequence[Outcome]
) -> dict[str, StageErrors]:
    """Count the errors of each stage, and say what mending all of them would be worth.

    That is an upper bound: the stages after it may fail on what it lets through. The gains of
    several stages do not add up.
    """
    counts = Counter((error.stage, error.counts_as) for error in errors)
    kinds = Counter((error.stage, error.kind) for error in errors)
    right = sum(outcome.kind == RIGHT for outcome in outcomes)
    missed = sum(error.counts_as == "missed" for error in errors)
    summary = {}
    for stage in STAGES:
        found, gone = counts[stage, "missed"], counts[stage, "spurious"]
        mended = Score.of(right + found, len(errors) - missed - gone, missed - found)
        kinds_here = {kind: kinds[stage, kind] for kind in KINDS if kinds[stage, kind]}
        summary[stage] = StageErrors(found, gone, kinds_here, mended.f1)
    return summary
