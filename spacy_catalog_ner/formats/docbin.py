"""spaCy's training format: the Docs of a DocBin.

Spans are in ``doc.spans["entities"]``, all of them, and in ``doc.ents`` without those that overlap
a longer one. Candidates are in ``doc.spans["candidates"]`` if all of them have confidences. The
other keys of a row are JSON in ``doc.user_data``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, DocBin

from spacy_catalog_ner.doc.record import CANDIDATES, ENTITIES
from spacy_catalog_ner.doc.rows import doc_to_row, make_doc
from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.formats.rows import (
    Row,
    SourceRow,
    keep_good_spans,
    other_keys,
    tokenize,
)
from spacy_catalog_ner.io.files import atomic_write

_USER_DATA = "spacy_catalog_ner.row"


def read(
    path: Path, nlp: Language, problems: Problems, labels: set[str] | None = None
) -> Iterator[SourceRow]:
    """Yield the Docs of a DocBin as rows, with their number in place of a line.

    Raises
    ------
    CatalogNERError
        If it is no DocBin.
    """
    docs = read_docbin(path)
    if not len(docs):
        problems.add("empty file", Place(path, 1), "no Doc in this file")
    for number, doc in enumerate(docs.get_docs(nlp.vocab), start=1):
        if not doc.text.strip():
            problems.add("broken row", Place(path, number), "no text; Doc skipped")
        elif ENTITIES not in doc.spans and not doc.has_annotation("ENT_IOB"):
            message = f'neither spans["{ENTITIES}"] nor ents; Doc skipped'
            problems.add("no annotation", Place(path, number), message)
        else:
            row = _make_row(doc)
            spans = [(number, span) for span in row["spans"]]
            row["spans"] = keep_good_spans(spans, row["text"], path, problems, labels)
            yield SourceRow(path, number, row, [token.text for token in doc])


def read_docbin(path: Path) -> DocBin:
    """Read the Docs of a file, annotated or not.

    Raises
    ------
    CatalogNERError
        If it is no DocBin.
    """
    try:
        return DocBin().from_bytes(path.read_bytes())
    except (ValueError, KeyError, TypeError):
        raise CatalogNERError(f"{path}: not a DocBin, as spaCy writes .spacy files") from None


def kept_keys(doc: Doc) -> Row:
    """Return what `write` kept of a row besides text and spans."""
    keys: Row = json.loads(doc.user_data.get(_USER_DATA, "{}"))
    return keys


def _make_row(doc: Doc) -> Row:
    row = doc_to_row(doc, {"text": doc.text})
    return {**row, **kept_keys(doc), **row}  # what a pipeline made since is the newer


def write(path: Path, rows: Iterable[SourceRow], nlp: Language, problems: Problems) -> Counter[str]:
    """Write rows as Docs, and return how many spans of each label were written.

    Tokens are those of the row, or of the language's tokenizer. Spans and candidates off their
    boundaries are reported and left out.
    """
    docs = DocBin(store_user_data=True)
    counts: Counter[str] = Counter()
    for source in rows:
        tokenized = tokenize(nlp, source, problems)
        doc = make_doc(nlp, source.row, problems, source.path, source.line, doc=tokenized)
        keys = other_keys(source.row)
        if CANDIDATES in doc.spans:  # which has all of them that can be held
            del keys[CANDIDATES]
        doc.user_data[_USER_DATA] = json.dumps(keys)
        counts.update(span.label_ for span in doc.spans[ENTITIES])
        docs.add(doc)
    with atomic_write(path, "wb") as stream:
        stream.write(docs.to_bytes())
    return counts
