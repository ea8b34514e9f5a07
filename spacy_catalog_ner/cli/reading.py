"""Annotated files as the commands take them."""

from __future__ import annotations

from pathlib import Path

from spacy_catalog_ner.errors import Place, Problems
from spacy_catalog_ner.evaluation.metrics import Tokenize
from spacy_catalog_ner.io.annotated import ANNOTATED
from spacy_catalog_ner.io.files import detect_kind
from spacy_catalog_ner.io.row import Row


def is_annotated(path: Path) -> bool:
    """Tell a file of annotated texts, whatever its format, from what names a pipeline."""
    if detect_kind(path, ANNOTATED):
        return True
    return path.suffix != ".cfg" and path.exists() and not path.is_dir()


def read_rows(path: Path, problems: Problems) -> list[tuple[Place, Row]]:
    """Read annotated texts, see `read_annotated_file`."""
    from spacy_catalog_ner.formats.reading import read_annotated_file

    return list(read_annotated_file(path, problems))


def make_tokenizer(lang: str) -> Tokenize:
    """Return what gives (start, end) of a text's tokens, without white space, in characters.

    Raises
    ------
    CatalogNERError
        If spaCy does not know the language.
    """
    from spacy_catalog_ner.doc.pipelines import blank_pipeline

    nlp = blank_pipeline(lang)

    def tokenize(text: str) -> list[tuple[int, int]]:
        tokens = (token for token in nlp.make_doc(text) if not token.is_space)
        return [(token.idx, token.idx + len(token)) for token in tokens]

    return tokenize
