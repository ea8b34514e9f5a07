"""Reading MASSIVE, utterances for a voice assistant (CC BY 4.0).

FitzGerald et al. 2023, https://aclanthology.org/2023.acl-long.235
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.files import require_file, write_jsonl
from spacy_catalog_ner.io.row import Row, RowSpan

SHA256 = "4cba5faa11c71437928e17cb1b9b3d8b8e727e7ea363a3a9a8045e19c0491577"
"""Of ``amazon-massive-dataset-1.1.tar.gz``, linked from https://github.com/alexa/massive."""

_SLOT = re.compile(r"\[\s*(?P<label>[^\s:\]]+)\s*:\s*(?P<text>[^\]]*?)\s*\]")


def unpack_massive(
    archive: str | Path, target: str | Path, *, locale: str = "en-US", sha256: str = SHA256
) -> dict[str, int]:
    """Write ``train``, ``dev`` and ``test`` ``.jsonl`` of one locale, and return their sizes."""
    archive, target = require_file(archive, "the MASSIVE 1.1 archive"), Path(target)
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != sha256:
        raise CatalogNERError(f"{archive}: SHA-256 is {found}, expected {sha256}")
    splits: dict[str, list[Row]] = {"train": [], "dev": [], "test": []}
    for data in _read_locale(archive, locale):
        row = parse_annotation(data["annot_utt"])
        row.keys = {"lang": locale, "meta": {"id": data["id"], "intent": data["intent"]}}
        splits[data["partition"]].append(row)
    return {name: write_jsonl(target / f"{name}.jsonl", rows) for name, rows in splits.items()}


def _read_locale(archive: Path, locale: str) -> Iterator[dict[str, Any]]:
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.name.endswith(f"data/{locale}.jsonl"):
                stream = tar.extractfile(member)
                assert stream is not None  # a regular file by its name
                for line in stream:
                    yield json.loads(line)
                return
    raise CatalogNERError(f"{archive}: no locale {locale!r} in this archive")


def parse_annotation(annotated: str) -> Row:
    """Turn ``wake me at [time : nine am]`` into the plain text with its spans."""
    parts: list[str] = []
    spans = []
    length = position = 0
    for match in _SLOT.finditer(annotated):
        before = annotated[position : match.start()]
        parts += [before, match["text"]]
        start = length + len(before)
        length = start + len(match["text"])
        spans.append(RowSpan(start, length, match["label"]))
        position = match.end()
    return Row("".join((*parts, annotated[position:])), spans)
