"""The texts to label, from files of every kind, odd ones among them."""

from __future__ import annotations

import csv
import gzip
import io
import json

import pytest
import spacy
import zstandard
from conftest import placed
from hypothesis import given, settings
from hypothesis import strategies as st
from labelling import label, read
from spacy.tokens import DocBin

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.formats import docbin
from spacy_catalog_ner.labelling.sources import count_lines, read_source

NOT_KEPT = ("spans", "candidates", "selected", "exemplar_labels", "catalog_ner", "failure")


@pytest.fixture(scope="module")
def blank():
    return spacy.blank("en")


def rows_of(path, content: str | bytes):
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf8"))
    problems = Problems()
    return [(place.line, row.to_dict()) for place, row in read_source(path, problems)], problems


PACKERS = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("in.jsonl", '{"text": "play drake", "id": "7"}\n'),
        ("in.csv", 'id,text\n7,"play drake"\n'),
        ("in.tsv", "text\tid\nplay drake\t7\n"),
    ],
)
def test_texts_come_with_their_other_keys_and_packed_or_not(tmp_path, packed, name, content):
    rows, problems = rows_of(tmp_path / f"{name}{packed}", PACKERS[packed](content.encode()))
    assert [row for _, row in rows] == [{"text": "play drake", "id": "7"}]
    assert len(problems) == 0


def test_docs_give_their_texts_and_the_keys_of_their_rows(tmp_path, blank):
    path = tmp_path / "in.spacy"
    row = {"text": "play drake", "spans": [], "id": 7, "meta": {"a": [1]}}
    docbin.write(path, placed(row), blank, Problems())
    ((place, read),) = read_source(path, Problems())
    assert (place, read.to_dict()) == (
        (path, 1),
        {"id": 7, "meta": {"a": [1]}, "text": "play drake"},
    )


def test_docs_that_nobody_annotated_are_texts_too(tmp_path, blank):
    path = tmp_path / "in.spacy"
    DocBin(docs=[blank("play drake"), blank(" "), blank("stop")]).to_disk(path)
    problems = Problems()
    assert [row.text for _, row in read_source(path, problems)] == ["play drake", "stop"]
    assert problems.messages == [f"{path}:2: no text; Doc skipped"]
    assert count_lines(path) == 3


def test_a_quoted_text_may_have_commas_quotes_and_lines(tmp_path):
    rows, _ = rows_of(tmp_path / "in.csv", 'text,id\n"play ""hello"",\nthen stop",1\nstop,2\n')
    assert rows == [
        (2, {"text": 'play "hello",\nthen stop', "id": "1"}),
        (4, {"text": "stop", "id": "2"}),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("play hello, goodbye", "more than the header's 1 fields (quote one with a comma)"),
        ('"play hello', "a quote that is not closed"),
        ('""', 'no "text"'),
    ],
)
def test_a_broken_csv_row_is_named_and_the_others_go_on(tmp_path, row, message):
    path = tmp_path / "in.csv"
    rows, problems = rows_of(path, f"text\nplay\n{row}\nstop\n")
    assert [row["text"] for _, row in rows] == ["play", "stop"]
    assert problems.messages == [f"{path}:3: {message}; row skipped"]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("utterance,id", 'in.csv:1: expected a column "text", got ["utterance", "id"]'),
        ("text,id,text", 'in.csv:1: two columns are named "text"; rename one of them'),
    ],
)
def test_a_header_that_cannot_be_used_is_an_error(tmp_path, header, message):
    with pytest.raises(CatalogNERError) as error:
        rows_of(tmp_path / "in.csv", f"{header}\na,b\n")
    assert str(error.value).endswith(message)


def test_a_file_of_an_unknown_kind_is_an_error(tmp_path):
    with pytest.raises(CatalogNERError, match=r"in\.txt: cannot tell its format by its name"):
        rows_of(tmp_path / "in.txt", "play drake\n")


def test_a_truncated_file_is_an_error_before_anything_is_labelled(tmp_path, blank):
    rows = "".join(f'{{"text": "{n * n * n}"}}\n' for n in range(50_000))
    path = tmp_path / "in.jsonl.gz"
    path.write_bytes(gzip.compress(rows.encode())[:-1000])
    with pytest.raises(CatalogNERError, match="not a whole gzip file"):
        label(blank, path, tmp_path / "out.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl.gz"]


@pytest.mark.parametrize(
    ("content", "lines"), [("", 0), ("a", 1), ("a\n", 1), ("a\nb", 2), ("\n" * 200_000, 200_000)]
)
def test_lines_are_counted_with_or_without_an_end_of_the_last(tmp_path, content, lines):
    path = tmp_path / "in.jsonl.gz"
    path.write_bytes(gzip.compress(content.encode()))
    assert count_lines(path) == lines


# Whatever the rows are

KEYS = st.one_of(st.text(max_size=5), st.sampled_from([*NOT_KEPT, "text", "lang", "meta"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=4,
)
ROWS = st.dictionaries(KEYS, VALUES, max_size=4)
TEXTS = st.one_of(st.text(max_size=30), st.text(" \t\r\n\u2028\u00a0", max_size=3), VALUES)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.builds(lambda row, text: {**row, "text": text}, ROWS, TEXTS), max_size=12))
def test_exactly_the_rows_with_a_text_come_out_in_their_order(blank, tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("rows")
    source = folder / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf8")
    good = [row for row in rows if isinstance(row["text"], str) and row["text"].strip()]
    if good:
        label(blank, source, folder / "out.jsonl", batch_size=3)
        expected = [{k: v for k, v in row.items() if k not in NOT_KEPT} for row in good]
        assert read(folder / "out.jsonl") == [{**row, "spans": []} for row in expected]
    else:
        with pytest.raises(CatalogNERError, match="no text in this file"):
            label(blank, source, folder / "out.jsonl")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=30).filter(str.strip), min_size=1, max_size=12))
def test_texts_that_a_spreadsheet_has_quoted_come_out_as_they_are(tmp_path_factory, texts):
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
    writer.writerows([["text"], *([text] for text in texts)])
    rows, problems = rows_of(tmp_path_factory.mktemp("csv") / "in.csv", stream.getvalue())
    assert [row["text"] for _, row in rows] == texts
    assert len(problems) == 0
