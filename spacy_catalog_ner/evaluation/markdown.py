"""An evaluation as Markdown, for a README."""

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
from spacy_catalog_ner.reporting.markdown import escape_markdown, markdown_table

_MAX_CONFUSIONS = 20  # as many pairs of labels are listed


def render_result_markdown(
    result: dict[str, Any], title: str, baseline: dict[str, Any] | None = None
) -> str:
    """Render what `evaluate_pairs` gives: everything but the single errors, in short.

    Parameters
    ----------
    result
        The figures, and ``comparison`` (as ``catalog-ner evaluate`` adds it) where there is one.
    title
        Heading.
    baseline
        Result of another system on the same gold rows, to show beside.
    """
    lines = [f"# {escape_markdown(title)}", "", *_summary(result, baseline)]
    lines += ["", "## Labels", "", *_labels(result, baseline)]
    lines += ["", "## Confusion", "", *_confusion(result["confusion"])]
    if result["stages"]:
        rows = (
            [
                stage,
                figures["missed"],
                figures["invented"],
                format_figure(figures["f1_if_perfect"]),
                STAGE_MEANINGS[stage],
            ]
            for stage, figures in result["stages"].items()
        )
        head = ["stage", "missed", "invented", "F1 if perfect", "meaning"]
        lines += ["", "## Stages", "", *markdown_table(head, rows, text_columns=(0, 4))]
    systems = [result] if baseline is None else [result, baseline]
    rows = (
        [kind, *(system["errors"][kind] for system in systems), meaning]
        for kind, meaning in KIND_MEANINGS.items()
    )
    head = ["kind", *["errors", "baseline"][: len(systems)], "meaning"]
    lines += ["", "## Errors", "", *markdown_table(head, rows, text_columns=(0, len(head) - 1))]
    lines += ["", "## Length", "", *_lengths(result)]
    if result["by_novelty"]:
        novelty = result["by_novelty"].items()
        rows = ([name, *_scores(part)] for name, part in novelty)
        lines += ["", "## Novelty", "", *markdown_table(["entity", *_SCORES], rows)]
    if result["calibration"]:
        lines += ["", "## Calibration", "", *_calibration(result["calibration"])]
    return "\n".join(lines) + "\n"


def _summary(result: dict[str, Any], baseline: dict[str, Any] | None) -> list[str]:
    micro = result["micro"]
    lines = [
        f"{result['texts']} texts, {micro['tp'] + micro['fn']} gold entities,"
        f" {micro['tp'] + micro['fp']} predicted, {micro['tp']} of them right. Exact match of span"
        " and label; 95 % intervals from a bootstrap over texts.",
        "",
    ]
    comparison = result.get("comparison")
    if comparison:
        p_value = comparison["p_value"]
        test = "" if p_value is None else f"; p = {p_value:.4f} (paired approximate randomisation)"
        lines += [
            f"F1 against the baseline, {escape_markdown(comparison['baseline'])}:"
            f" {format_change(comparison['micro'])} points, with the 95 % interval of the"
            f" difference{test}.",
            "",
        ]
    base = baseline or {"micro": {}}
    figures = [
        (name.capitalize(), micro[name], micro["intervals"][name], base["micro"].get(name))
        for name in ("precision", "recall", "f1")
    ]
    figures.append(
        ("Macro F1", result["macro_f1"], result["macro_f1_interval"], base.get("macro_f1"))
    )
    for name, meaning, figure, theirs in measures(result, baseline):
        figures.append((f"{name} ({meaning})", figure, None, theirs))
    rows = (
        [
            name,
            format_figure(figure),
            _range(interval) if interval else "",
            *([] if baseline is None else _beside(figure, theirs)),
        ]
        for name, figure, interval, theirs in figures
    )
    other = [] if baseline is None else ["baseline", "difference"]
    return lines + markdown_table(["measure", "value", "95 % interval", *other], rows)


def _labels(result: dict[str, Any], baseline: dict[str, Any] | None) -> list[str]:
    comparison = result.get("comparison")
    head = ["label", "F1", "95 % interval", "precision", "recall", "gold"]
    if baseline is not None:
        head += ["baseline F1", "difference"]
    if comparison:
        head.append("points (95 % interval)")
    rows = []
    for label, score in result["per_label"].items():
        row = [label, format_figure(score["f1"]), _range(score["intervals"]["f1"])]
        row += [format_figure(score["precision"]), format_figure(score["recall"])]
        row.append(str(score["tp"] + score["fn"]))
        if baseline is not None:
            row += _beside(score["f1"], baseline["per_label"].get(label, {}).get("f1"))
        if comparison:
            row.append(format_change(comparison["per_label"][label]))
        rows.append(row)
    return markdown_table(head, rows)


def _confusion(confusion: dict[str, Any]) -> list[str]:
    """List the most frequent confusions, without what was missed or invented."""
    labels, counts = confusion["labels"], confusion["counts"]
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


_SCORES = ("F1", "precision", "recall", "gold")


def _scores(score: dict[str, Any]) -> list[str]:
    figures = [format_figure(score[name]) for name in ("f1", "precision", "recall")]
    return [*figures, str(score["tp"] + score["fn"])]


def _lengths(result: dict[str, Any]) -> list[str]:
    rows = (
        [
            f"{part['from']} or more" if part["to"] is None else f"{part['from']} to {part['to']}",
            *_scores(part),
            part["texts"],
        ]
        for part in result["by_length"]
    )
    return markdown_table(["tokens" if result["tokens"] else "words", *_SCORES, "texts"], rows)


def _calibration(calibration: dict[str, Any]) -> list[str]:
    rows = (
        [
            f"{part['from']} to {part['to']}",
            part["spans"],
            format_figure(part["confidence"]),
            format_figure(part["accuracy"]),
        ]
        for part in calibration["bins"]
    )
    error = format_figure(calibration["expected_calibration_error"])
    return [
        f"Expected calibration error: {error}",
        "",
        *markdown_table(["bin", "spans", "confidence", "accuracy"], rows),
    ]


def _beside(ours: float | None, theirs: float | None) -> list[str]:
    """Return the baseline's figure and the difference to it."""
    if ours is None or theirs is None:
        return [format_figure(theirs), "-"]
    return [format_figure(theirs), format_difference(ours - theirs)]


def _range(interval: list[float]) -> str:
    return f"{format_figure(interval[0])} to {format_figure(interval[1])}"
