"""Comparing language tags."""

import pytest

from spacy_catalog_ner.io.language import is_same_language


@pytest.mark.parametrize(
    ("tag", "lang", "expected"),
    [
        ("es", "es", True),
        ("es-MX", "es", True),
        ("ES_mx", "es-ES", True),
        ("fil-PH", "fi", False),
        ("fi", "fil", False),
        ("", "en", False),
    ],
)
def test_a_language_is_the_same_whatever_its_region(tag, lang, expected):
    assert is_same_language(tag, lang) is expected
