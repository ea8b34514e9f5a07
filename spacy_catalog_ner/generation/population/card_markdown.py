"""A data card as Markdown."""

from __future__ import annotations

from typing import Any

from spacy_catalog_ner.reporting.markdown import escape_markdown, markdown_table

_COLUMNS = {
    "utterances": "utterances",
    "patterns": "patterns",
    "average_length": "average length",
    "entity_types": "entity types",
    "entities": "entities",
    "entities_per_utterance": "entities per utterance",
    "without_entity": "without entity",
}


def render_card(card: dict[str, Any], title: str) -> str:
    """Render what `make_card` gives, and ``population`` where ``generate populate`` adds it.

    Parameters
    ----------
    card
        The figures.
    title
        Heading.
    """
    diversity, validation = card["diversity"], card["validation"]
    lines = [f"# {escape_markdown(title)}", "", "Length is in words between white space.", ""]
    lines += _figures("language", card["languages"])
    lines += ["", "## Splits", "", *_figures("split", card["splits"])]
    rows = ([label, *counts.values()] for label, counts in card["labels"].items())
    lines += [
        "",
        "## Entity types",
        "",
        *markdown_table(["type", "mentions", "distinct names"], rows),
    ]
    if card["overlap"]:
        rows = ([pair, *counts.values()] for pair, counts in card["overlap"].items())
        head = ["in both", "texts", "names", "patterns"]
        lines += ["", "## Overlap", "", *markdown_table(head, rows)]
    lines += [
        "",
        "## Diversity",
        "",
        f"Of {diversity['texts']} utterances, drawn with a seed. Distinct n-grams: share of the"
        " n-grams that differ. Self-BLEU: mean BLEU-4 of each utterance against the others, lower"
        " is more diverse.",
        "",
        *markdown_table(
            ["measure", "value"],
            ([name.replace("_", " "), value] for name, value in list(diversity.items())[1:]),
        ),
    ]
    rows = (
        [kind, value, count]
        for kind, counts in card["made"].items()
        for value, count in counts.items()
    )
    lines += ["", "## How rows were made", ""]
    lines += markdown_table(["", "value", "rows"], rows, text_columns=(0, 1))
    if "population" in card:
        rows = (
            [name.replace("_", " "), _words(value)] for name, value in card["population"].items()
        )
        lines += ["", *markdown_table(["setting", "value"], rows, text_columns=(0, 1))]
    lines += [
        "",
        "## Validation",
        "",
        f"{validation['rows']} rows with {validation['spans']} spans were checked: in range, on"
        f" token boundaries, of a known label. Problems: {_words(validation['problems'])}.",
    ]
    return "\n".join(lines) + "\n"


def _figures(first: str, figures: dict[str, dict[str, Any]]) -> list[str]:
    rows = ([name, *(row[key] for key in _COLUMNS)] for name, row in figures.items())
    return markdown_table([first, *_COLUMNS.values()], rows)


def _words(value: Any) -> str:
    """Return a setting or some counts as words."""
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_words(part)}" for name, part in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(_words, value)) or "none"
    return str(value)
