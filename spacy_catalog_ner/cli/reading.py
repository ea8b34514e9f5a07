"""Annotated files as the commands take them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.evaluation.alignment import Pair, Row, align_rows
from spacy_catalog_ner.evaluation.metrics import Tokenize
from spacy_catalog_ner.io.files import detect_kind

ANNOTATED = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".spacy")


class AnnotatedFile(NamedTuple):
    """The rows of a file and, for messages, where they stand.

    Attributes
    ----------
    name
        The file as the command has it.
    rows
        Annotated rows.
    lines
        Line of each row; in a DocBin, its number.
    """

    name: str
    rows: list[Row]
    lines: list[int]


def is_annotated(path: Path) -> bool:
    """Tell a file of annotated texts, whatever its format, from what names a pipeline."""
    if detect_kind(path, (".jsonl", ".spacy")):
        return True
    return path.suffix != ".cfg" and path.exists() and not path.is_dir()


def read_rows(path: Path, problems: Problems) -> AnnotatedFile:
    """Read annotated texts, see `read_annotated_file`."""
    from spacy_catalog_ner.formats.reading import read_annotated_file

    rows = list(read_annotated_file(path, problems))
    return AnnotatedFile(
        str(path), [row.to_dict() for _, row in rows], [place.line for place, _ in rows]
    )


def align_files(predictions: AnnotatedFile, gold: AnnotatedFile, problems: Problems) -> list[Pair]:
    """Do as `align_rows`, with messages that name files and lines."""
    return align_rows(
        predictions.rows,
        gold.rows,
        problems,
        source=predictions.name,
        gold_source=gold.name,
        lines=predictions.lines,
        gold_lines=gold.lines,
    )


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
