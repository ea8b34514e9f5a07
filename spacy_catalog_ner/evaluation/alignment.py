"""Bringing predicted and gold rows of the same texts together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.evaluation.matching import match_rows, row_id

Row = dict[str, Any]
Key = tuple[int, int, str]  # start, end, label


class Pair(NamedTuple):
    """One text as it was predicted and as it is in gold.

    Attributes
    ----------
    name
        Id of the row, or ``row N`` of gold where it has none.
    predicted, gold
        Annotated rows, each span (start, end, label) once. Of a text that was not answered the
        predicted row has a `failure_of` and no candidates.
    """

    name: str
    predicted: Row
    gold: Row


class Side:
    """One list of rows, and what messages call it and its rows.

    Parameters
    ----------
    rows
        Annotated rows.
    source
        Name of their file.
    lines
        Line of each row in it; by default its number, from 1.
    problems
        Receives the messages.
    """

    def __init__(
        self, rows: Sequence[Row], source: str, lines: Sequence[int] | None, problems: Problems
    ) -> None:
        self.rows = rows
        self.source = source
        self._lines = range(1, len(rows) + 1) if lines is None else lines
        self._problems = problems

    def report(self, kind: str, position: int, message: str) -> None:
        """Report a problem of the row at a position."""
        self._problems.add(kind, Place(self.source, self._lines[position]), message)

    def report_ids(self, repeated: Sequence[int], unnamed: Sequence[int]) -> None:
        """Report what `match_rows` found to be repeated and unnamed."""
        for position in repeated:
            message = f"{self.describe(position)} again; counted once, as it is first"
            self.report("duplicated id", position, message)
        for position in unnamed:
            message = "no id, most rows have one; paired by its text"
            self.report("row without id", position, message)

    def describe(self, position: int) -> str:
        """Return text and id of a row."""
        row = self.rows[position]
        name = row_id(row)
        return f"{row['text']!r:.60}" + ("" if name is None else f" with the id {name!r:.60}")

    def clean(self, position: int, labels: dict[str, int]) -> Row:
        """Return a row with each span once and without optional lists that cannot be read.

        The position of the first row of each label is noted in `labels`.
        """
        row = self.rows[position]
        spans: dict[Key, Row] = {}
        for span in row["spans"]:
            key = (span["start"], span["end"], span["label"])
            if key in spans:
                message = f"{span['label']} {span['start']}..{span['end']} twice; counted once"
                self.report("duplicated span", position, message)
            else:
                spans[key] = span
                labels.setdefault(span["label"], position)
        unread = [name for name in _OPTIONAL if name in row and not _is_readable(row, name)]
        for name in unread:
            message = f'"{name}": expected a list of {_OPTIONAL[name]}; left out'
            self.report(f'unreadable "{name}"', position, message)
        if not unread and len(spans) == len(row["spans"]):
            return row
        clean = {name: value for name, value in row.items() if name not in unread}
        return clean | {"spans": list(spans.values())}


_SPAN = '{"start", "end", "label"}'
_OPTIONAL = {"candidates": _SPAN, "selected": _SPAN, "exemplar_labels": "labels"}


def _is_readable(row: Row, name: str) -> bool:
    values = row[name]
    if not isinstance(values, list):
        return False
    if _OPTIONAL[name] != _SPAN:
        return all(isinstance(value, str) for value in values)
    try:
        span_keys(values)
    except (KeyError, TypeError):
        return False
    return True


def span_keys(spans: Sequence[Row]) -> set[Key]:
    """Return what is compared of spans: ``(start, end, label)``."""
    return {(span["start"], span["end"], span["label"]) for span in spans}


def failure_of(row: Row) -> str | None:
    """Return why a predicted row is no answer to its text, or None if it is one."""
    record = row.get("catalog_ner")
    failure = record.get("failure") if isinstance(record, dict) else None
    return " ".join(str(failure).split()) if failure else None


def align_rows(
    predictions: Sequence[Row],
    gold: Sequence[Row],
    problems: Problems,
    *,
    source: str = "predictions",
    gold_source: str = "gold",
    lines: Sequence[int] | None = None,
    gold_lines: Sequence[int] | None = None,
) -> list[Pair]:
    """Pair every gold row with the prediction for its text, in the order of gold.

    Rows are paired as `match_rows` does. The order of the predictions does not matter.

    Parameters
    ----------
    predictions, gold
        Annotated rows.
    problems
        Receives gold rows without a prediction for their text, and predictions that failed (what
        they lack counts as missed); predictions without gold, rows with id and text of an earlier
        one, and ``"candidates"``, ``"selected"`` or ``"exemplar_labels"`` that cannot be read
        (left out); duplicated spans (counted once); rows without an id where most have one; and
        labels that only one side has.
    source, gold_source
        What problems call the two.
    lines, gold_lines
        Line of each row for problems; by default its number, from 1.

    Raises
    ------
    CatalogNERError
        If there is no gold row, or no prediction is for one.
    """
    if not gold:
        raise CatalogNERError(f"{gold_source}: no annotated text to evaluate against")
    match = match_rows(gold, predictions)
    if not match.pairs:
        raise CatalogNERError(
            f"{source}: none of the {len(predictions)} predicted rows is for one of the"
            f" {len(gold)} gold rows; expected rows of the same texts, or with the same ids"
        )
    asked = Side(gold, gold_source, gold_lines, problems)
    answers = Side(predictions, source, lines, problems)
    for side, repeated, unnamed in zip(
        (asked, answers), match.repeated, match.unnamed, strict=True
    ):
        side.report_ids(repeated, unnamed)
    used = {*match.pairs.values(), *match.other_text.values(), *match.repeated[1]}
    for position in range(len(predictions)):
        if position not in used:
            message = f"no gold row for {answers.describe(position)}; row left out"
            answers.report("prediction without gold", position, message)
    pairs = []
    predicted_labels: dict[str, int] = {}
    gold_labels: dict[str, int] = {}
    left_out = set(match.repeated[0])
    for position, row in enumerate(gold):
        if position in left_out:
            continue
        gold_row = asked.clean(position, gold_labels)
        if position in match.pairs:
            predicted = _answer(answers, match.pairs[position], predicted_labels)
        else:
            _report_missing(asked, position, answers, match.other_text.get(position))
            predicted = {
                "text": row["text"],
                "spans": [],
                "catalog_ner": {"failure": "no prediction"},
            }
        pairs.append(Pair(row_id(row) or f"row {position + 1}", predicted, gold_row))
    _report_labels(answers, predicted_labels, asked, gold_labels)
    return pairs


def _answer(answers: Side, position: int, labels: dict[str, int]) -> Row:
    """Return a predicted row, without what its stages made if it failed."""
    row = answers.clean(position, labels)
    failure = failure_of(row)
    if failure is None:
        return row
    message = f"no answer ({failure:.80}); what it lacks counts as missed"
    answers.report("failed row", position, message)
    return {name: value for name, value in row.items() if name not in _OPTIONAL}


def _report_missing(asked: Side, position: int, answers: Side, other: int | None) -> None:
    if other is None:
        message = f"no prediction for {asked.describe(position)}; its spans count as missed"
        asked.report("gold without prediction", position, message)
    else:
        message = (
            f"id {row_id(answers.rows[other])!r:.60} is for {answers.rows[other]['text']!r:.60},"
            f" in gold it is for {asked.rows[position]['text']!r:.60}; the gold spans count as"
            " missed"
        )
        answers.report("another text", other, message)


def _report_labels(
    answers: Side, predicted: dict[str, int], asked: Side, gold: dict[str, int]
) -> None:
    for label, position in predicted.items():
        if label not in gold:
            message = f"label {label!r} is never in gold"
            answers.report("label only in predictions", position, message)
    for label, position in gold.items():
        if label not in predicted:
            message = f"label {label!r} is never predicted"
            asked.report("label only in gold", position, message)
