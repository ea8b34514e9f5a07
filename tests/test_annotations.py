"""Annotated text: what is wrong is named by file and line, the rest comes through unchanged."""

from __future__ import annotations

import json
import math

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_catalog_ner.doc.rows import doc_to_row, make_doc
from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.io.annotated import read_annotated, read_texts
from spacy_catalog_ner.io.row import Row

NLP = spacy.blank("en")
TEXT = "play Adele now"
ADELE = {"start": 5, "end": 10, "label": "ARTIST"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "annotated.jsonl"


def annotated(path, *rows, labels=None) -> tuple[list, Problems]:
    """Write rows, given as objects or as text, and read them again."""
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines), encoding="utf8")
    problems = Problems()
    found = read_annotated(path, problems, labels)
    return [(place.line, row.to_dict()) for place, row in found], problems


def to_doc(row, problems=None):
    return make_doc(NLP, row, Problems() if problems is None else problems, Place("f.jsonl", 7))


def test_a_row_comes_through_unchanged_with_its_line(path):
    row = {"text": TEXT, "spans": [ADELE], "lang": "en", "meta": {"id": "en-1"}}
    rows, problems = annotated(path, "", row)
    assert rows == [(2, row)]
    assert len(problems) == 0


def test_texts_need_no_annotation(path):
    path.write_text('{"text": "play hello"}\n')
    assert list(read_texts(path, Problems())) == [(Place(path, 1), Row("play hello"))]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", "not JSON"),
        ("[]", "expected a JSON object, got list"),
        ({"spans": []}, 'no "text"'),
        ({"text": "", "spans": []}, 'no "text"'),
        ({"text": " \n", "spans": []}, 'no "text"'),
        ({"text": 5, "spans": []}, 'no "text"'),
        ({"text": TEXT}, 'no "spans" list'),
        ({"text": TEXT, "spans": None}, 'no "spans" list'),
        ('{"text": "a\\ud800", "spans": []}', "half a surrogate pair"),
    ],
)
def test_a_broken_row_is_named_and_counted_while_the_rest_goes_on(path, row, message):
    good = {"text": TEXT, "spans": [ADELE]}
    rows, problems = annotated(path, good, row, good)
    assert rows == [(1, good), (3, good)]
    assert problems.counts == {"broken row": 1}
    assert problems.messages[0].startswith(f"{path}:2: {message}")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"id": "a", "meta": {"id": "b"}}, "a"),
        ({"id": 0}, "0"),
        ({"id": None, "meta": {"id": 7}}, "7"),
        ({"meta": {"id": None}}, ""),
        ({"meta": "no object"}, ""),
    ],
)
def test_the_id_of_a_row_may_be_in_its_meta(path, keys, expected):
    path.write_text(json.dumps({"text": "play hello", **keys}))
    ((_, row),) = read_texts(path, Problems())
    assert row.id == expected


def test_what_only_python_takes_for_json_is_read_too(path):
    text = '{"text": "a", "big": ' + "9" * 30 + ', "nan": [NaN, -Infinity, 1e999]}'
    path.write_text("\ufeff" + text + "\n\u00a0\n")  # a byte order mark, and a line of white space
    ((place, row),) = read_texts(path, Problems())
    assert place.line == 1
    assert repr(row.to_dict()) == repr(json.loads(text))


def test_a_row_of_invalid_utf8_is_named(path):
    path.write_bytes(b'{"text": "caf\xe9"}\n{"text": "ok"}\n')
    problems = Problems()
    assert [place.line for place, _ in read_texts(path, problems)] == [2]
    assert problems.messages == [f"{path}:1: invalid UTF-8 at byte 13; row skipped"]


@pytest.mark.parametrize(
    ("span", "kind", "message"),
    [
        ({"start": 5, "end": 99, "label": "X"}, "span out of range", "span 5..99 in a text of 14"),
        ({"start": -1, "end": 4, "label": "X"}, "span out of range", "span -1..4"),
        ({"start": 5, "end": 5, "label": "X"}, "span out of range", "span 5..5"),
        ({"start": 9, "end": 5, "label": "X"}, "span out of range", "span 9..5"),
        ({"start": "5", "end": 9, "label": "X"}, "span out of range", "span 5..9"),
        ({"start": 0.0, "end": 4, "label": "X"}, "span out of range", "span 0.0..4"),
        ({"start": False, "end": True, "label": "X"}, "span out of range", "span False..True"),
        ({"label": "X"}, "span out of range", "span None..None"),
        ({"start": 5, "end": 10}, "broken span", "expected"),
        ({"start": 5, "end": 10, "label": ""}, "broken span", "expected"),
        ({"start": 5, "end": 10, "label": 3}, "broken span", "expected"),
        ([5, 10, "X"], "broken span", "expected"),
        ({**ADELE, "score": "high"}, "broken span", "score: expected a finite number, got 'high'"),
        ({**ADELE, "score": True}, "broken span", "score: expected a finite number, got True"),
        ({**ADELE, "score": math.nan}, "broken span", "score: expected a finite number, got nan"),
        ({**ADELE, "score": 10**400}, "broken span", "score: expected a finite number, got 1000"),
        ({**ADELE, "label": "SINGER"}, "unknown label", "unknown label 'SINGER'"),
    ],
)
def test_a_broken_span_is_named_and_left_out_of_its_row(path, span, kind, message):
    rows, problems = annotated(path, {"text": TEXT, "spans": [span, ADELE]}, labels={"ARTIST", "X"})
    assert rows == [(1, {"text": TEXT, "spans": [ADELE]})]
    assert problems.counts == {kind: 1}
    assert problems.messages[0].startswith(f"{path}:1: {message}")
    assert problems.messages[0].endswith("span skipped")


def test_a_score_of_null_is_none(path):
    rows, problems = annotated(path, {"text": TEXT, "spans": [{**ADELE, "score": None}]})
    assert rows == [(1, {"text": TEXT, "spans": [ADELE]})]
    assert len(problems) == 0


def test_every_label_is_known_where_none_are_given(path):
    span = {**ADELE, "label": "ANYTHING"}
    assert annotated(path, {"text": TEXT, "spans": [span]})[0][0][1]["spans"] == [span]


def test_an_empty_file_is_reported(path):
    rows, problems = annotated(path)
    assert rows == []
    assert problems.messages == [f"{path}:1: no text in this file"]


def test_a_missing_file_is_a_one_line_error(path):
    with pytest.raises(CatalogNERError, match="no such file, expected JSONL") as error:
        list(read_annotated(path, Problems()))
    assert "\n" not in str(error.value)


def test_a_span_off_token_boundaries_is_named_and_left_out():
    problems = Problems()
    spans = [{"start": 5, "end": 8, "label": "X"}, ADELE]
    doc = to_doc({"text": TEXT, "spans": spans}, problems)
    assert [span.text for span in doc.spans["entities"]] == ["Adele"]
    assert problems.counts == {"span off token boundaries": 1}
    assert problems.messages == ["f.jsonl:7: 'Ade' is off token boundaries; span skipped"]


def test_the_gold_spans_stand_in_entities_selected_and_ents():
    doc = to_doc({"text": TEXT, "spans": [{**ADELE, "id": "artist/adele", "score": 0.5}]})
    for group in (doc.spans["entities"], doc.spans["selected"], doc.ents):
        assert [(s.text, s.label_, s.kb_id_) for s in group] == [
            ("Adele", "ARTIST", "artist/adele")
        ]
    assert doc.spans["selected"].attrs["scores"] == [0.5]


def test_of_overlapping_gold_spans_ents_has_the_longest():
    spans = [
        {"start": 0, "end": 8, "label": "CITY"},
        {"start": 0, "end": 13, "label": "SONG"},
        {"start": 0, "end": 8, "label": "BOOK"},
    ]
    doc = to_doc({"text": "new york city", "spans": spans})
    assert len(doc.spans["entities"]) == 3
    assert [ent.label_ for ent in doc.ents] == ["SONG"]


def test_a_text_without_spans_is_annotated_as_having_none():
    doc = to_doc({"text": TEXT, "spans": []})
    assert doc.has_annotation("ENT_IOB")
    assert len(doc.spans["entities"]) == 0


def test_a_number_may_be_an_id():
    doc = to_doc({"text": TEXT, "spans": [{**ADELE, "id": 0}]})
    assert [ent.kb_id_ for ent in doc.ents] == ["0"]


CANDIDATES = [
    {"start": 0, "end": 4, "label": "MOVIE", "id": "movie/play", "score": 0.03},
    {**ADELE, "id": "artist/adele", "score": 0.9},
    {**ADELE, "label": "ALBUM", "score": 0},
]


def candidates_of(doc) -> list[tuple[str, str, str, float]]:
    group = doc.spans["candidates"]
    scores = group.attrs["scores"]
    return [(s.text, s.label_, s.kb_id_, score) for s, score in zip(group, scores, strict=True)]


def test_candidates_stand_beside_the_gold_spans_with_the_confidences_of_the_teacher():
    doc = to_doc({"text": TEXT, "spans": [ADELE], "candidates": CANDIDATES})
    assert candidates_of(doc) == [
        ("play", "MOVIE", "movie/play", 0.03),
        ("Adele", "ARTIST", "artist/adele", 0.9),
        ("Adele", "ALBUM", "", 0),
    ]
    assert [ent.text for ent in doc.ents] == ["Adele"]


def test_a_teacher_that_found_no_candidate_left_an_empty_group():
    assert candidates_of(to_doc({"text": TEXT, "spans": [], "candidates": []})) == []


@pytest.mark.parametrize(
    "other",
    [
        ADELE,
        {**ADELE, "score": None},
        {**ADELE, "score": "0.5"},
        {**ADELE, "score": True},
        {**ADELE, "score": 1.5},
        {**ADELE, "score": float("nan")},
        "Adele",
    ],
)
def test_there_are_no_confidences_to_learn_from_where_one_candidate_has_none(other):
    problems = Problems()
    doc = to_doc({"text": TEXT, "spans": [ADELE], "candidates": [CANDIDATES[0], other]}, problems)
    assert "candidates" not in doc.spans
    assert len(problems) == 0


@pytest.mark.parametrize("candidates", [None, {"score": 1}, "Adele"])
def test_candidates_that_are_no_list_are_none(candidates):
    doc = to_doc({"text": TEXT, "spans": [ADELE], "candidates": candidates})
    assert "candidates" not in doc.spans


def test_broken_candidates_are_named_and_left_out():
    problems = Problems()
    broken = [
        {"start": 5, "end": 8, "label": "X", "score": 0.1},
        {"start": 5, "end": 99, "label": "X", "score": 0.2},
        {"start": 5, "end": 10, "score": 0.3},
    ]
    row = {"text": TEXT, "spans": [ADELE], "candidates": [*broken, CANDIDATES[1]]}
    assert candidates_of(to_doc(row, problems)) == [("Adele", "ARTIST", "artist/adele", 0.9)]
    assert problems.counts == {"broken candidate": 2, "candidate off token boundaries": 1}
    assert all("candidate skipped" in message for message in problems.messages)


def test_a_pipeline_s_row_has_entities_candidates_and_record(mini_matcher_nlp):
    row = doc_to_row(mini_matcher_nlp("adele"), {"text": "adele", "meta": {"id": 1}}).to_dict()
    adele = {"start": 0, "end": 5, "label": "ARTIST", "id": "artist/adele"}
    assert row == {
        "text": "adele",
        "meta": {"id": 1},
        "spans": [adele],
        "candidates": [adele],
        "catalog_ner": {"candidates": 1, "violations": {}},
    }
    assert json.loads(json.dumps(row)) == row


def test_ents_are_the_spans_of_a_doc_without_our_components():
    doc = NLP.make_doc(TEXT)
    doc.ents = [doc.char_span(5, 10, label="ARTIST")]
    assert doc_to_row(doc, {"text": TEXT}).to_dict() == {"text": TEXT, "spans": [ADELE]}


@st.composite
def annotated_rows(draw):
    """Draw any text, with spans from one of its tokens' starts to another's end."""
    pieces = st.one_of(st.sampled_from([" ", "\n", "don't", "AC/DC", "\u00e9"]), st.characters())
    text = draw(st.lists(pieces, max_size=20).map("".join).filter(str.strip))
    text = text.encode("utf8", "ignore").decode("utf8") or "x"
    tokens = list(NLP.make_doc(text))
    number = st.integers(0, len(tokens) - 1)
    spans = []
    for first, last in draw(st.lists(st.tuples(number, number).map(sorted), max_size=5)):
        end = tokens[last].idx + len(tokens[last])
        label, identifier = (
            draw(st.sampled_from(["A", "B"])),
            draw(st.sampled_from(["1", "\u00e9"])),
        )
        spans.append(
            {
                "start": tokens[first].idx,
                "end": end,
                "label": label,
                "id": identifier,
                "score": draw(st.integers(0, 8)) / 8,
            }
        )
    return {"text": text, "spans": spans, "candidates": spans[::2], "lang": "en"}


@settings(max_examples=100, deadline=None)
@given(row=annotated_rows())
def test_spans_on_token_boundaries_come_back_as_they_were(row):
    problems = Problems()
    assert doc_to_row(to_doc(row, problems), row).to_dict() == row
    assert len(problems) == 0
