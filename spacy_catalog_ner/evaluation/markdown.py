"""Evaluations as Markdown: one result for a README, and a table of several systems."""

from __future__ import annotations

from typing import Any

from spacy_catalog_ner.evaluation.html import (
    KIND_MEANINGS,
    STAGE_MEANINGS,
    format_change,
    format_difference,
    format_figure,
    measures,
)
from spacy_catalog_ner.evaluation.result import Confusion, Interval, Result, Score
from spacy_catalog_ner.reporting.markdown import escape_markdown, markdown_table

_MAX_CONFUSIONS = 20  # as many pairs of labels are listed
_SCORES = ("F1", "precision", "recall", "gold")


def render_result_markdown(result: Result, title: str, baseline: Result | None = None) -> str:
    """Render everything but the single errors, next to a `baseline` on the same gold rows."""
    stages = (
        [name, part.missed, part.spurious, format_figure(part.f1_if_perfect), STAGE_MEANINGS[name]]
        for name, part in result.stages.items()
    )
    stage_head = ["stage", "missed", "spurious", "F1 if perfect", "meaning"]
    systems = {"errors": result} if baseline is None else {"errors": result, "baseline": baseline}
    kinds = (
        [kind, *(system.errors.get(kind, 0) for system in systems.values()), meaning]
        for kind, meaning in KIND_MEANINGS.items()
    )
    kind_head = ["kind", *systems, "meaning"]
    lengths = ([part.name, *_scores(part), part.texts] for part in result.by_length)
    length_head = ["tokens" if result.tokens else "words", *_SCORES, "texts"]
    sections = {
        "Labels": _labels(result, baseline),
        "Confusion": _confusion(result.confusion),
        "Stages": markdown_table(stage_head, stages, text_columns=(0, 4)),
        "Errors": markdown_table(kind_head, kinds, text_columns=(0, len(kind_head) - 1)),
        "Length": markdown_table(length_head, lengths),
    }
    if result.by_novelty:
        rows = ([name, *_scores(part)] for name, part in result.by_novelty.items())
        sections["Novelty"] = markdown_table(["entity", *_SCORES], rows)
    if result.calibration:
        error = format_figure(result.calibration.expected_calibration_error)
        bins = (
            [f"{part.first} to {part.last}", part.spans, *map(format_figure, figures)]
            for part in result.calibration.bins
            for figures in [(part.confidence, part.accuracy)]
        )
        table = markdown_table(["bin", "spans", "confidence", "accuracy"], bins)
        sections["Calibration"] = [f"Expected calibration error: {error}", "", *table]
    lines = [f"# {escape_markdown(title)}", "", *_summary(result, baseline)]
    for name, section in sections.items():
        lines += ["", f"## {name}", "", *section]
    return "\n".join(lines) + "\n"


def _summary(result: Result, baseline: Result | None) -> list[str]:
    micro = result.micro
    lines = [
        f"{result.texts} texts, {micro.gold} gold entities, {micro.predicted} predicted, {micro.tp}"
        " of them right. Exact match of span and label; 95 % intervals from a bootstrap over"
        " texts.",
        "",
    ]
    if result.comparison:
        p_value = result.comparison.p_value
        test = "" if p_value is None else f"; p = {p_value:.4f} (paired approximate randomisation)"
        lines += [
            f"F1 against the baseline, {escape_markdown(result.comparison.baseline)}:"
            f" {format_change(result.comparison.micro)} points, with the 95 % interval of the"
            f" difference{test}.",
            "",
        ]
    old, bounds = baseline or result, micro.intervals
    figures: list[tuple[str, float | None, str, float | None]] = [
        ("Precision", micro.precision, _range(bounds.precision), old.micro.precision),
        ("Recall", micro.recall, _range(bounds.recall), old.micro.recall),
        ("F1", micro.f1, _range(bounds.f1), old.micro.f1),
        ("Macro F1", result.macro_f1, _range(result.macro_f1_interval), old.macro_f1),
    ]
    for name, meaning, figure, theirs in measures(result, baseline):
        figures.append((f"{name} ({meaning})", figure, "", theirs))
    rows = (
        [name, format_figure(figure), interval, *(_compare(figure, theirs) if baseline else [])]
        for name, figure, interval, theirs in figures
    )
    other = ["baseline", "difference"] if baseline else []
    return lines + markdown_table(["measure", "value", "95 % interval", *other], rows)


def _labels(result: Result, baseline: Result | None) -> list[str]:
    head = ["label", "F1", "95 % interval", "precision", "recall", "gold"]
    if baseline is not None:
        head += ["baseline F1", "difference"]
    if result.comparison:
        head.append("points (95 % interval)")
    rows = []
    for label, score in result.per_label.items():
        f1, *others = _scores(score)
        row = [label, f1, _range(score.intervals.f1), *others]
        if baseline is not None:
            theirs = baseline.per_label.get(label)
            row += _compare(score.f1, None if theirs is None else theirs.f1)
        if result.comparison:
            row.append(format_change(result.comparison.per_label[label]))
        rows.append(row)
    return markdown_table(head, rows)


def _confusion(confusion: Confusion) -> list[str]:
    """List the most frequent confusions, without missed and spurious entities."""
    labels, counts = confusion.labels, confusion.counts
    found = [
        (-counts[row][column], gold, predicted)
        for row, gold in enumerate(labels)
        for column, predicted in enumerate(labels)
        if row != column and counts[row][column]
    ]
    if not found:
        return ["No label was taken for another."]
    rows = ([gold, predicted, -count] for count, gold, predicted in sorted(found)[:_MAX_CONFUSIONS])
    table = markdown_table(["gold", "predicted as", "entities"], rows, text_columns=(0, 1))
    if len(found) > _MAX_CONFUSIONS:
        table += ["", f"The first {_MAX_CONFUSIONS} of {len(found)} pairs of labels."]
    return table


def _scores(score: Score) -> list[str]:
    figures = (score.f1, score.precision, score.recall)
    return [*map(format_figure, figures), str(score.gold)]


def _compare(ours: float | None, theirs: float | None) -> list[str]:
    """Return the baseline's figure and the difference to it."""
    if ours is None or theirs is None:
        return [format_figure(theirs), "-"]
    return [format_figure(theirs), format_difference(ours - theirs)]


def _range(interval: Interval) -> str:
    return f"{format_figure(interval[0])} to {format_figure(interval[1])}"


def render_markdown(title: str, corpus: dict[str, Any], systems: dict[str, Result]) -> str:
    """Render the scores of several systems: a table of all, and F1 per label.

    `corpus` is ``meta.json`` of a prepared corpus, or empty.
    """
    results = list(systems.values())
    lines = [
        f"# {escape_markdown(title)}",
        "",
        f"{results[0].texts} held-out utterances. {_describe(corpus)}".strip(),
        "",
    ]
    rows = []
    for name, result in systems.items():
        micro, seconds = result.micro, result.seconds_per_text
        figures = (micro.precision, micro.recall, micro.f1, result.macro_f1)
        time = "" if seconds is None else f"{seconds:.4f}"
        rows.append([name, *map(format_figure, figures), time])
    head = ["system", "precision", "recall", "F1", "macro F1", "seconds per utterance"]
    lines += [
        *markdown_table(head, rows),
        "",
        "Exact match of span and label. Seconds are of one run over the whole set, in batches; the"
        " first batch, which loads the models, is left out.",
    ]
    if recall := max(result.candidate_recall or 0.0 for result in results):
        lines.append(
            f"The catalog holds {recall:.1%} of the gold entities: the ceiling of recall for"
            " whatever selects among its candidates."
        )
        if corpus.get("oracle_catalog"):
            lines.append(
                "That is by construction: the catalog is an oracle, the names of the test set were"
                " put into it. The figures tell how well a system selects, and not how well it does"
                " with a catalog that lacks names."
            )
    per_label = []
    for label in sorted({label for result in results for label in result.per_label}):
        scores = [result.per_label.get(label) for result in results]
        gold = max(score.gold for score in scores if score)
        cells = (format_figure(score.f1 if score else None) for score in scores)
        per_label.append([label, gold, *cells])
    lines += ["", "## F1 per label", "", *markdown_table(["label", "gold", *systems], per_label)]
    return "\n".join(lines) + "\n"


def _describe(corpus: dict[str, Any]) -> str:
    if not corpus:
        return ""
    kind = (
        "an oracle catalog made of the gold spans of all splits"
        if corpus["oracle_catalog"]
        else "the corpus's own catalogs"
    )
    learned = (
        f"{corpus['exemplars']} exemplars, {corpus['traffic']} utterances labelled by the teacher"
        if corpus["traffic"]
        else f"{corpus['exemplars']} annotated utterances to train on, no teacher"
    )
    return f"Corpus {corpus['corpus']} ({corpus['lang']}), {kind}, {learned}."
