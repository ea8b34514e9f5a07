"""What the tests of `catalog_matcher` share."""

from __future__ import annotations

from functools import cache

import spacy
from spacy.language import Language
from spacy.tokens import Doc

EXPECTED = [
    ("Hello", "SONG", "song/hello"),
    ("Boston", "CITY", "city/boston"),
    ("Boston", "ARTIST", "artist/boston"),
]
"""Candidates of "Hello Boston" for the catalog of conftest.py."""


@cache
def _made(lang: str) -> Language:
    return spacy.blank(lang)


def blank(lang: str = "en") -> Language:
    """Do as `spacy.blank`, with the vocab and tokenizer of the first of this language."""
    made = _made(lang)
    return type(made)(made.vocab, create_tokenizer=lambda nlp: made.tokenizer)


def matching(*entries: dict, lang: str = "en", **config) -> Language:
    """Make a pipeline that matches entries added in code."""
    nlp = blank(lang)
    nlp.add_pipe("catalog_matcher", config=config).add_entries(entries)
    return nlp


def name(text: str, label: str = "X", **more) -> dict:
    return {"text": text, "label": label, **more}


def texts(doc: Doc) -> list[str]:
    return [span.text for span in doc.spans["candidates"]]


def candidates(doc: Doc) -> list[tuple[str, str, str]]:
    return [(span.text, span.label_, span.kb_id_) for span in doc.spans["candidates"]]
