"""Which format a file is, by its name and its first rows."""

from __future__ import annotations

from enum import StrEnum
from itertools import islice
from pathlib import Path

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.io.files import detect_kind, iter_jsonl, iter_lines, require_path

_FIRST_ROWS = 10
_PRODIGY_KEYS = {"answer", "_input_hash", "_task_hash"}


class Format(StrEnum):
    """The formats by the names that the command line has for them."""

    JSONL = "jsonl"
    DOCBIN = "spacy"
    CONLL = "conll"
    PRODIGY = "prodigy"
    LABEL_STUDIO = "label-studio"
    BRAT = "brat"


_BY_ENDING = {
    ".jsonl": Format.JSONL,
    ".spacy": Format.DOCBIN,
    ".conll": Format.CONLL,
    ".iob": Format.CONLL,
    ".iob2": Format.CONLL,
    ".bio": Format.CONLL,
    ".tsv": Format.CONLL,
    ".json": Format.LABEL_STUDIO,
    ".ann": Format.BRAT,
}
_NAMES = ", ".join(Format)

COLUMN_ENDINGS = tuple(ending for ending, name in _BY_ENDING.items() if name is Format.CONLL)
"""Endings of the names of column files."""


def detect_source(path: Path) -> Format:
    """Tell the format of a file or folder to read.

    Raises
    ------
    CatalogNERError
        If there is none, or nothing tells its format.
    """
    require_path(path, "annotated text")
    if path.is_dir():
        if next(path.rglob("*.ann"), None) is None:
            raise CatalogNERError(f"{path}: is a folder without .ann files, expected a file")
        return Format.BRAT
    if path.suffix == ".txt" and path.with_suffix(".ann").is_file():
        return Format.BRAT
    ending = detect_kind(path, _BY_ENDING)
    if not ending:
        raise CatalogNERError(f"{path}: cannot tell its format by its name; give --from {_NAMES}")
    by_ending = _BY_ENDING[ending]
    if by_ending in (Format.JSONL, Format.LABEL_STUDIO):
        return _detect_json(path)
    return by_ending


def _detect_json(path: Path) -> Format:
    lines = (line.strip() for _, line in iter_lines(path, Problems()))
    if next(filter(None, lines), "").startswith("["):
        return Format.LABEL_STUDIO
    rows = islice(iter_jsonl(path, Problems()), _FIRST_ROWS)
    return Format.PRODIGY if any(_PRODIGY_KEYS & row.keys() for _, row in rows) else Format.JSONL


def detect_target(path: Path) -> Format:
    """Tell the format of a file or folder to write.

    Raises
    ------
    CatalogNERError
        If its name tells none.
    """
    if path.is_dir():
        return Format.BRAT
    if path.suffix not in _BY_ENDING or path.suffix == ".ann":
        raise CatalogNERError(f"{path}: cannot tell a format by its name; give --to {_NAMES}")
    return _BY_ENDING[path.suffix]
