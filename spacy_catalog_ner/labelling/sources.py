"""The texts to label, from the files people have them in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from spacy.vocab import Vocab

from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.formats.docbin import kept_keys, read_docbin
from spacy_catalog_ner.io.annotated import read_texts
from spacy_catalog_ner.io.delimited import DELIMITERS, iter_delimited
from spacy_catalog_ner.io.files import detect_kind, iter_line_blocks, require_file

Row = dict[str, Any]

_EXPECTED = "texts (.jsonl, .csv or .tsv, which may end in .gz or .zst, or .spacy)"


def read_source(path: str | Path, problems: Problems) -> Iterator[tuple[int, Row]]:
    """Stream the rows of a file that have a text.

    Parameters
    ----------
    path
        JSONL of ``{"text"}``; CSV or TSV whose header names ``text``, the other columns being keys
        of the row; any of them packed (.gz, .zst); or a DocBin (.spacy), whose Docs give their
        text and the keys of the row that they were made of.
    problems
        Receives every row that is skipped, with its line.

    Yields
    ------
    tuple
        The line, in a DocBin the number, and the row.

    Raises
    ------
    CatalogNERError
        If there is no such file, or it is broken or of another kind.
    """
    path = require_file(path, _EXPECTED)
    kind = _kind(path)
    if kind == ".jsonl":
        yield from read_texts(path, problems)
        return
    if kind == ".spacy":
        rows = _iter_docs(path)
    else:
        rows = iter_delimited(path, DELIMITERS[kind], problems, check_header=_check_header)
    found = False
    for line, row in rows:
        if row.get("text", "").strip():
            found = True
            yield line, row
        else:
            problems.add("broken row", Place(path, line), "no text; row skipped")
    if not found:
        problems.add("empty file", Place(path, 1), "no text in this file")


def count_lines(path: Path) -> int:
    """Return how many lines, or Docs, a file has: the most texts that it can hold.

    Raises
    ------
    CatalogNERError
        If it is broken or of another kind: before anything is spent on its first texts.
    """
    if _kind(path) == ".spacy":
        return len(read_docbin(path))
    lines = 0
    for first, block in iter_line_blocks(path):
        lines = first - 1 + block.count(b"\n") + (not block.endswith(b"\n"))
    return lines


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _kind(path: Path) -> str:
    kind = detect_kind(path, (".jsonl", ".spacy", *DELIMITERS))
    if kind:
        return kind
    raise CatalogNERError(f"{path}: cannot tell its format by its name, expected {_EXPECTED}")


def _check_header(columns: Sequence[str], where: str) -> None:
    if "text" not in columns:
        found = json.dumps(list(columns), ensure_ascii=False)
        raise CatalogNERError(f'{where}: expected a column "text", got {found:.200}')
    for name in columns:
        if columns.count(name) > 1:
            raise CatalogNERError(f'{where}: two columns are named "{name}"; rename one of them')


def _iter_docs(path: Path) -> Iterator[tuple[int, Row]]:
    for number, doc in enumerate(read_docbin(path).get_docs(Vocab()), start=1):
        yield number, {**kept_keys(doc), "text": doc.text}
