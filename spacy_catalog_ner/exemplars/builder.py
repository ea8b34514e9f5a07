"""Making an exemplar store of annotated text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spacy.tokens import Doc

from spacy_catalog_ner.annotations import read_annotated
from spacy_catalog_ner.components.catalog_matcher import CatalogMatcher
from spacy_catalog_ner.components.doc_record import CANDIDATES, ENTITIES, span_key
from spacy_catalog_ner.doc_rows import make_doc
from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.exemplars.store import Exemplar
from spacy_catalog_ner.pipelines import blank_pipeline


def read_exemplars(
    path: str | Path, matcher: CatalogMatcher, lang: str, problems: Problems
) -> Iterator[Exemplar]:
    """Run the matcher over annotated text and yield an exemplar for each row.

    Parameters
    ----------
    path
        Annotated JSONL.
    matcher
        Finds the candidates; labels it does not know are reported.
    lang
        spaCy language code of the tokenizer.
    problems
        Receives what is wrong, with its line.
    """
    nlp = blank_pipeline(lang)
    known = set(matcher.labels)
    if matcher.catalog is not None:  # raises if there should be one and is none
        known.update(matcher.catalog.labels)
    for line, row in read_annotated(path, problems, known):
        doc = make_doc(nlp, row, problems, path, line)
        yield make_exemplar(matcher(doc))


def make_exemplar(doc: Doc) -> Exemplar:
    """Make an exemplar of a gold Doc that has candidates."""
    gold = {span_key(span) for span in doc.spans[ENTITIES]}
    candidates = {}
    for span in doc.spans[CANDIDATES]:
        candidates[span_key(span)] = {
            "start": span.start_char,
            "end": span.end_char,
            "text": span.text,
            "label": span.label_,
        }
    return Exemplar(
        text=doc.text,
        candidates=list(candidates.values()),
        selected=[candidate for key, candidate in candidates.items() if key in gold],
    )
