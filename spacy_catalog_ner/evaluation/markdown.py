"""An evaluation as Markdown, for a README."""

from __future__ import annotations

from typing import Any

from spacy_catalog_ner.evaluation.html import (
    KIND_MEANINGS,
    STAGE_MEANINGS,
    format_figure,
    measures,
)


def render_result_markdown(result: dict[str, Any], title: str) -> str:
    """Render what `evaluate_pairs` gives: summary, labels, stages and kinds of error.

    Parameters
    ----------
    result
        The figures.
    title
        Heading.
    """
    micro = result["micro"]
    lines = [
        f"# {_escape(title)}",
        "",
        f"{result['texts']} texts, {micro['tp'] + micro['fn']} gold entities,"
        f" {micro['tp'] + micro['fp']} predicted, {micro['tp']} of them right. Exact match of span"
        " and label; 95 % intervals from a bootstrap over texts.",
        "",
        "| measure | value | 95 % interval |",
        "|---|---:|---:|",
    ]
    for name in ("precision", "recall", "f1"):
        lines.append(
            f"| {name.capitalize()} | {format_figure(micro[name])}"
            f" | {_range(micro['intervals'][name])} |"
        )
    macro, bounds = format_figure(result["macro_f1"]), _range(result["macro_f1_interval"])
    lines.append(f"| Macro F1 | {macro} | {bounds} |")
    for name, meaning, figure, _ in measures(result, None):
        lines.append(f"| {name} ({meaning}) | {format_figure(figure)} | |")
    lines += [
        "",
        "## Labels",
        "",
        "| label | F1 | 95 % interval | precision | recall | gold |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for label, score in result["per_label"].items():
        lines.append(
            f"| {_escape(label)} | {format_figure(score['f1'])}"
            f" | {_range(score['intervals']['f1'])}"
            f" | {format_figure(score['precision'])} | {format_figure(score['recall'])}"
            f" | {score['tp'] + score['fn']} |"
        )
    if result["stages"]:
        lines += [
            "",
            "## Stages",
            "",
            "| stage | missed | invented | F1 if perfect | meaning |",
            "|---|---:|---:|---:|---|",
        ]
        for stage, figures in result["stages"].items():
            lines.append(
                f"| {stage} | {figures['missed']} | {figures['invented']}"
                f" | {format_figure(figures['f1_if_perfect'])} | {STAGE_MEANINGS[stage]} |"
            )
    lines += ["", "## Errors", "", "| kind | errors | meaning |", "|---|---:|---|"]
    for kind, count in result["errors"].items():
        lines.append(f"| {kind} | {count} | {KIND_MEANINGS[kind]} |")
    return "\n".join(lines) + "\n"


def _range(interval: list[float]) -> str:
    return f"{format_figure(interval[0])} to {format_figure(interval[1])}"


def _escape(text: str) -> str:
    """Keep a name within its cell, and as it is: no Markdown, no HTML."""
    text = " ".join(text.split())
    for character in "\\`*_[]|#":
        text = text.replace(character, f"\\{character}")
    return text.replace("&", "&amp;").replace("<", "&lt;")
