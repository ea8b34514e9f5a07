"""Reading written answers: right ones, wrong ones, and anything at all."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spacy_catalog_ner.llm.tasks.answers import (
    AnswerErrors,
    parse_copies,
    parse_entities,
    parse_ids,
    parse_verdicts,
)

NAMES = [("Adele", "ARTIST"), ("boston", "CITY"), ("boston", "ARTIST"), ("boston", "CITY")]
ALL = range(len(NAMES))
MALFORMED = {"malformed": 1}
YES_NO = ("yes", "no")


def entities(*names: tuple[str, str]) -> str:
    return json.dumps({"entities": [{"text": text, "label": label} for text, label in names]})


def record(result) -> tuple[set[int], dict]:
    judged, flaws = result
    return {place for place, is_right in judged.items() if is_right}, flaws.to_record()


# Numbers


def test_numbers_choose_candidates_of_the_request():
    assert record(parse_ids('{"ids": [1, 3]}', [4, 5, 8])) == ({4, 8}, {})


def test_no_number_is_an_answer():
    assert record(parse_ids('{"ids": []}', ALL)) == (set(), {})


def test_a_number_that_no_candidate_has_is_unknown():
    written = '{"ids": [0, 5, -1, 1.0, "1", true, null, [1], 2]}'
    assert record(parse_ids(written, ALL)) == ({1}, {"unknown_id": 8})


def test_a_number_twice_is_a_duplicate():
    assert record(parse_ids('{"ids": [2, 2, 1, 2]}', ALL)) == ({0, 1}, {"duplicate": 2})


@pytest.mark.parametrize(
    "written",
    [
        '{"ids": [2]}',
        'Sure! Here it is:\n```json\n{"ids": [2]}\n```\nAnything else?',
        'The first name {"boston"} is meant as a city, so {"ids": [2]}',
        '{"reason": {"ids": "none"}} {"ids": [2]}\n\nText: more\nAnswer:\n{"ids": [1]}',
        '<think>Perhaps {"ids": [1]}? No.</think>{"ids": [2]}',
    ],
    ids=["bare", "fenced", "after braces", "first of several", "after thoughts"],
)
def test_what_stands_around_the_answer_does_not_matter(written):
    assert record(parse_ids(written, ALL)) == ({1}, {})


def test_what_cannot_be_read_is_malformed_and_chooses_nothing():
    for written in (
        "",
        "[2]",
        "I don't know.",
        '{"ids": [1, 2,]}',
        '{"ids": [1, 2',
        '{"ids": 2}',
        '{"numbers": [2]}',
        "{'ids': [2]}",
        '{"ids": [' + "9" * 5000 + "]}",
        '{"ids": ' + "[" * 5000,
    ):
        assert record(parse_ids(written, ALL)) == (set(), MALFORMED), written
        assert record(parse_verdicts(written, ALL, YES_NO)) == (set(), MALFORMED), written


# Verdicts


def test_verdicts_are_read_by_their_keys():
    assert record(parse_verdicts('{"2": "yes", "1": "no"}', [4, 7], YES_NO)) == ({7}, {})


def test_a_verdict_that_is_missing_or_no_verdict_is_malformed():
    written = '{"1": "yes", "3": "perhaps", "4": true, "5": "yes"}'
    assert record(parse_verdicts(written, ALL, YES_NO)) == ({0}, {"malformed": 3})


def test_a_spanish_yes_is_understood_with_and_without_its_accent():
    written = '{"1": "sí", "2": "SI", "3": "si\u0301", "4": "No"}'
    assert record(parse_verdicts(written, ALL, ("sí", "no"))) == ({0, 1, 2}, {})


# Copies


def test_copies_choose_candidates():
    assert record(parse_copies(entities(("Adele", "ARTIST")), ALL, NAMES)) == ({0}, {})


def test_copies_are_compared_in_normal_form():
    names = [("the\nWeeknd", "ARTIST"), ("l\u2019été", "SONG"), ("<unk>", "SONG")]
    copies = entities(("The Weeknd", "ARTIST"), ("L'ÉTÉ", "SONG"), ("<unk>", "SONG"))
    assert record(parse_copies(copies, range(3), names)) == ({0, 1, 2}, {})


def test_a_name_that_stands_in_the_text_twice_is_chosen_at_both_places():
    boston = ("boston", "CITY")
    assert record(parse_copies(entities(boston), ALL, NAMES)) == ({1, 3}, {})
    assert record(parse_copies(entities(boston, boston), ALL, NAMES)) == ({1, 3}, {})
    thrice = parse_copies(entities(boston, boston, boston), ALL, NAMES)
    assert record(thrice) == ({1, 3}, {"duplicate": 1})


def test_a_candidate_with_another_label_is_a_wrong_label():
    copies = entities(("Adele", "CITY"), ("boston", "ARTIST"))
    wrong = {"wrong_label": [{"text": "Adele", "label": "CITY"}]}
    assert record(parse_copies(copies, ALL, NAMES)) == ({2}, wrong)


def test_what_is_no_candidate_is_out_of_catalog():
    copies = entities(("Adele  Adkins", "ARTIST"), ("Adele", "ARTIST"))
    proposed = {"out_of_catalog": [{"text": "Adele Adkins", "label": "ARTIST"}]}
    assert record(parse_copies(copies, ALL, NAMES)) == ({0}, proposed)


def test_a_candidate_of_another_window_is_passed_over():
    copies = entities(("Adele", "ARTIST"), ("boston", "CITY"))
    assert record(parse_copies(copies, [1, 2], NAMES)) == ({1}, {})


def test_items_of_another_shape_are_malformed_and_the_others_count():
    items = [
        *(None, "Adele", [], {}, {"text": "Adele"}),
        {"text": 1, "label": "ARTIST"},
        {"text": " ", "label": "ARTIST"},
        {"text": "\ud800", "label": "ARTIST"},
        {"text": "Adele", "label": "ARTIST"},
    ]
    written = json.dumps({"entities": items})
    assert record(parse_copies(written, ALL, NAMES)) == ({0}, {"malformed": 8})


# What is wrong


def test_flaws_of_several_answers_add_up():
    flaws = AnswerErrors(malformed=1, out_of_catalog=[("a", "B")])
    flaws.add(AnswerErrors(malformed=2, out_of_catalog=[("c", "D")], duplicate=1))
    assert flaws.to_record() == {
        "malformed": 3,
        "duplicate": 1,
        "out_of_catalog": [{"text": "a", "label": "B"}, {"text": "c", "label": "D"}],
    }


# Anything at all

WORDS = st.sampled_from(["yes", "no", "Adele", "boston", "CITY", "1", "ids", "entities", "text"])
KEYS = WORDS | st.sampled_from(["label", "2"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.floats() | st.text() | WORDS,
    lambda inner: st.lists(inner) | st.dictionaries(KEYS | st.text(), inner),
)
WRITTEN = st.text() | st.text("{}[],:\"'1 ids") | JSON.map(json.dumps)
PLACES = st.lists(st.sampled_from(list(ALL)), unique=True)


@given(WRITTEN, PLACES)
@example('{"ids": [1, 1e999, NaN]}', [0])
@example('{"entities": [{"text": "\\udc00", "label": "x"}]}', [0])
@example('{"1": "\\ud800"}', [0])
def test_whatever_is_written_only_candidates_that_were_asked_for_are_chosen(written, places):
    for judged, flaws in (
        parse_ids(written, places),
        parse_verdicts(written, places, YES_NO),
        parse_copies(written, places, NAMES),
    ):
        assert judged.keys() <= set(places)
        json.dumps(flaws.to_record(), ensure_ascii=False).encode("utf8")


@given(WRITTEN)
def test_whatever_is_written_entities_have_a_text_and_a_label_on_one_line(written):
    for text, label in parse_entities(written)[0]:
        assert text == " ".join(text.split()) != ""
        assert label == " ".join(label.split()) != ""
