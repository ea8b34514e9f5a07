"""Annotated JSONL, the project's own format: it holds all there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.formats.rows import SourceRow
from spacy_catalog_ner.io.annotated import read_annotated
from spacy_catalog_ner.io.files import atomic_write, dump_row


def read(path: Path, problems: Problems, labels: set[str] | None = None) -> Iterator[SourceRow]:
    """Yield the rows of a file, see `read_annotated`."""
    for line, row in read_annotated(path, problems, labels):
        yield SourceRow(path, line, row)


def write(path: Path, rows: Iterable[SourceRow]) -> Counter[str]:
    """Write rows as they are, and return how many spans of each label were written."""
    counts: Counter[str] = Counter()
    with atomic_write(path) as stream:
        for source in rows:
            stream.write(dump_row(source.row))
            counts.update(span["label"] for span in source.row["spans"])
    return counts
