"""What the tests of `catalog_matcher` share."""

from __future__ import annotations

import pytest
import spacy
from spacy.tokens import Doc

from spacy_catalog_ner.components import catalog_matcher, span_finder, token_forms

FINDERS = {"numpy": (span_finder.SpanFinder, token_forms.TokenForms)}
try:
    from spacy_catalog_ner.components import _span_finder
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


def matching(*entries: dict, lang: str = "en", **config) -> spacy.language.Language:
    """Make a pipeline that matches entries added in code."""
    nlp = spacy.blank(lang)
    nlp.add_pipe("catalog_matcher", config=config).add_entries(entries)
    return nlp


def name(text: str, label: str = "X", **more) -> dict:
    return {"text": text, "label": label, **more}


def texts(doc: Doc) -> list[str]:
    return [span.text for span in doc.spans["candidates"]]


def candidates(doc: Doc) -> list[tuple[str, str, str]]:
    return [(span.text, span.label_, span.kb_id_) for span in doc.spans["candidates"]]
