"""Which stage of the pipeline each error comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from spacy_catalog_ner.evaluation.alignment import Pair, Row, failure_of, span_keys
from spacy_catalog_ner.evaluation.comparison import KINDS, RIGHT, Outcome
from spacy_catalog_ner.evaluation.score import Score

NO_ANSWER = "no answer"
STAGES = (NO_ANSWER, "catalog", "retrieval", "selection", "constraint", "student")


def attribute(pairs: Sequence[Pair], outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Say of every gold span that was missed, and of every predicted one that is not gold, why.

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

    Parameters
    ----------
    pairs
        What was compared. ``candidates``, ``selected`` and ``exemplar_labels`` are those of the
        predicted rows.
    outcomes
        What `spacy_catalog_ner.evaluation.comparison.compare` gave for the pairs.

    Returns
    -------
    list of dict
        One for each span of an error, hence two where a gold and a predicted span overlap:
        ``pair`` (its position), ``stage``, ``side`` (``"missed"`` or ``"invented"``), ``span`` and
        ``kind``, that of the outcome.
    """
    errors: list[dict[str, Any]] = []
    known: dict[int, _Stages] = {}
    for outcome in outcomes:
        if outcome.kind == RIGHT:
            continue
        if outcome.pair not in known:
            known[outcome.pair] = _Stages(pairs[outcome.pair].predicted)
        stages = known[outcome.pair]
        for side, span in (("missed", outcome.gold), ("invented", outcome.predicted)):
            if span is not None:
                stage = stages.of_missed(span) if side == "missed" else stages.of_invented(span)
                errors.append(
                    {
                        "pair": outcome.pair,
                        "stage": stage,
                        "side": side,
                        "span": span,
                        "kind": outcome.kind,
                    }
                )
    return errors


class _Stages:
    """What the stages made of one text."""

    def __init__(self, row: Row) -> None:
        self.is_answer = failure_of(row) is None
        self.has_candidates = "candidates" in row
        self.candidates = span_keys(row.get("candidates", ()))
        self.selected = span_keys(row["selected"] if "selected" in row else row["spans"])
        self.exemplar_labels = row.get("exemplar_labels")

    def of_missed(self, span: Row) -> str:
        """Return the stage at which a gold span was lost."""
        if not self.is_answer:
            return NO_ANSWER
        (key,) = span_keys([span])
        if not self.has_candidates:
            return "student"
        if key not in self.candidates:
            return "catalog"
        if key in self.selected:
            return "constraint"
        if self.exemplar_labels is not None and span["label"] not in self.exemplar_labels:
            return "retrieval"
        return "selection"

    def of_invented(self, span: Row) -> str:
        """Return the stage that let a span in."""
        if not self.is_answer:
            return NO_ANSWER
        return "selection" if span_keys([span]) <= self.candidates else "student"


def summarize_stages(
    pairs: Sequence[Pair], outcomes: Sequence[Outcome]
) -> dict[str, dict[str, Any]]:
    """Count the errors of each stage, and say what mending all of them would be worth.

    Parameters and attribution are those of `attribute`. Answers without candidates have all their
    errors in ``student``, told apart by kind.

    Returns
    -------
    dict
        For each of `STAGES`, in their order: ``missed`` and ``invented`` spans; ``kinds``, the
        same spans by the kind of their error; and ``f1_if_perfect``, the micro F1 if every missed
        span of the stage were found and every invented one gone. That is an upper bound: the
        stages after it may fail on what it lets through. The gains of several stages do not add
        up.
    """
    errors = attribute(pairs, outcomes)
    counts = Counter((error["stage"], error["side"]) for error in errors)
    kinds = Counter((error["stage"], error["kind"]) for error in errors)
    right = sum(outcome.kind == RIGHT for outcome in outcomes)
    missed = sum(error["side"] == "missed" for error in errors)
    summary = {}
    for stage in STAGES:
        found, gone = counts[stage, "missed"], counts[stage, "invented"]
        mended = Score(tp=right + found, fp=len(errors) - missed - gone, fn=missed - found)
        summary[stage] = {
            "missed": found,
            "invented": gone,
            "kinds": {kind: kinds[stage, kind] for kind in KINDS if kinds[stage, kind]},
            "f1_if_perfect": round(mended.f1, 4),
        }
    return summary
