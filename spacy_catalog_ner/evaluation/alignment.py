"""Bringing predicted and gold rows of the same texts together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from spacy_catalog_ner.errors import CatalogNERError, Problems

Row = dict[str, Any]
Key = tuple[int, int, str]  # start, end, label


class Pair(NamedTuple):
    """One text as it was predicted and as it is in gold.

    Attributes
    ----------
    name
        Id of the row, or ``row N`` of gold where it has none.
    predicted, gold
        Annotated rows, each span (start, end, label) once. A text that was not answered has a
        predicted row without spans.
    """

    name: str
    predicted: Row
    gold: Row


def span_keys(spans: Sequence[Row]) -> set[Key]:
    """Return what is compared of spans: ``(start, end, label)``."""
    return {(span["start"], span["end"], span["label"]) for span in spans}


def align_rows(
    predictions: Sequence[Row],
    gold: Sequence[Row],
    problems: Problems,
    *,
    source: str = "predictions",
) -> list[Pair]:
    """Pair every gold row with the prediction for its text, in the order of gold.

    Rows are paired by id (``"id"``, else ``meta["id"]``) if every row of both sides has one and
    none twice, else by text, the n-th occurrence of a text with its n-th. The order of the
    predictions does not matter.

    Parameters
    ----------
    predictions, gold
        Annotated rows.
    problems
        Receives gold rows without a prediction for their text (all their spans count as missed),
        predictions without gold and ``"candidates"``, ``"selected"`` or ``"exemplar_labels"``
        that cannot be read (left out), duplicated spans (counted once) and labels that only one
        side has; each with the number of its row, from 1.
    source
        What problems call the predictions.

    Raises
    ------
    CatalogNERError
        If there is no gold row, or no prediction is for one.
    """
    if not gold:
        raise CatalogNERError("gold: no annotated text to evaluate against")
    matches = _match(predictions, gold, problems, source)
    if not matches:
        raise CatalogNERError(
            f"{source}: none of the {len(predictions)} predicted rows is for one of the"
            f" {len(gold)} gold rows; expected rows of the same texts, or with the same ids"
        )
    for position in sorted(set(range(len(predictions))) - set(matches.values())):
        text = predictions[position]["text"]
        message = f"no gold row for {text!r:.60}; row left out"
        problems.add("prediction without gold", source, position + 1, message)
    pairs = []
    predicted_labels: dict[str, int] = {}
    gold_labels: dict[str, int] = {}
    for position, row in enumerate(gold):
        gold_row = _clean(row, problems, "gold", position + 1, gold_labels)
        match = matches.get(position)
        if match is None:
            predicted = {"text": row["text"], "spans": []}
        else:
            predicted = _clean(predictions[match], problems, source, match + 1, predicted_labels)
        pairs.append(Pair(_row_id(row) or f"row {position + 1}", predicted, gold_row))
    _report_labels(predicted_labels, gold_labels, problems, source)
    return pairs


def _match(
    predictions: Sequence[Row], gold: Sequence[Row], problems: Problems, source: str
) -> dict[int, int]:
    """Return position in gold -> position in the predictions, and report what has no match."""
    names, gold_names = _unique_ids(predictions), _unique_ids(gold)
    matches: dict[int, int] = {}
    if names is not None and gold_names is not None:
        for name, position in gold_names.items():
            text, match = gold[position]["text"], names.get(name)
            if match is None:
                message = f"no prediction with the id {name!r:.60}; its spans count as missed"
                problems.add("gold without prediction", "gold", position + 1, message)
            elif predictions[match]["text"] != text:
                message = (
                    f"id {name!r:.60} is for {predictions[match]['text']!r:.60}, in gold it is for"
                    f" {text!r:.60}; the gold spans count as missed"
                )
                problems.add("another text", source, match + 1, message)
            else:
                matches[position] = match
        return matches
    occurrences: defaultdict[str, list[int]] = defaultdict(list)
    for position, row in enumerate(predictions):
        occurrences[row["text"]].append(position)
    positions: dict[str, Iterator[int]] = {text: iter(found) for text, found in occurrences.items()}
    for position, row in enumerate(gold):
        match = next(positions.get(row["text"], iter(())), None)
        if match is None:
            message = f"no prediction for {row['text']!r:.60}; its spans count as missed"
            problems.add("gold without prediction", "gold", position + 1, message)
        else:
            matches[position] = match
    return matches


def _unique_ids(rows: Sequence[Row]) -> dict[str, int] | None:
    """Return id -> position, or None where a row has no id or that of another."""
    names = {}
    for position, row in enumerate(rows):
        name = _row_id(row)
        if name is None or name in names:
            return None
        names[name] = position
    return names


def _row_id(row: Row) -> str | None:
    name = row.get("id")
    if name is None:
        meta = row.get("meta")
        name = meta.get("id") if isinstance(meta, dict) else None
    return None if name is None else str(name)


def _clean(row: Row, problems: Problems, source: str, number: int, labels: dict[str, int]) -> Row:
    """Return the row with each span once and without optional lists that cannot be read.

    The number of the first row of each label is noted in `labels`.
    """
    spans: dict[Key, Row] = {}
    for span in row["spans"]:
        key = (span["start"], span["end"], span["label"])
        if key in spans:
            message = f"{span['label']} {span['start']}..{span['end']} twice; counted once"
            problems.add("duplicated span", source, number, message)
        else:
            spans[key] = span
            labels.setdefault(span["label"], number)
    unread = [name for name in _OPTIONAL if name in row and not _is_readable(row, name)]
    for name in unread:
        message = f'"{name}": expected a list of {_OPTIONAL[name]}; left out'
        problems.add(f'unreadable "{name}"', source, number, message)
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


def _report_labels(
    predicted: dict[str, int], gold: dict[str, int], problems: Problems, source: str
) -> None:
    for label, number in predicted.items():
        if label not in gold:
            message = f"label {label!r} is never in gold"
            problems.add("label only in predictions", source, number, message)
    for label, number in gold.items():
        if label not in predicted:
            message = f"label {label!r} is never predicted"
            problems.add("label only in gold", "gold", number, message)
