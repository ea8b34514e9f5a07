"""One table of several systems on the same test set."""

from __future__ import annotations

from typing import Any

from spacy_catalog_ner.reporting.markdown import escape_markdown, markdown_table


def render_markdown(title: str, corpus: dict[str, Any], systems: dict[str, dict[str, Any]]) -> str:
    """Render scores as Markdown: a table of systems, and F1 per label.

    Parameters
    ----------
    title
        Heading.
    corpus
        ``meta.json`` of a prepared corpus; an oracle catalog is named beside the figures.
    systems
        For each system what `evaluate_rows` gives, with ``seconds_per_text`` where known.
    """
    lines = [f"# {escape_markdown(title)}", ""]
    texts = next(iter(systems.values()))["texts"]
    lines += [f"{texts} held-out utterances. {_describe(corpus)}".strip(), ""]
    rows = []
    for name, result in systems.items():
        figures = [result["micro"][key] for key in ("precision", "recall", "f1")]
        cells = [f"{figure:.3f}" for figure in [*figures, result["macro_f1"]]]
        seconds = result.get("seconds_per_text")
        rows.append([name, *cells, "" if seconds is None else f"{seconds:.4f}"])
    header = ["system", "precision", "recall", "F1", "macro F1", "seconds per utterance"]
    lines += markdown_table(header, rows)
    recall = max((result["candidate_recall"] or 0.0) for result in systems.values())
    lines += [
        "",
        "Exact match of span and label. Seconds are of one run over the whole set, in batches; the"
        " first batch, which loads the models, is left out.",
    ]
    if recall:
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
    lines += ["", "## F1 per label", ""]
    labels = sorted({label for result in systems.values() for label in result["per_label"]})
    per_label: list[list[Any]] = []
    for label in labels:
        scores = [result["per_label"].get(label) for result in systems.values()]
        gold = max((score["tp"] + score["fn"] for score in scores if score), default=0)
        per_label.append(
            [label, gold, *(f"{score['f1']:.3f}" if score else "-" for score in scores)]
        )
    lines += markdown_table(["label", "gold", *systems], per_label)
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
