"""The texts to label, from the files people have them in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.formats import docbin
from spacy_catalog_ner.io.annotated import read_texts
from spacy_catalog_ner.io.delimited import DELIMITERS
from spacy_catalog_ner.io.files import detect_kind, iter_line_blocks, require_file
from spacy_catalog_ner.io.row import Row

_EXPECTED = "texts (.jsonl, .csv or .tsv, which may end in .gz or .zst, or .spacy)"


def read_source(path: str | Path, problems: Problems) -> Iterator[tuple[Place, Row]]:
    """Return the rows of a file that have a text, each with its place.

    The file is JSONL, CSV or TSV, packed or not, see `iter_rows`; or a DocBin (.spacy), whose Docs
    give their text and the keys of the row that they were made of.

    Raises
    ------
    CatalogNERError
        If there is no such file, or it is broken or of another kind.
    """
    path = require_file(path, _EXPECTED)
    read = docbin.read_texts if _kind(path) == ".spacy" else read_texts
    return read(path, problems)


def count_lines(path: Path) -> int:
    """Return how many lines, or Docs, a file has: the most texts that it can hold.

    A broken file is refused here, before anything is spent on its first texts.
    """
    if _kind(path) == ".spacy":
        return len(docbin.read_docbin(path))
    lines = 0
    for first, block in iter_line_blocks(path):
        lines = first - 1 + block.count(b"\n") + (not block.endswith(b"\n"))
    return lines


def _kind(path: Path) -> str:
    kind = detect_kind(path, (".jsonl", ".spacy", *DELIMITERS))
    if not kind:
        raise CatalogNERError(f"{path}: cannot tell its format by its name, expected {_EXPECTED}")
    return kind
