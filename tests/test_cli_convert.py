"""``catalog-ner convert``: formats by name or by option, and everything left out is said."""

from __future__ import annotations

import json
import re

import pytest
import spacy
import test_cli
from conftest import annotate, write_rows
from spacy.tokens import DocBin

from spacy_catalog_ner.formats import Format

cli = test_cli.cli  # the fixture

ROWS = [
    annotate("play hello by adele", {"hello": "SONG", "adele": "ARTIST"}),
    annotate("more!", {}),
]
COLUMNS = "play\tO\nhello\tB-SONG\nby\tO\nadele\tB-ARTIST\n\n# text = more!\nmore\tO\n!\tO\n\n"


@pytest.fixture
def rows(tmp_path):
    return write_rows(tmp_path / "rows.jsonl", ROWS)


def read_rows(path) -> list[dict]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]
    return [{key: row[key] for key in ("text", "spans")} for row in rows]


def read_docs(path) -> list:
    return list(DocBin().from_disk(path).get_docs(spacy.blank("en").vocab))


# Training data from JSONL, as the project makes it


def test_jsonl_becomes_docs_with_entities_selected_and_ents(cli, tmp_path):
    spans = [
        {"start": 5, "end": 10, "label": "SONG", "score": 0.75},
        {"start": 5, "end": 19, "label": "ALBUM", "id": "album/1"},
    ]
    rows = [{"text": "play hello by adele", "spans": spans, "lang": "en"}, ROWS[1]]
    source = write_rows(tmp_path / "rows.jsonl", rows)
    result = cli("convert", source, "-o", tmp_path / "train.spacy")
    assert result.code == 0
    assert result.err == f"{tmp_path / 'train.spacy'}: 2 texts, 2 entities of 2 types\n"
    doc, empty = read_docs(tmp_path / "train.spacy")
    for key in ("entities", "selected"):
        assert [(s.text, s.label_, s.kb_id_) for s in doc.spans[key]] == [
            ("hello", "SONG", ""),
            ("hello by adele", "ALBUM", "album/1"),
        ]
        assert doc.spans[key].attrs["scores"] == [0.75, 1.0]
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("hello by adele", "ALBUM")]
    assert empty.has_annotation("ENT_IOB") and len(empty.ents) == 0


def test_several_files_become_one(cli, rows, tmp_path):
    cli("convert", rows, rows, "-o", tmp_path / "train.spacy")
    assert len(read_docs(tmp_path / "train.spacy")) == 4


def test_a_row_that_got_no_answer_is_skipped_and_said(cli, tmp_path):
    failed = {**ROWS[0], "catalog_ner": {"failure": "timeout"}}
    source = write_rows(tmp_path / "rows.jsonl", [failed, ROWS[1]])
    result = cli("convert", source, "-o", tmp_path / "train.spacy")
    assert f"{source}:1: got no answer; row skipped" in result.err
    assert "1 failed row" in result.err
    assert [doc.text for doc in read_docs(tmp_path / "train.spacy")] == ["more!"]


def test_labels_that_are_not_described_are_left_out_and_said(cli, rows, tmp_path):
    labels = tmp_path / "labels.yml"
    labels.write_text("SONG: a song\n")
    result = cli("convert", rows, "-o", tmp_path / "train.spacy", "--labels", labels)
    assert f"{rows}:1: unknown label 'ARTIST'; span skipped" in result.err
    assert "2 texts, 1 entities of 1 types" in result.err


# Between formats


@pytest.mark.parametrize("name", ["x.spacy", "x.conll", "x.iob", "x.bio", "x.tsv", "x.json"])
def test_formats_are_told_by_the_names_both_ways(cli, rows, tmp_path, name):
    assert cli("convert", rows, "-o", tmp_path / name).code == 0
    assert cli("convert", tmp_path / name, "-o", tmp_path / "back.jsonl").code == 0
    assert read_rows(tmp_path / "back.jsonl") == ROWS


@pytest.mark.parametrize("format_", Format)
def test_formats_may_be_given(cli, rows, tmp_path, format_):
    middle = tmp_path / "middle"
    assert cli("convert", rows, "-o", middle, "--to", format_).code == 0
    result = cli("convert", middle, "-o", tmp_path / "back", "--from", format_, "--to", "jsonl")
    assert result.err == f"{tmp_path / 'back'}: 2 texts, 2 entities of 2 types\n"
    assert read_rows(tmp_path / "back") == ROWS


def test_jsonl_of_prodigy_is_told_by_its_rows(cli, tmp_path):
    answers = [{**ROWS[0], "answer": "accept"}, {**ROWS[1], "answer": "reject"}]
    source = write_rows(tmp_path / "rows.jsonl", answers)
    result = cli("convert", source, "-o", tmp_path / "back.jsonl")
    assert "1 rejected row" in result.err
    assert read_rows(tmp_path / "back.jsonl") == ROWS[:1]


def test_json_without_an_array_is_jsonl(cli, rows, tmp_path):
    rows.rename(tmp_path / "rows.json")
    cli("convert", tmp_path / "rows.json", "-o", tmp_path / "back.jsonl")
    assert read_rows(tmp_path / "back.jsonl") == ROWS


def test_a_text_of_brat_brings_its_annotations(cli, tmp_path):
    (tmp_path / "a.txt").write_text("play hello")
    (tmp_path / "a.ann").write_text("T1\tSONG 5 10\thello\n")
    for name in ("a.txt", "a.ann", "."):
        cli("convert", tmp_path / name, "-o", tmp_path / "back.jsonl")
        assert read_rows(tmp_path / "back.jsonl") == [annotate("play hello", {"hello": "SONG"})]


def test_files_of_several_formats_become_one(cli, rows, tmp_path):
    columns = tmp_path / "x.conll"
    columns.write_text(COLUMNS)
    cli("convert", rows, columns, "-o", tmp_path / "all.jsonl")
    assert read_rows(tmp_path / "all.jsonl") == ROWS * 2


def test_columns_are_written_in_the_scheme_given(cli, rows, tmp_path):
    target = tmp_path / "x.conll"
    cli("convert", rows, "-o", target)
    assert target.read_text() == COLUMNS
    cli("convert", rows, "-o", target, "--scheme", "BIOES")
    assert target.read_text() == COLUMNS.replace("B-", "S-")


def test_the_column_of_the_tags_may_be_given(cli, tmp_path):
    source = tmp_path / "x.txt"
    source.write_text("in O IN\nRome B-LOC NNP\n")
    options = ("--from", "conll", "--column", 2)
    assert cli("convert", source, "-o", tmp_path / "back.jsonl", *options).code == 0
    assert read_rows(tmp_path / "back.jsonl") == [annotate("in Rome", {"Rome": "LOC"})]


def test_what_the_target_cannot_hold_is_said_with_its_file_and_line(cli, tmp_path):
    spans = [{"start": 0, "end": 8, "label": "CITY"}, {"start": 4, "end": 13, "label": "SONG"}]
    source = write_rows(tmp_path / "in.jsonl", [{"text": "new york city", "spans": spans}])
    result = cli("convert", source, "-o", tmp_path / "x.conll")
    assert result.code == 0
    assert f"{source}:1: 'york city' (SONG) overlaps another span" in result.err
    assert "1 overlapping span" in result.err
    assert "1 texts, 1 entities of 1 types" in result.err


# Mistakes


@pytest.mark.parametrize("name", ["x.txt", "x", "x.jsonl.gz", "x.ann"])
def test_a_target_that_tells_no_format_is_refused(cli, rows, tmp_path, name):
    error = cli("convert", rows, "-o", tmp_path / name).error
    assert re.search(
        r"x\S*: cannot tell a format by its name; give --to jsonl, spacy, conll", error
    )


def test_a_source_that_tells_no_format_is_refused(cli, tmp_path):
    (tmp_path / "x.txt").write_text("Rome B-LOC\n")
    error = cli("convert", tmp_path / "x.txt", "-o", tmp_path / "x.jsonl").error
    assert "x.txt: cannot tell its format by its name; give --from jsonl, spacy, conll" in error


def test_a_folder_of_brat_is_replaced_only_where_convert_wrote_it(cli, rows, tmp_path):
    own, others = tmp_path / "own", tmp_path / "others"
    for _ in range(2):
        assert cli("convert", rows, "-o", own, "--to", "brat").code == 0
    others.mkdir()
    for name in ("annotation.conf", "a.txt", "a.ann"):
        (others / name).write_text("")
    error = cli("convert", rows, "-o", others, "--to", "brat").error
    assert "others: holds something else (no .catalog-ner in it)" in error
    assert len(list(others.iterdir())) == 3


@pytest.mark.parametrize("format_", [format_ for format_ in Format if format_ is not Format.BRAT])
def test_a_folder_is_no_file_of_any_other_format(cli, tmp_path, format_):
    result = cli("convert", tmp_path, "-o", tmp_path / "x.jsonl", "--from", format_)
    assert "is a folder" in result.error


@pytest.mark.parametrize("name", ["x.jsonl", "x.spacy", "x.conll", "x.json"])
def test_with_nothing_to_write_the_target_stays_as_it_was(cli, tmp_path, name):
    source = write_rows(tmp_path / "in.jsonl", [{"text": "no spans"}])
    target = tmp_path / name
    target.write_text("earlier")
    result = cli("convert", source, "-o", target)
    assert "nothing to write, no usable row in the input" in result.error
    assert f"{source}:1: " in result.err
    assert target.read_text() == "earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["in.jsonl", name])


def test_a_missing_source_is_named_before_anything_is_written(cli, rows, tmp_path):
    result = cli("convert", rows, tmp_path / "no.conll", "-o", tmp_path / "out" / "x.jsonl")
    assert "no.conll: no such file" in result.error
    assert not (tmp_path / "out").exists()


def test_a_file_of_another_format_is_one_line(cli, rows, tmp_path):
    rows.rename(tmp_path / "rows.spacy")
    result = cli("convert", tmp_path / "rows.spacy", "-o", tmp_path / "x.jsonl")
    assert "rows.spacy: not a DocBin" in result.error


def test_a_corpus_without_an_entity_is_warned_of(cli, tmp_path):
    source = write_rows(tmp_path / "rows.jsonl", [ROWS[1]])
    result = cli("convert", source, "-o", tmp_path / "train.spacy")
    assert result.code == 0
    assert "without a single entity there is nothing to train a student on" in result.err
