"""What the components write on a Doc: names of span groups, the record, scores and keys."""

from __future__ import annotations

from typing import Any

from spacy.tokens import Doc, Span, SpanGroup

CANDIDATES = "candidates"
SELECTED = "selected"
ENTITIES = "entities"

# Where spaCy keeps the value of `doc._.catalog_ner`; written directly, it takes a thirtieth of the
# time, which would otherwise be a third of the matcher's.
_RECORD = ("._.", "catalog_ner", None, None)

for _extension in ("catalog_ner", "exemplars"):
    if not Doc.has_extension(_extension):
        Doc.set_extension(_extension, default=None)


def update_record(doc: Doc, **values: Any) -> None:
    """Set keys of ``doc._.catalog_ner``, a small JSON-serialisable dict, None until first set."""
    record = doc.user_data.get(_RECORD)
    doc.user_data[_RECORD] = {**record, **values} if record else values


def span_scores(group: SpanGroup) -> list[float | None]:
    """Return the confidence of every span of a group; None where there is none, or NaN."""
    scores = group.attrs.get("scores")
    if scores is None:
        return [None] * len(group)
    return [float(score) if score == score else None for score in scores]


def span_key(span: Span) -> tuple[int, int, str]:
    """Return what makes two spans the same decision: where, and as what."""
    return span.start, span.end, span.label_


def char_key(span: Span) -> tuple[int, int, str]:
    """Return start and end in characters, and the label: `span_key` across tokenizations."""
    return span.start_char, span.end_char, span.label_


def distinct_spans(group: SpanGroup) -> list[Span]:
    """Return the first span of each place and label: which of several ids is meant is left open."""
    first: dict[tuple[int, int, str], Span] = {}
    for span in group:
        first.setdefault(span_key(span), span)
    return list(first.values())
