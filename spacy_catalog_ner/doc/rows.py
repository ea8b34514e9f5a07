"""From annotated rows to spaCy Docs, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from spacy.util import filter_spans, get_words_and_spaces

from spacy_catalog_ner.doc.record import CANDIDATES, ENTITIES, SELECTED, span_scores
from spacy_catalog_ner.errors import Place, Problems
from spacy_catalog_ner.io.annotated import check_spans, is_score
from spacy_catalog_ner.io.row import Row, RowSpan


def make_doc(
    nlp: Language,
    row: Row | Mapping[str, Any],
    problems: Problems,
    place: Place,
    *,
    doc: Doc | None = None,
) -> Doc:
    """Make a gold Doc of an annotated row.

    Spans go to ``doc.spans["entities"]`` and ``["selected"]`` with their confidences where the
    row has them (``score``), and the longest that do not overlap to ``doc.ents``. A span without a
    score has 1.0 among those of its group, for training. What keys each span had is JSON in the
    ``row_keys`` of ``attrs``, for `doc_to_row`.

    The row's ``candidates`` go to ``doc.spans["candidates"]`` with their confidences, for training
    with soft targets, if each of them has a ``score`` from 0 to 1; else there is no such group.

    `doc` is the tokenized text, or else the tokens are the row's own or those of `nlp`. Broken
    candidates, and spans and candidates off token boundaries, are reported and left out.
    """
    row = Row.from_dict(row)
    if doc is None:
        doc = tokenize(nlp, row, problems, place)
    spans, attrs = _make_spans(doc, row.spans or [], "span", problems, place)
    for key in (SELECTED, ENTITIES):
        doc.spans[key] = SpanGroup(doc, name=key, spans=spans, attrs=attrs)
    doc.set_ents(filter_spans(spans))
    candidates = row.keys.get("candidates")
    if isinstance(candidates, list) and all(map(_is_scored, candidates)):
        items = ((place, item) for item in candidates)
        good = check_spans(items, row.text, problems, what="candidate")
        spans, attrs = _make_spans(doc, good, "candidate", problems, place)
        doc.spans[CANDIDATES] = SpanGroup(doc, name=CANDIDATES, spans=spans, attrs=attrs)
    return doc


def tokenize(nlp: Language, row: Row, problems: Problems, place: Place) -> Doc:
    """Make a Doc of a row's text, of the row's own tokens where it has them."""
    if row.words is not None:
        try:
            words, spaces = get_words_and_spaces(row.words, row.text)
        except ValueError:
            message = "the tokens are not those of the text; it is tokenized anew"
            problems.add("other tokens", place, message)
        else:
            return Doc(nlp.vocab, words=words, spaces=spaces)
    return nlp.make_doc(row.text)


def report_off_boundaries(
    row: Row, span: RowSpan, problems: Problems, place: Place, what: str = "span"
) -> None:
    """Report a span that cannot be held because it begins or ends within a token."""
    message = f"{row.text[span.start : span.end]!r} is off token boundaries; {what} skipped"
    problems.add(f"{what} off token boundaries", place, message)


def doc_to_row(doc: Doc, row: Row | Mapping[str, Any]) -> Row:
    """Return the input row with what a pipeline made in place of what an earlier one did.

    Written are

    - ``spans``: those of ``doc.spans["entities"]``, or ``doc.ents`` where no component writes that
      group;
    - ``candidates``, where a component writes them, with confidences where they all have one;
    - ``selected``, where a component writes them and they are others than ``spans``;
    - ``exemplar_labels``, where a retriever ran: the sorted labels that are right in the exemplars;
    - ``catalog_ner``, the record, where there is one.
    """
    row = Row.from_dict(row)
    keys = {key: value for key, value in row.keys.items() if key not in _MADE_BY_PIPELINES}
    if ENTITIES in doc.spans:
        spans = _group_spans(doc.spans[ENTITIES])
    else:
        spans = [_row_span(span, {}) for span in doc.ents]
    if CANDIDATES in doc.spans:
        keys["candidates"] = [span.to_dict() for span in _group_spans(doc.spans[CANDIDATES])]
    if SELECTED in doc.spans:
        selected = _group_spans(doc.spans[SELECTED])
        if sorted(span.key for span in selected) != sorted(span.key for span in spans):
            keys["selected"] = [span.to_dict() for span in selected]
    if doc._.exemplars is not None:
        labels = {span["label"] for exemplar in doc._.exemplars for span in exemplar["selected"]}
        keys["exemplar_labels"] = sorted(labels)
    if doc._.catalog_ner:
        keys["catalog_ner"] = doc._.catalog_ner
    return Row(row.text, spans, keys)


_MADE_BY_PIPELINES = ("spans", "candidates", "selected", "exemplar_labels", "catalog_ner")


def _is_scored(item: Any) -> bool:
    return isinstance(item, dict) and is_score(item.get("score")) and 0 <= item["score"] <= 1


def _make_spans(
    doc: Doc, items: Iterable[RowSpan], what: str, problems: Problems, place: Place
) -> tuple[list[Span], dict[str, Any]]:
    """Return the spans on token boundaries, and the ``attrs`` of a group of them."""
    spans, kept = [], []
    for item in items:
        span = doc.char_span(item.start, item.end, label=item.label, kb_id=item.id)
        if span is None:
            report_off_boundaries(Row(doc.text), item, problems, place, what)
        else:
            spans.append(span)
            kept.append(item)
    scores = [item.keys.get("score", 1.0) for item in kept]
    return spans, {"scores": scores, "row_keys": json.dumps([item.keys for item in kept])}


def _group_spans(group: SpanGroup) -> list[RowSpan]:
    scores = span_scores(group)
    keys = json.loads(group.attrs.get("row_keys", "[]"))
    if [own.get("score", 1.0) for own in keys] != scores:  # not as `make_doc` left it
        keys = [{} if score is None else {"score": round(score, 6)} for score in scores]
    return [_row_span(span, own) for span, own in zip(group, keys, strict=True)]


def _row_span(span: Span, keys: dict[str, Any]) -> RowSpan:
    own = {"id": span.kb_id_} if span.kb_id_ else {}
    return RowSpan(span.start_char, span.end_char, span.label_, own | keys)
