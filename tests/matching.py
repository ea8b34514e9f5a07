"""What the tests of `catalog_matcher` share."""

from __future__ import annotations

from functools import cache

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_catalog_ner.matching import catalog_matcher, span_finder, token_forms

FINDERS = {"numpy": (span_finder.SpanFinder, token_forms.TokenForms)}
try:
    from spacy_catalog_ner.matching import _span_finder
except (ImportError, ValueError):
    pass  # not built here
else:
    FINDERS["compiled"] = (_span_finder.SpanFinder, _span_finder.TokenForms)

EXPECTED = [
    ("Hello", "SONG", "song/hello"),
    ("Boston", "CITY", "city/boston"),
    ("Boston", "ARTIST", "artist/boston"),
]
"""Candidates of "Hello Boston" for the catalog of conftest.py."""


@pytest.fixture(params=FINDERS)
def finder(request, monkeypatch) -> str:
    """Run the test with the finder that is compiled, where it is, and with that of NumPy."""
    use_finder(request.param, monkeypatch)
    return request.param


def use_finder(which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spans, forms = FINDERS[which]
    monkeypatch.setattr(catalog_matcher, "SpanFinder", spans)
    monkeypatch.setattr(catalog_matcher, "TokenForms", forms)


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
