"""Which format a file is, by its name and its first rows."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.formats import Format
from spacy_catalog_ner.io.files import detect_kind, iter_jsonl, iter_lines, require_path

_PRODIGY_KEYS = {"answer", "_input_hash", "_task_hash"}

COLUMN_ENDINGS = (".conll", ".iob", ".iob2", ".bio", ".tsv")
"""Endings of the names of column files."""

_BY_ENDING = {
    ".jsonl": Format.JSONL,
    ".spacy": Format.DOCBIN,
    **dict.fromkeys(COLUMN_ENDINGS, Format.CONLL),
    ".json": Format.LABEL_STUDIO,
    ".ann": Format.BRAT,
}
_NAMES = ", ".join(Format)


def detect_source(path: Path) -> Format:
    """Tell the format of a file or folder to read, by its name and, for JSON, its first rows."""
    require_path(path, "annotated text")
    if path.is_dir():
        if next(path.rglob("*.ann"), None) is None:
            raise CatalogNERError(f"{path}: is a folder without .ann files, expected a file")
        return Format.BRAT
    if path.suffix == ".txt" and path.with_suffix(".ann").is_file():
        return Format.BRAT
    kind = detect_kind(path, _BY_ENDING)
    if not kind:
        raise CatalogNERError(f"{path}: cannot tell its format by its name; give --from {_NAMES}")
    return _detect_json(path) if kind in (".jsonl", ".json") else _BY_ENDING[kind]


def _detect_json(path: Path) -> Format:
    lines = (line.strip() for _, line in iter_lines(path, Problems()))
    if next(filter(None, lines), "").startswith("["):
        return Format.LABEL_STUDIO
    first_rows = islice(iter_jsonl(path, Problems()), 10)
    is_prodigy = any(_PRODIGY_KEYS & row.keys() for _, row in first_rows)
    return Format.PRODIGY if is_prodigy else Format.JSONL


def detect_target(path: Path) -> Format:
    """Tell the format of a file or folder to write by its name."""
    if path.is_dir():
        return Format.BRAT
    if path.suffix not in _BY_ENDING or path.suffix == ".ann":
        raise CatalogNERError(f"{path}: cannot tell a format by its name; give --to {_NAMES}")
    return _BY_ENDING[path.suffix]
