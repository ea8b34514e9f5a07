"""Annotated JSONL: rows go through with all they have, from compressed files too."""

from __future__ import annotations

import gzip
import json

import pytest
from conftest import write_rows
from zstandard import ZstdCompressor

from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.formats import jsonl

ADELE = {"start": 5, "end": 10, "label": "ARTIST", "id": "artist/adele", "score": 0.5}
ROW = {"text": "play Adele", "spans": [ADELE], "id": 1, "lang": "en", "candidates": [ADELE]}


def test_rows_go_through_with_all_their_keys(tmp_path):
    source = write_rows(tmp_path / "a.jsonl", [ROW, {**ROW, "text": "play Adele 🎵\r\n"}])
    target = tmp_path / "b.jsonl"
    counts = jsonl.write(target, jsonl.read(source, Problems()))
    rows = [[json.loads(line) for line in path.open(encoding="utf8")] for path in (source, target)]
    assert rows[0] == rows[1]
    assert counts == {"ARTIST": 2}


@pytest.mark.parametrize(
    ("ending", "compress"), [(".gz", gzip.compress), (".zst", ZstdCompressor().compress)]
)
def test_compressed_files_are_read(tmp_path, ending, compress):
    path = tmp_path / f"a.jsonl{ending}"
    path.write_bytes(compress(json.dumps(ROW).encode()))
    assert [source.row for source in jsonl.read(path, Problems())] == [ROW]


def test_a_broken_row_is_named_and_the_rest_goes_on(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(f'oops\n{json.dumps(ROW)}\n{{"text": "no spans"}}\n')
    problems = Problems()
    assert [source.line for source in jsonl.read(path, problems)] == [2]
    assert [message.split(": ")[0] for message in problems.messages] == [f"{path}:1", f"{path}:3"]
