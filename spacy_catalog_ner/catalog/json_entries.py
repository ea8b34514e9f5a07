"""Catalog entries of JSONL files, many at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from spacy_catalog_ner.catalog.entry import Entry
from spacy_catalog_ner.catalog.rows import entries_of
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.io.files import iter_line_blocks, parse_block


class _Row(msgspec.Struct, gc=False):
    """What most rows look like; `Entry.from_row` takes more than this."""

    text: str
    label: str
    id: str | int | None = ""
    weight: float | None = 1.0
    lang: str | None = ""
    aliases: list[str] | None = None


_DECODER = msgspec.json.Decoder(_Row)


def iter_json_entries(
    path: Path, problems: Problems, on_read: Callable[[int], object]
) -> Iterator[tuple[int, Entry]]:
    """Yield (line number, entry) of a JSONL file; broken rows are reported and skipped.

    A block of usual rows is checked and made as a whole. One with anything else in it is read row
    by row, so that what is reported of a row does not depend on its neighbours.
    """
    for first, block in iter_line_blocks(path, on_read):
        entries = _decode(block)
        if entries is None:
            rows = parse_block(path, first, block, problems)
            yield from entries_of(rows, str(path), problems)
        else:
            yield from enumerate(entries, start=first)


def _decode(block: bytes) -> list[Entry] | None:
    """Return the entry of each line, or None where a row is not of the usual kind."""
    lines = block.count(b"\n") + (not block.endswith(b"\n"))
    try:
        rows = _DECODER.decode_lines(block.decode("utf8"))
        if len(rows) != lines:
            return None
        texts = [row.text.strip() for row in rows]
        labels = [row.label.strip() for row in rows]
        ids = ["" if row.id is None else str(row.id) for row in rows]
        weights = [1.0 if row.weight is None else row.weight for row in rows]
        langs = [row.lang or "" for row in rows]
        if not any(row.aliases for row in rows):
            return Entry.from_columns(texts, labels, ids, weights, langs)
        aliases = [tuple(filter(None, map(str.strip, row.aliases or ()))) for row in rows]
        return list(map(Entry, texts, labels, ids, weights, aliases, langs))
    except (UnicodeDecodeError, msgspec.MsgspecError, CatalogNERError):
        return None
