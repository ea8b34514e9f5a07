"""Names that a model gave and the catalog does not have: they are how a catalog grows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from spacy.tokens import Doc, Span

from spacy_catalog_ner.doc.mentions import find_mentions


def make_proposals(
    doc: Doc, spans: Iterable[Span], names: Iterable[Mapping[str, str]]
) -> list[dict[str, Any]]:
    """Return each mention once, in reading order.

    Parameters
    ----------
    doc
        The text.
    spans
        Spans outside the catalog.
    names
        ``text`` and ``label`` of names outside the catalog, which an answer gave without a place.

    Returns
    -------
    list of dict
        ``text``, ``label`` and, in characters, ``start`` and ``end``: one for each place where a
        name stands between token boundaries, in whatever case. A name that stands nowhere comes
        last and has no place.
    """
    placed: dict[tuple[int, int, str], dict[str, Any]] = {}
    nowhere: dict[tuple[str, str], dict[str, Any]] = {}
    found = list(spans)
    for name in names:
        mentions = find_mentions(doc, name["text"], name["label"])
        found += mentions
        if not mentions:
            nowhere[name["text"], name["label"]] = {"text": name["text"], "label": name["label"]}
    for span in found:
        placed[span.start_char, span.end_char, span.label_] = {
            "text": span.text,
            "label": span.label_,
            "start": span.start_char,
            "end": span.end_char,
        }
    return [placed[key] for key in sorted(placed)] + list(nowhere.values())
