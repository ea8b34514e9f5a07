"""Patterns of annotated utterances: every name gives way to its label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from spacy_catalog_ner.generation.patterns.pattern import PLACEHOLDER, Pattern
from spacy_catalog_ner.generation.patterns.rejection import Rejected
from spacy_catalog_ner.generation.patterns.tags import Tags
from spacy_catalog_ner.io.annotated import check_span


def abstract(row: Mapping[str, Any], tags: Tags, lang: str) -> Pattern | None:
    """Make a pattern of an annotated utterance.

    It is exact: with the names put back it is the utterance, but for white space, which is folded.
    Names with a label that is not known stay as they are.

    Parameters
    ----------
    row
        ``text`` and ``spans``, and perhaps ``lang`` and ``cluster``.
    tags
        The labels that are known.
    lang
        Language of a row that names none.

    Returns
    -------
    Pattern or None
        None where the utterance has no name with a known label.

    Raises
    ------
    Rejected
        If a span is broken, as the name that it stands for would stay in the pattern; or if the
        text holds what looks like a placeholder.
    """
    text = row["text"]
    for span in row["spans"]:
        kind, message = check_span(span, text, None)
        if kind:
            raise Rejected(kind, message)
    found = PLACEHOLDER.search(text)
    if found:
        raise Rejected(
            "placeholder in the text",
            f"{found.group()} stands in the text and would be taken for a placeholder",
        )
    names = choose_names(text, row["spans"], tags)
    if not names:
        return None
    parts, end = [], 0
    for name in names:
        parts += [text[end : name["start"]], f"<{name['label']}>"]
        end = name["end"]
    pattern = " ".join("".join([*parts, text[end:]]).split())
    cluster = row.get("cluster")
    return Pattern(
        pattern,
        row.get("lang") or lang,
        source="abstracted",
        seed=text,
        cluster=cluster if type(cluster) is int else None,
    )


def choose_names(text: str, spans: Iterable[Mapping[str, Any]], tags: Tags) -> list[dict[str, Any]]:
    """Return the spans to replace, in reading order; none overlaps another.

    Of spans that overlap the longest is taken, and of equally long ones the first that is given.
    White space at a span's ends is left to the text around it.

    Parameters
    ----------
    text
        The utterance.
    spans
        Valid spans of it.
    tags
        The labels that are known.
    """
    known = [_trim(text, span, label) for span in spans if (label := tags.find(span["label"]))]
    chosen: list[dict[str, Any]] = []
    for span in sorted(known, key=lambda span: span["start"] - span["end"]):
        free = all(span["end"] <= o["start"] or o["end"] <= span["start"] for o in chosen)
        if free and span["start"] < span["end"]:
            chosen.append(span)
    return sorted(chosen, key=lambda span: span["start"])


def _trim(text: str, span: Mapping[str, Any], label: str) -> dict[str, Any]:
    name = text[span["start"] : span["end"]]
    start = span["start"] + len(name) - len(name.lstrip())
    return {"start": start, "end": max(start, span["start"] + len(name.rstrip())), "label": label}
