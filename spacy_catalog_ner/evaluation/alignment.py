"""Bringing predicted and gold rows of the same texts together."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.io.row import Row, RowSpan

Key = tuple[int, int, str]  # start, end, label
Rows = Sequence[Row | Mapping[str, Any] | tuple[Place, Row]]


class Pair(NamedTuple):
    """One text as it was predicted and as it is in gold, each span once.

    The `name` is the id of the row, or ``row N`` of gold where it has none. A text that was not
    answered has a predicted row with a `failure` and no candidates.
    """

    name: str
    predicted: Row
    gold: Row


class Annotation:
    """Rows with their places, the `name` of their file and the `problems` to report to."""

    def __init__(self, rows: Rows, name: str, problems: Problems) -> None:
        self.name = name
        self.rows: list[Row] = []
        self._places: list[Place] = []
        self._problems = problems
        for number, item in enumerate(rows, start=1):
            place, row = item if isinstance(item, tuple) else (Place(name, number), item)
            self.rows.append(Row.from_dict(row))
            self._places.append(place)
            if self.rows[-1].spans is None and not self.rows[-1].failure:
                raise CatalogNERError(f'{place}: no "spans"; expected an annotated row')

    def report(self, kind: str, position: int, message: str) -> None:
        """Report a problem of a row."""
        self._problems.add(kind, self._places[position], message)

    def report_ids(self, repeated: Sequence[int], unnamed: Sequence[int]) -> None:
        """Report the rows that `match_rows` found repeated, and those without an id."""
        for position in repeated:
            message = f"{self.describe(position)} again; only the first counts"
            self.report("duplicated id", position, message)
        for position in unnamed:
            message = "no id, most rows have one; paired by its text"
            self.report("row without id", position, message)

    def describe(self, position: int) -> str:
        """Return text and id of a row."""
        row = self.rows[position]
        return f"{row.text!r:.60}" + (f" with the id {row.id!r:.60}" if row.id else "")

    def clean(self, position: int) -> Row:
        """Return a row with each span once and without optional lists that cannot be read."""
        row = self.rows[position]
        spans: dict[Key, RowSpan] = {}
        for span in row.spans or ():
            if span.key in spans:
                message = f"{span.label} {span.start}..{span.end} twice; counted once"
                self.report("duplicated span", position, message)
            else:
                spans[span.key] = span
        unread = [name for name in _OPTIONAL if name in row.keys and not _is_readable(row, name)]
        for name in unread:
            message = f'"{name}": expected a list of {_OPTIONAL[name]}; left out'
            self.report(f'unreadable "{name}"', position, message)
        if not unread and len(spans) == len(row.spans or ()):
            return row
        return Row(row.text, list(spans.values()), _without(row, unread))


_SPAN = '{"start", "end", "label"}'
_OPTIONAL = {"candidates": _SPAN, "selected": _SPAN, "exemplar_labels": "labels"}


def _is_readable(row: Row, name: str) -> bool:
    values = row.keys[name]
    if not isinstance(values, list):
        return False
    if _OPTIONAL[name] != _SPAN:
        return all(isinstance(value, str) for value in values)
    try:
        listed_keys(row, name)
    except (KeyError, TypeError):
        return False
    return True


def _without(row: Row, names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in row.keys.items() if name not in names}


def span_keys(row: Row) -> set[Key]:
    """Return what is compared of the spans of a row: (start, end, label)."""
    return {(span.start, span.end, span.label) for span in row.spans or ()}


def listed_keys(row: Row, name: str) -> set[Key]:
    """Return the same of its ``"candidates"`` or ``"selected"``, nothing if it has none."""
    return {(span["start"], span["end"], span["label"]) for span in row.keys.get(name, ())}


def align_rows(
    predictions: Rows,
    gold: Rows,
    problems: Problems,
    names: tuple[str, str] = ("predictions", "gold"),
) -> list[Pair]:
    """Pair every gold row with the prediction for its text, in the order of gold.

    Rows are paired as `match_rows` does. The order of the predictions does not matter.

    Parameters
    ----------
    predictions, gold
        Annotated rows: `Row`, as JSONL has them, or (place, row).
    problems
        Receives gold rows without a prediction for their text, and predictions that failed (what
        they lack counts as missed); predictions without gold, rows with id and text of an earlier
        one, and ``"candidates"``, ``"selected"`` or ``"exemplar_labels"`` that cannot be read
        (left out); duplicated spans (counted once); rows without an id where most have one; and
        labels that only one of the two has.
    names
        What messages call the two.

    Raises
    ------
    CatalogNERError
        If there is no gold row, no prediction is for one, or a row has no spans list.
    """
    answers = Annotation(predictions, names[0], problems)
    wanted = Annotation(gold, names[1], problems)
    if not wanted.rows:
        raise CatalogNERError(f"{names[1]}: no annotated text to evaluate against")
    match = match_rows(wanted.rows, answers.rows)
    if not match.pairs:
        raise CatalogNERError(
            f"{names[0]}: none of the {len(predictions)} predicted rows is for one of the"
            f" {len(gold)} gold rows; expected rows of the same texts, or with the same ids"
        )
    wanted.report_ids(match.repeated[0], match.unnamed[0])
    answers.report_ids(match.repeated[1], match.unnamed[1])
    used = {*match.pairs.values(), *match.other_text.values(), *match.repeated[1]}
    for position in range(len(predictions)):
        if position not in used:
            message = f"no gold row for {answers.describe(position)}; row left out"
            answers.report("prediction without gold", position, message)
    pairs = []
    first_predicted: dict[str, int] = {}  # label -> its first row
    first_gold: dict[str, int] = {}
    left_out = set(match.repeated[0])
    for position, row in enumerate(wanted.rows):
        if position in left_out:
            continue
        gold_row = wanted.clean(position)
        answer = match.pairs.get(position)
        if answer is None:
            _report_missing(wanted, position, answers, match.other_text.get(position))
            predicted = Row(row.text, [], {"catalog_ner": {"failure": "no prediction"}})
        else:
            predicted = _read_answer(answers, answer)
            for span in predicted.spans or ():
                first_predicted.setdefault(span.label, answer)
        for span in gold_row.spans or ():
            first_gold.setdefault(span.label, position)
        pairs.append(Pair(row.id or f"row {position + 1}", predicted, gold_row))
    for label, position in first_predicted.items():
        if label not in first_gold:
            message = f"label {label!r} is never in gold"
            answers.report("label only in predictions", position, message)
    for label, position in first_gold.items():
        if label not in first_predicted:
            message = f"label {label!r} is never predicted"
            wanted.report("label only in gold", position, message)
    return pairs


def _read_answer(answers: Annotation, position: int) -> Row:
    """Return a predicted row, without what its stages made if it failed."""
    row = answers.clean(position)
    if not row.failure:
        return row
    message = f"no answer ({row.failure:.80}); what it lacks counts as missed"
    answers.report("failed row", position, message)
    return Row(row.text, row.spans, _without(row, _OPTIONAL))


def _report_missing(
    wanted: Annotation, position: int, answers: Annotation, other: int | None
) -> None:
    if other is None:
        message = f"no prediction for {wanted.describe(position)}; its spans count as missed"
        wanted.report("gold without prediction", position, message)
    else:
        row = answers.rows[other]
        message = (
            f"id {row.id!r:.60} is for {row.text!r:.60}, in gold it is for"
            f" {wanted.rows[position].text!r:.60}; the gold spans count as missed"
        )
        answers.report("another text", other, message)


class Match(NamedTuple):
    """Which rows of two lists are of the same text, as positions in the lists."""

    pairs: dict[int, int]
    """Position in the first list -> position in the second."""
    other_text: dict[int, int]
    """The same for rows with the same id, but another text."""
    repeated: tuple[list[int], list[int]]
    """Of either list the rows with id and text of one before them, which are in no pair."""
    unnamed: tuple[list[int], list[int]]
    """Of either list the rows without an id, where rows are paired by ids."""


def match_rows(a: Sequence[Row], b: Sequence[Row]) -> Match:
    """Find the rows of the same text in two lists.

    Where more than half of the rows of both lists have an id (``"id"``, else ``meta["id"]``), rows
    with the same id and text are paired, then those without an id by text with what is left. Else
    all are paired by text, the n-th occurrence of a text with its n-th.
    """
    ids_a, ids_b = [row.id for row in a], [row.id for row in b]
    repeated = _find_repeated(a, ids_a), _find_repeated(b, ids_b)
    left_a = _drop(range(len(a)), repeated[0])
    left_b = _drop(range(len(b)), repeated[1])

    def pair(key_a: Callable[[int], Hashable], key_b: Callable[[int], Hashable]) -> dict[int, int]:
        """Pair rows that are left and have equal keys, the n-th with the n-th."""
        nonlocal left_a, left_b
        waiting: defaultdict[Hashable, deque[int]] = defaultdict(deque)
        for position in left_b:
            waiting[key_b(position)].append(position)
        found = {}
        for position in left_a:
            if same := waiting.get(key_a(position)):
                found[position] = same.popleft()
        left_a, left_b = _drop(left_a, found), _drop(left_b, found.values())
        return found

    if not (_are_usual(ids_a) and _are_usual(ids_b)):
        return Match(pair(lambda n: a[n].text, lambda n: b[n].text), {}, repeated, ([], []))
    pairs = pair(lambda n: (ids_a[n], a[n].text), lambda n: (ids_b[n], b[n].text))
    # A row without an id may be that of any id, one with an id is no other's
    pairs |= pair(lambda n: (ids_a[n] == "", a[n].text), lambda n: (ids_b[n] != "", b[n].text))
    other_text = pair(lambda n: ids_a[n] or -1, lambda n: ids_b[n] or -2)
    unnamed = [[n for n, name in enumerate(ids) if not name] for ids in (ids_a, ids_b)]
    return Match(pairs, other_text, repeated, (unnamed[0], unnamed[1]))


def _are_usual(ids: Sequence[str]) -> bool:
    return 2 * ids.count("") < len(ids)


def _drop(positions: Iterable[int], without: Iterable[int]) -> list[int]:
    without = set(without)
    return [position for position in positions if position not in without]


def _find_repeated(rows: Sequence[Row], ids: Sequence[str]) -> list[int]:
    seen: set[tuple[str, str]] = set()
    repeated = []
    for position, (row, name) in enumerate(zip(rows, ids, strict=True)):
        if name and (name, row.text) in seen:
            repeated.append(position)
        seen.add((name, row.text))
    return repeated if _are_usual(ids) else []
