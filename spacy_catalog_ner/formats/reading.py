"""Annotated files as the commands take them: JSONL or a DocBin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.formats import docbin
from spacy_catalog_ner.formats.prodigy import is_refused
from spacy_catalog_ner.io.annotated import ANNOTATED, read_annotated
from spacy_catalog_ner.io.files import detect_kind, require_file
from spacy_catalog_ner.io.row import Row

_EXPECTED = "annotated texts (.jsonl, which may end in .gz or .zst, or .spacy)"


def read_annotated_file(
    path: str | Path, problems: Problems, labels: set[str] | None = None
) -> Iterator[tuple[Place, Row]]:
    """Return the annotated rows of a JSONL file, packed or not, or of a DocBin, with their places.

    Rows that were rejected or ignored in Prodigy are reported and left out. If `labels` are given,
    so are spans with others.

    Raises
    ------
    CatalogNERError
        If there is no such file, or it is in another format.
    """
    path = require_file(path, _EXPECTED)
    kind = detect_kind(path, ANNOTATED)
    if path.suffix and not kind:
        raise CatalogNERError(
            f"{path}: expected {_EXPECTED}; `catalog-ner convert FILE -o FILE.jsonl` makes them of"
            " other formats"
        )
    read = docbin.read if kind == ".spacy" else read_annotated
    return (
        (place, row)
        for place, row in read(path, problems, labels)
        if not is_refused(row.keys.get("answer"), place, problems)
    )
