"""An evaluation as one HTML file that needs nothing else: no network, no fonts, no libraries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from math import sqrt
from typing import Any

import msgspec

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.evaluation.alignment import Pair, span_keys
from spacy_catalog_ner.evaluation.outcomes import KINDS, compare
from spacy_catalog_ner.evaluation.result import Change, Confusion, Result, Score
from spacy_catalog_ner.evaluation.stages import STAGES, StageError, attribute
from spacy_catalog_ner.io.row import Row
from spacy_catalog_ner.reporting.page import render_page

_MAX_BYTES = 8_000_000  # of texts with errors: keeps the page under 10 MB
_MAX_LABELS = 60  # in the confusion matrix

KIND_MEANINGS = {
    "type": "the right boundaries, another label",
    "boundary": "overlaps with an entity of this label",
    "type and boundary": "overlaps with an entity of another label",
    "missed": "in gold, and nothing predicted overlaps",
    "spurious": "predicted, and nothing in gold overlaps",
}
STAGE_MEANINGS = {
    "no answer": "the text has no prediction, or one that failed",
    "catalog": "no candidate has this span and label",
    "retrieval": "no exemplar that was shown has this label",
    "selection": "the right candidate was not selected, or a wrong one was",
    "constraint": "a rule dropped what was selected",
    "student": "the model itself: no candidates are recorded, or none is this",
}
MEASURES = {
    "macro_precision": ("Macro precision", "mean over the labels in gold"),
    "macro_recall": ("Macro recall", "mean over the labels in gold"),
    "boundary": ("Boundary F1", "span alone, whatever its label"),
    "type_accuracy": ("Type accuracy", "right label where the boundaries are right"),
    "overlap": ("Overlap F1", "same label, at least one character shared"),
    "tokens": ("Token F1", "label of each token"),
    "candidate_recall": (
        "Candidate recall",
        "gold among the candidates: the ceiling of what can be selected",
    ),
}


def render_html(
    result: Result,
    pairs: Sequence[Pair],
    *,
    title: str,
    baseline: Result | None = None,
    baseline_pairs: Sequence[Pair] | None = None,
    max_errors: int = 10_000,
) -> str:
    """Render an evaluation as one self-contained HTML file.

    Figures, tables and charts are in the page as they are; the errors are embedded as JSON and
    laid out by the page's own script, fifty texts at a time.

    Parameters
    ----------
    result, pairs
        What `evaluate_pairs` returned, and for what.
    title
        Heading of the page.
    baseline, baseline_pairs
        Another system on the same gold rows in the same order, to show next to it.
    max_errors
        Embed at most so many errors and 8 MB, in the order of the texts. A text that does not fit
        any more is left out; the page says how many were.

    Raises
    ------
    CatalogNERError
        If `baseline_pairs` are of other texts.
    """
    if baseline_pairs is not None and [pair.gold.text for pair in baseline_pairs] != [
        pair.gold.text for pair in pairs
    ]:
        raise CatalogNERError(
            "baseline predictions are for other texts; expected the same gold rows in the same"
            " order"
        )
    errors = _Errors(pairs, baseline_pairs, max_errors)
    return render_page(
        __package__,
        "report",
        title=title,
        data=errors.to_json(),
        filters={"figure": format_figure, "signed": format_difference, "change": format_change},
        result=result,
        baseline=baseline,
        comparison=result.comparison,
        measures=measures(result, baseline),
        confusion=_shade(result.confusion),
        lengths=[(part.name, part) for part in result.by_length],
        kinds=KIND_MEANINGS,
        stages=STAGE_MEANINGS,
        errors=errors,
    )


def format_figure(value: float | None) -> str:
    """Return a share with three decimals, a dash where there is none."""
    return "-" if value is None else f"{value:.3f}"


def format_difference(value: float) -> str:
    """Return a difference of shares with three decimals and its sign."""
    return f"{round(value, 3) + 0.0:+.3f}"  # + 0.0 makes -0.0 positive


def format_change(change: Change) -> str:
    """Return the points of a comparison with their interval."""
    points, low, high = (
        f"{round(value, 1) + 0.0:+.1f}"  # + 0.0 makes -0.0 positive
        for value in (change.points, *change.interval)
    )
    return f"{points} ({low} to {high})"


def measures(
    result: Result, baseline: Result | None
) -> list[tuple[str, str, float | None, float | None]]:
    """Return (name, meaning, figure, baseline's figure) of the measures besides exact match.

    Measures that neither has are left out.
    """
    rows = []
    for key, (name, meaning) in MEASURES.items():
        ours, theirs = _one_figure(result, key), _one_figure(baseline, key)
        if ours is not None or theirs is not None:
            rows.append((name, meaning, ours, theirs))
    return rows


def _one_figure(result: Result | None, key: str) -> float | None:
    value: Score | float | None = getattr(result, key, None)
    return value.f1 if isinstance(value, Score) else value


def _shade(confusion: Confusion) -> dict[str, Any]:
    """Lay out the confusion matrix: each cell a count and its shade, 0 to 1.

    The shade is the square root of the cell's share of its row, so that one confusion in a hundred
    can still be seen. Of many labels those with the most errors are kept, in their order.
    """
    labels, counts = confusion.labels, confusion.counts
    end = len(labels)
    columns = [sum(row[index] for row in counts) for index in range(end)]
    wrong = [sum(counts[index]) + columns[index] - 2 * counts[index][index] for index in range(end)]
    kept = sorted(sorted(range(end), key=lambda index: -wrong[index])[:_MAX_LABELS])
    rows = []
    for row in [*kept, end]:
        total = max(sum(counts[row]), 1)
        cells = (counts[row][column] for column in [*kept, end])
        rows.append([(count, sqrt(count / total)) for count in cells])
    return {"labels": [labels[index] for index in kept], "rows": rows, "all_labels": end}


class _Errors:
    """The texts with errors, in the compact form that the page's script reads.

    displaCy's own HTML takes 300 bytes for each entity, 10 MB and more for 10,000 texts, and all
    of it would be laid out at once. So only offsets are embedded, and the script makes displaCy's
    elements (``div.entities``, ``mark.entity``, its colours) of the fifty texts that are shown.

    `labels` are those of all spans, `error_labels` the positions of those that an error has;
    `texts` is the number of texts with errors, `shown` of those embedded.
    """

    def __init__(
        self, pairs: Sequence[Pair], baseline_pairs: Sequence[Pair] | None, max_errors: int
    ) -> None:
        self.has_baseline = baseline_pairs is not None
        rows = [row for pair in [*pairs, *(baseline_pairs or ())] for row in pair[1:]]
        self.labels = sorted({span.label for row in rows for span in row.spans or ()})
        self._numbers = {label: number for number, label in enumerate(self.labels)}
        attributed = attribute(pairs, compare(pairs))
        self.error_labels = sorted({self._numbers[error.span.label] for error in attributed})
        self.texts = 0
        self._rows: list[msgspec.Raw] = []
        size = errors = 0
        for position, group in groupby(attributed, key=lambda error: error.pair):
            self.texts += 1
            found, pair = list(group), pairs[position]
            # The text alone tells of most that do not fit, without laying them out
            if errors + len(found) > max_errors or size + len(pair.gold.text) > _MAX_BYTES:
                continue
            other = None if baseline_pairs is None else baseline_pairs[position].predicted
            row = msgspec.json.encode(self._compact(pair, found, other))
            if size + len(row) <= _MAX_BYTES:
                self._rows.append(msgspec.Raw(row))
                size += len(row)
                errors += len(found)
        self.shown = len(self._rows)

    def _compact(self, pair: Pair, errors: Sequence[StageError], other: Row | None) -> list[Any]:
        """Return [name, text, lang, gold, predicted, errors, baseline] as numbers."""
        offset = _utf16_offsets(pair.gold.text)

        def spans_of(row: Row) -> list[list[int]]:
            return [
                [offset(start), offset(end), self._numbers[label]]
                for start, end, label in sorted(span_keys(row))
            ]

        sides = {"missed": spans_of(pair.gold), "spurious": spans_of(pair.predicted)}
        numbers = {"missed": 0, "spurious": 1}
        found = []
        for error in errors:
            start, end, label = error.span.key
            key = [offset(start), offset(end), self._numbers[label]]
            kind, stage = KINDS.index(error.kind), STAGES.index(error.stage)
            index = sides[error.counts_as].index(key)
            found.append([numbers[error.counts_as], index, kind, stage])
        row = [pair.name, pair.gold.text, pair.gold.lang, *sides.values(), sorted(found)]
        return row if other is None else [*row, spans_of(other)]

    def to_json(self) -> str:
        """Return ``{"labels", "colours", "kinds", "stages", "baseline", "texts"}``."""
        data = {
            "labels": self.labels,
            "colours": _colours(self.labels),
            "kinds": KINDS,
            "stages": STAGES,
            "baseline": self.has_baseline,
            "texts": self._rows,
        }
        return msgspec.json.encode(data).decode()


def _utf16_offsets(text: str) -> Callable[[int], int]:
    """Return what turns offsets in characters into JavaScript's, which counts some as two."""
    if text.isascii() or max(text) <= "\uffff":
        return int
    return lambda offset: len(text[:offset].encode("utf-16-le")) // 2


def _colours(labels: Sequence[str]) -> list[str]:
    """Return displaCy's colour of each label; those it has none for take turns at its colours."""
    from spacy.displacy.render import EntityRenderer  # late: spaCy takes two seconds to import

    known = EntityRenderer().colors
    palette = list(dict.fromkeys(known.values()))
    return [
        known.get(label.upper(), palette[number % len(palette)])
        for number, label in enumerate(labels)
    ]
