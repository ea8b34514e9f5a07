"""Prodigy: accepted rows are read, and rows are written with the tokens that Prodigy needs."""

from __future__ import annotations

import json

import pytest
import spacy
from conftest import annotate, placed, write_rows

from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.formats import docbin, prodigy

NLP = spacy.blank("en")
TEXT = "play Dune, now"
DUNE = {"start": 5, "end": 9, "label": "MOVIE"}

# A row as `prodigy db-out` writes one
EXPORTED = {
    "text": TEXT,
    "_input_hash": 1842734674,
    "_task_hash": -1154391871,
    "_is_binary": False,
    "tokens": [
        {"text": "play", "start": 0, "end": 4, "id": 0, "ws": True},
        {"text": "Dune", "start": 5, "end": 9, "id": 1, "ws": False},
        {"text": ",", "start": 9, "end": 10, "id": 2, "ws": True},
        {"text": "now", "start": 11, "end": 14, "id": 3, "ws": False},
    ],
    "_view_id": "ner_manual",
    "spans": [{**DUNE, "token_start": 1, "token_end": 1}],
    "answer": "accept",
    "_timestamp": 1700000000,
    "_annotator_id": "films-one",
    "meta": {"source": "made up"},
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "annotations.jsonl"


def read(path, *rows, **options) -> tuple[list[dict], Problems]:
    write_rows(path, rows)
    problems = Problems()
    return [row.to_dict() for _, row in prodigy.read(path, problems, **options)], problems


def write(path, *rows) -> tuple[list[dict], Problems]:
    problems = Problems()
    prodigy.write(path, placed(*rows), NLP, problems)
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()], problems


def test_an_accepted_row_is_read_with_what_prodigy_says_of_it_in_meta(path):
    rows, problems = read(path, EXPORTED)
    own = {key: value for key, value in EXPORTED.items() if key.startswith("_")}
    assert rows == [{"text": TEXT, "spans": [DUNE], "meta": {"source": "made up", **own}}]
    assert len(problems) == 0


def test_an_exported_row_comes_back_as_it_was(path, tmp_path):
    write_rows(path, [EXPORTED])
    target = tmp_path / "back.jsonl"
    prodigy.write(target, prodigy.read(path, Problems()), NLP, Problems())
    assert json.loads(target.read_text()) == EXPORTED


def test_rejected_and_ignored_rows_are_counted_and_left_out(path):
    answers = ["reject", "accept", "ignore", "maybe"]
    rows, problems = read(path, *({**EXPORTED, "answer": answer} for answer in answers))
    assert len(rows) == 1
    assert problems.counts == {"rejected row": 1, "ignored row": 1, "broken row": 1}
    assert problems.messages[0] == f"{path}:1: \"answer\" is 'reject'; row skipped"


def test_an_accepted_row_without_spans_has_none(path):
    rows, problems = read(path, {"text": TEXT, "answer": "accept"})
    assert rows == [{"text": TEXT, "spans": []}]
    assert len(problems) == 0


def test_broken_rows_and_spans_are_named(path):
    broken = [
        {"answer": "accept"},
        {"text": TEXT, "spans": "Dune"},
        {"text": TEXT, "spans": [{"start": 5, "end": 99, "label": "MOVIE"}, "Dune", DUNE]},
    ]
    rows, problems = read(path, *broken)
    assert rows == [{"text": TEXT, "spans": [DUNE]}]
    assert problems.counts == {"broken row": 2, "span out of range": 1, "broken span": 1}
    assert [message.split(": ")[0] for message in problems.messages] == [
        f"{path}:{line}" for line in (1, 2, 3, 3)
    ]


def test_tokens_are_written_and_the_last_one_of_a_span_is_meant(path):
    row = annotate("play  more than a feeling", {"more than a feeling": "SONG"})
    (written,), problems = write(path, row)
    assert written["answer"] == "accept"
    assert written["tokens"][:2] == [
        {"text": "play", "start": 0, "end": 4, "id": 0, "ws": True},
        {"text": " ", "start": 5, "end": 6, "id": 1, "ws": False},
    ]
    span = {"start": 6, "end": 25, "label": "SONG", "token_start": 2, "token_end": 5}
    assert written["spans"] == [span]
    assert len(problems) == 0


def test_a_row_comes_back_with_all_its_keys(path):
    row = {"text": TEXT, "spans": [{**DUNE, "id": 7, "score": 0.5, "source": "model"}]}
    row |= {"id": "a", "lang": "en", "meta": {"x": 1}, "extra": None}
    written, _ = write(path, row)
    assert read(path, *written)[0] == [row]


@pytest.mark.parametrize("meta", [None, {}, "x", [1]])
def test_a_meta_of_any_kind_comes_back(path, meta):
    row = {"text": TEXT, "spans": [], "meta": meta}
    assert read(path, *write(path, row)[0])[0] == [row]


def test_what_prodigy_says_is_reported_where_the_meta_is_no_object(path):
    rows, problems = read(path, {"text": TEXT, "_task_hash": 3, "_view_id": "x", "meta": "m"})
    assert rows == [{"text": TEXT, "spans": [], "meta": "m"}]
    message = "a meta that is no object cannot hold _task_hash, _view_id; left out"
    assert problems.messages == [f"{path}:1: {message}"]


def test_keys_that_prodigy_makes_anew_are_reported_once_a_row(path):
    row = {"text": TEXT, "spans": [{**DUNE, "token_start": 0}] * 2, "tokens": 5, "answer": "no"}
    (written,), problems = write(path, row)
    assert (written["answer"], written["spans"][0]["token_start"]) == ("accept", 1)
    what = "answer, token_start, tokens"
    assert problems.messages == [
        f"in.jsonl:1: Prodigy, which has its own, cannot hold {what}; left out"
    ]


def test_a_span_off_token_boundaries_is_named_and_left_out(path):
    (written,), problems = write(path, {"text": TEXT, "spans": [{**DUNE, "end": 7}, DUNE]})
    assert [span["start"] for span in written["spans"]] == [5]
    assert problems.messages == ["in.jsonl:1: 'Du' is off token boundaries; span skipped"]


def test_the_tokens_of_a_row_are_kept_in_other_formats(path, tmp_path):
    tokens = [{"text": word} for word in ("play", "Du", "ne", ",", "now")]
    write_rows(path, [{"text": TEXT, "tokens": tokens, "spans": [{**DUNE, "end": 7}]}])
    problems = Problems()
    docbin.write(tmp_path / "x.spacy", prodigy.read(path, problems), NLP, problems)
    ((_, back),) = docbin.read(tmp_path / "x.spacy", problems)
    assert back.to_dict()["spans"] == [{**DUNE, "end": 7}]
    assert len(problems) == 0


@pytest.mark.parametrize("tokens", [[{"text": "other"}], []])
def test_tokens_of_another_text_are_named_and_not_used(path, tmp_path, tokens):
    write_rows(path, [{"text": TEXT, "tokens": tokens, "spans": [DUNE]}])
    problems = Problems()
    prodigy.write(tmp_path / "back.jsonl", prodigy.read(path, problems), NLP, problems)
    assert json.loads((tmp_path / "back.jsonl").read_text())["tokens"] == EXPORTED["tokens"]
    assert problems.messages == [
        f"{path}:1: the tokens are not those of the text; it is tokenized anew"
    ]
