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
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from spacy_catalog_ner.doc.record import CANDIDATES, ENTITIES
from spacy_catalog_ner.doc.rows import doc_to_row, make_doc
from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.io.annotated import check_spans
from spacy_catalog_ner.io.files import atomic_write
from spacy_catalog_ner.io.row import Row

_USER_DATA = "spacy_catalog_ner.row"


def read(
    path: Path, problems: Problems, labels: set[str] | None = None
) -> Iterator[tuple[Place, Row]]:
    """Yield the annotated Docs of a DocBin as rows, with their number in place of a line."""
    for place, doc in _iter_docs(path, problems):
        if ENTITIES not in doc.spans and not doc.has_annotation("ENT_IOB"):
            message = f'neither spans["{ENTITIES}"] nor ents; Doc skipped'
            problems.add("no annotation", place, message)
            continue
        row = doc_to_row(doc, Row(doc.text))
        row.keys = _kept_keys(doc) | row.keys  # what a pipeline made since is the newer
        items = ((place, span.to_dict()) for span in row.spans or ())
        row.spans = check_spans(items, row.text, problems, labels)
        row.words = [token.text for token in doc]
        yield place, row


def read_texts(path: Path, problems: Problems) -> Iterator[tuple[Place, Row]]:
    """Yield the texts of a DocBin with the keys of the rows that it was written from."""
    for place, doc in _iter_docs(path, problems):
        yield place, Row(doc.text, keys=_kept_keys(doc))


def read_docbin(path: Path) -> DocBin:
    """Read the Docs of a file, annotated or not."""
    try:
        return DocBin().from_bytes(path.read_bytes())
    except (ValueError, KeyError, TypeError):
        raise CatalogNERError(f"{path}: not a DocBin, as spaCy writes .spacy files") from None


def _iter_docs(path: Path, problems: Problems) -> Iterator[tuple[Place, Doc]]:
    docs = read_docbin(path)
    if not len(docs):
        problems.add("empty file", Place(path, 1), "no Doc in this file")
    # Whatever their language, Docs bring their tokens along
    for number, doc in enumerate(docs.get_docs(Vocab()), start=1):
        if doc.text.strip():
            yield Place(path, number), doc
        else:
            problems.add("broken row", Place(path, number), "no text; Doc skipped")


def _kept_keys(doc: Doc) -> dict[str, Any]:
    """Return what `write` kept of a row besides text and spans."""
    keys: dict[str, Any] = json.loads(doc.user_data.get(_USER_DATA, "{}"))
    return keys


def write(
    path: Path, rows: Iterable[tuple[Place, Row]], nlp: Language, problems: Problems
) -> Counter[str]:
    """Write rows as Docs, and return how many spans of each label were written.

    Tokens are those of the row, or of the language's tokenizer. Spans and candidates off their
    boundaries are reported and left out.
    """
    docs = DocBin(store_user_data=True)
    counts: Counter[str] = Counter()
    for place, row in rows:
        doc = make_doc(nlp, row, problems, place)
        keys = dict(row.keys)
        if CANDIDATES in doc.spans:  # all of them that the Doc can hold
            keys.pop(CANDIDATES, None)
        doc.user_data[_USER_DATA] = json.dumps(keys)
        counts.update(span.label_ for span in doc.spans[ENTITIES])
        docs.add(doc)
    with atomic_write(path, "wb") as stream:
        stream.write(docs.to_bytes())
    return counts
