"""From annotated text to exemplars."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from spacy.tokens import Doc, Span

from spacy_catalog_ner.doc.pipelines import blank_pipeline
from spacy_catalog_ner.doc.record import (
    CANDIDATES,
    ENTITIES,
    distinct_spans,
    span_key,
)
from spacy_catalog_ner.doc.rows import make_doc
from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.exemplars import Exemplar
from spacy_catalog_ner.exemplars.exemplar import make_candidates
from spacy_catalog_ner.formats.reading import read_annotated_file
from spacy_catalog_ner.matching.catalog_matcher import CatalogMatcher


def read_exemplars(
    path: str | Path, matcher: CatalogMatcher, lang: str, problems: Problems
) -> Iterator[Exemplar]:
    """Run the matcher over annotated text and yield an exemplar for each row.

    Parameters
    ----------
    path
        Annotated JSONL, perhaps ``.gz`` or ``.zst``, or a DocBin (``.spacy``), whose texts are
        tokenized anew.
    matcher
        Finds the candidates; labels it does not know are reported.
    lang
        spaCy language code of the tokenizer, and the language of rows that have no ``"lang"``.
    problems
        Receives what is wrong, with its line. Rows that an annotator refused in Prodigy, and those
        that a teacher gave no answer to, are left out too.

    Raises
    ------
    CatalogNERError
        If there is no such file, or it is in another format.
    """
    nlp = blank_pipeline(lang)
    known = set(matcher.labels)
    if matcher.catalog is not None:  # raises if there should be one and is none
        known.update(matcher.catalog.labels)
    for place, row in read_annotated_file(path, problems, known):
        if row.failure:
            problems.add("unusable row", place, "the teacher gave no answer; row skipped")
        else:
            doc = matcher(make_doc(nlp, row, problems, place, doc=nlp.make_doc(row.text)))
            gold = {span_key(span) for span in doc.spans[ENTITIES]}
            spans = distinct_spans(doc.spans[CANDIDATES])
            right = [span_key(span) in gold for span in spans]
            yield make_exemplar(doc, spans, right, row.lang or lang)


def make_exemplar(
    doc: Doc, spans: Sequence[Span], right: Iterable[bool], lang: str = ""
) -> Exemplar:
    """Make an exemplar of a Doc, its distinct candidates, and which of them are right."""
    candidates = make_candidates(spans)
    selected = [item for item, is_right in zip(candidates, right, strict=True) if is_right]
    return Exemplar(text=doc.text, candidates=candidates, selected=selected, lang=lang)
