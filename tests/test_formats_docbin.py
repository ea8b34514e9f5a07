"""DocBin: what a row has comes back from its Doc, and Docs of others are read."""

from __future__ import annotations

import json
import zlib

import pytest
import spacy
import srsly
from conftest import annotate, placed
from spacy.tokens import Doc, DocBin, Span, SpanGroup

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.formats import conll, docbin

NLP = spacy.blank("en")
ROW = annotate("play Hello by Adele", {"Hello": "SONG", "Adele": "ARTIST"})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "train.spacy"


def write(path, *rows) -> Problems:
    problems = Problems()
    docbin.write(path, placed(*rows), NLP, problems)
    return problems


def read(path, **options) -> tuple[list[dict], Problems]:
    problems = Problems()
    return [row.to_dict() for _, row in docbin.read(path, problems, **options)], problems


def write_docs(path, *docs) -> None:
    DocBin(docs=docs).to_disk(path)


def test_rows_come_back_as_they_were(path):
    scored = {"start": 14, "end": 19, "label": "ARTIST", "id": "artist/adele", "score": 0.5}
    rows = [
        ROW,
        {**ROW, "spans": [scored], "id": "a", "lang": "en", "meta": {"n": 2**70, "list": [1]}},
        {**ROW, "spans": []},
    ]
    assert len(write(path, *rows)) == 0
    found, problems = read(path)
    assert found == rows
    assert len(problems) == 0


def test_all_keys_of_rows_and_spans_come_back_with_their_types(path):
    hello, adele = ROW["spans"]
    spans = [{**hello, "id": 7, "score": 1 / 3}, {**adele, "note": ["x"]}, {**adele, "id": "7"}]
    others = {"candidates": [hello], "selected": [], "exemplar_labels": ["SONG"], "extra": None}
    row = {**ROW, "spans": spans, **others, "id": 8, "catalog_ner": {"model": "x"}}
    assert len(write(path, row)) == 0
    assert read(path)[0] == [row]


def test_a_span_without_score_beside_one_with_it_has_none_when_it_comes_back(path):
    hello, adele = ROW["spans"]
    row = {**ROW, "spans": [{**hello, "score": 0.5}, adele]}
    write(path, row)
    (doc,) = DocBin().from_disk(path).get_docs(NLP.vocab)
    assert doc.spans["entities"].attrs["scores"] == [0.5, 1.0]  # what training reads
    assert read(path)[0] == [row]


def test_entities_that_a_pipeline_put_in_place_of_those_of_the_row_are_read(path):
    write(path, {**ROW, "spans": [{**ROW["spans"][0], "score": 0.5}], "id": "a"})
    (doc,) = DocBin().from_disk(path).get_docs(NLP.vocab)
    spans = [Span(doc, 1, 2, label="ALBUM")]
    attrs = {"scores": [0.25]}
    doc.spans["entities"] = SpanGroup(doc, name="entities", spans=spans, attrs=attrs)
    DocBin(docs=[doc], store_user_data=True).to_disk(path)
    span = {"start": 5, "end": 10, "label": "ALBUM", "score": 0.25}
    selected = {**ROW["spans"][0], "score": 0.5}
    assert read(path)[0] == [{**ROW, "spans": [span], "id": "a", "selected": [selected]}]


def test_candidates_with_confidences_come_back_and_are_written_once(path):
    hello, adele = ROW["spans"]
    candidates = [{**hello, "score": 0.25, "id": 7, "note": "x"}, {**adele, "score": 1 / 3}]
    rows = [{**ROW, "candidates": candidates}, {**ROW, "candidates": []}]
    assert len(write(path, *rows)) == 0
    assert read(path)[0] == rows
    for row, doc in zip(rows, DocBin().from_disk(path).get_docs(NLP.vocab), strict=True):
        assert len(doc.spans["candidates"]) == len(row["candidates"])
        assert json.loads(doc.user_data["spacy_catalog_ner.row"]) == {}


def test_confidences_that_a_pipeline_gave_since_are_read(path):
    candidates = [{**span, "id": "a", "score": 0.25} for span in ROW["spans"]]
    write(path, {**ROW, "candidates": candidates})
    (doc,) = DocBin().from_disk(path).get_docs(NLP.vocab)
    doc.spans["candidates"].attrs["scores"] = [0.75, 0.5]
    DocBin(docs=[doc], store_user_data=True).to_disk(path)
    assert [candidate["score"] for candidate in read(path)[0][0]["candidates"]] == [0.75, 0.5]


def test_candidates_of_a_matcher_take_the_place_of_those_of_the_row(path, mini_matcher_nlp):
    write(path, {**ROW, "candidates": [{**ROW["spans"][0], "score": 0.25}]})
    (doc,) = DocBin().from_disk(path).get_docs(mini_matcher_nlp.vocab)
    DocBin(docs=[mini_matcher_nlp(doc)], store_user_data=True).to_disk(path)
    (row,) = read(path)[0]
    assert [(c["label"], c["id"]) for c in row["candidates"]] == [
        ("SONG", "song/hello"),
        ("ARTIST", "artist/adele"),
    ]
    assert all("score" not in candidate for candidate in row["candidates"])


def test_overlapping_spans_and_several_labels_are_held(path):
    spans = [
        {"start": 5, "end": 10, "label": "SONG"},
        {"start": 5, "end": 10, "label": "ALBUM"},
        {"start": 5, "end": 19, "label": "SONG"},
    ]
    write(path, {**ROW, "spans": spans})
    assert read(path)[0][0]["spans"] == spans


def test_a_span_off_token_boundaries_is_named_and_left_out(path):
    span = {"start": 5, "end": 8, "label": "SONG"}
    problems = write(path, {**ROW, "spans": [span]})
    assert problems.messages == ["in.jsonl:1: 'Hel' is off token boundaries; span skipped"]
    assert read(path)[0][0]["spans"] == []


def test_the_tokens_of_columns_are_those_of_the_doc(path, tmp_path):
    columns = tmp_path / "in.conll"
    columns.write_text("# text = EU-wide, now\nEU-wide B-MISC\n, O\nnow O\n")
    docbin.write(path, conll.read(columns, Problems()), NLP, Problems())
    (doc,) = DocBin().from_disk(path).get_docs(NLP.vocab)
    assert [token.text for token in doc] == ["EU-wide", ",", "now"]
    assert [ent.text for ent in doc.ents] == ["EU-wide"]
    assert doc.text == "EU-wide, now"


def test_docs_of_another_program_have_their_entities_in_ents(path):
    doc = NLP(ROW["text"])
    doc.ents = [doc.char_span(5, 10, label="SONG", kb_id="Q1")]
    write_docs(path, doc)
    spans = [{"start": 5, "end": 10, "label": "SONG", "id": "Q1"}]
    assert read(path)[0] == [{"text": ROW["text"], "spans": spans}]


def test_a_doc_that_is_not_annotated_is_named_by_its_number(path):
    annotated = NLP("play")
    annotated.ents = []
    write_docs(path, annotated, NLP("play it"), Doc(NLP.vocab, words=["\n"]))
    rows, problems = read(path)
    assert [row["text"] for row in rows] == ["play"]
    assert problems.messages == [
        f'{path}:2: neither spans["entities"] nor ents; Doc skipped',
        f"{path}:3: no text; Doc skipped",
    ]


def test_an_unknown_label_is_named(path):
    write(path, ROW)
    rows, problems = read(path, labels={"ARTIST"})
    assert [span["label"] for span in rows[0]["spans"]] == ["ARTIST"]
    assert problems.messages == [f"{path}:1: unknown label 'SONG'; span skipped"]


def test_a_file_without_docs_is_reported(path):
    write_docs(path)
    rows, problems = read(path)
    assert rows == []
    assert problems.messages == [f"{path}:1: no Doc in this file"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"text": "x"}',
        zlib.compress(b"x"),
        zlib.compress(b"\xc1"),
        zlib.compress(srsly.msgpack_dumps({"attrs": []})),
        zlib.compress(srsly.msgpack_dumps([1])),
    ],
)
def test_a_file_that_is_no_docbin_is_a_one_line_error(path, content):
    path.write_bytes(content)
    with pytest.raises(CatalogNERError, match="not a DocBin") as error:
        read(path)
    assert "\n" not in str(error.value)
