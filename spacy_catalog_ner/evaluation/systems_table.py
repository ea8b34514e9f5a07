"""One table of several systems on the same test set."""

from __future__ import annotations

from typing import Any


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
    lines = [f"# {title}", ""]
    texts = next(iter(systems.values()))["texts"]
    lines += [f"{texts} held-out utterances. {_describe(corpus)}".strip(), ""]
    lines += [
        "| system | precision | recall | F1 | macro F1 | seconds per utterance |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, result in systems.items():
        micro = result["micro"]
        seconds = result.get("seconds_per_text")
        lines.append(
            f"| {name} | {micro['precision']:.3f} | {micro['recall']:.3f} | {micro['f1']:.3f}"
            f" | {result['macro_f1']:.3f} | {'' if seconds is None else f'{seconds:.4f}'} |"
        )
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
    lines.append("| label | gold | " + " | ".join(systems) + " |")
    lines.append("|---|---:|" + "---:|" * len(systems))
    for label in labels:
        scores = [result["per_label"].get(label) for result in systems.values()]
        gold = max((score["tp"] + score["fn"] for score in scores if score), default=0)
        cells = [f"{score['f1']:.3f}" if score else "-" for score in scores]
        lines.append(f"| {label} | {gold} | " + " | ".join(cells) + " |")
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
