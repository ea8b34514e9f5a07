"""Predictions and gold of the same texts find each other, and what does not fit is reported."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.evaluation import Pair, align_rows
from spacy_catalog_ner.evaluation.alignment import match_rows
from spacy_catalog_ner.io.row import Row

CITY = {"start": 0, "end": 5, "label": "CITY"}
BAND = {"start": 0, "end": 5, "label": "BAND"}


UNANSWERED = {"catalog_ner": {"failure": "no prediction"}}


def row(text: str, *spans: dict, **more) -> dict:
    return {"text": text, "spans": list(spans), **more}


@pytest.fixture
def problems() -> Problems:
    return Problems()


# Pairing


def test_rows_in_the_same_order_are_paired_and_named_by_their_number(problems):
    predictions, gold = [row("one"), row("two")], [row("one"), row("two")]
    pairs = align_rows(predictions, gold, problems)
    assert [pair.name for pair in pairs] == ["row 1", "row 2"]
    assert [pair.predicted.to_dict() for pair in pairs] == predictions
    assert len(problems) == 0


def test_a_text_that_occurs_twice_is_paired_occurrence_by_occurrence(problems):
    predictions = [row("paris", CITY), row("other"), row("paris")]
    gold = [row("paris", CITY), row("paris"), row("other")]
    pairs = align_rows(predictions, gold, problems)
    assert [len(pair.predicted.spans) for pair in pairs] == [1, 0, 0]
    assert len(problems) == 0


@pytest.mark.parametrize("place", ["id", "meta"])
def test_ids_tell_equal_texts_apart(problems, place):
    def with_id(name: object, *spans: dict) -> dict:
        return row("paris", *spans, **({"id": name} if place == "id" else {"meta": {"id": name}}))

    pairs = align_rows([with_id("b", CITY), with_id("a")], [with_id("a"), with_id("b")], problems)
    assert [(pair.name, len(pair.predicted.spans)) for pair in pairs] == [("a", 0), ("b", 1)]
    assert {**problems.counts} == {"label only in predictions": 1}


def test_an_id_may_be_a_number_on_one_side(problems):
    (pair,) = align_rows([row("one", id="7")], [row("one", id=7)], problems)
    assert pair.name == "7"
    assert len(problems) == 0


@pytest.mark.parametrize(
    "ids",
    [(None, None), ("c", None)],
    ids=["without ids", "with an id on some rows only"],
)
def test_rows_are_paired_by_text(problems, ids):
    predictions = [
        row("two") if ids[0] is None else row("two", id=ids[0]),
        row("one") if ids[1] is None else row("one", id=ids[1]),
    ]
    pairs = align_rows(predictions, [row("one", id="a"), row("two", id="b")], problems)
    assert [pair.predicted.text for pair in pairs] == ["one", "two"]
    assert len(problems) == 0


def ids_of(pairs: list[Pair]) -> list[tuple[str, str]]:
    return [(pair.predicted.id, pair.name) for pair in pairs]


def test_a_row_with_the_id_and_text_of_an_earlier_one_is_left_out_of_either_side(problems):
    predictions = [row("same", id="b"), row("same", CITY, id="a"), row("same", id="a")]
    gold = [row("same", CITY, id="a"), row("same", id="b"), row("same", id="b")]
    assert ids_of(align_rows(predictions, gold, problems)) == [("a", "a"), ("b", "b")]
    assert problems.counts == {"duplicated id": 2}
    assert problems.messages == [
        "gold:3: 'same' with the id 'b' again; only the first counts",
        "predictions:3: 'same' with the id 'a' again; only the first counts",
    ]


def test_rows_of_one_document_may_share_its_id(problems):
    gold = [row(text, meta={"id": "document"}) for text in ("one", "two", "three")]
    pairs = align_rows(gold[::-1], gold, problems)
    assert [pair.predicted.to_dict() for pair in pairs] == gold
    assert len(problems) == 0


@pytest.mark.parametrize("side", ["predictions", "gold"])
def test_a_row_without_an_id_among_others_is_paired_by_its_text(problems, side):
    with_ids = [row("same", id="a"), row("same", id="b"), row("same", id="c")]
    some = [row("same", id="c"), row("same"), row("same", id="a")]
    both = (some, with_ids) if side == "predictions" else (with_ids, some)
    pairs = {pair.gold.id: pair.predicted.id for pair in align_rows(*both, problems)}
    expected = {"a": "a", "b": "", "c": "c"}
    if side == "gold":
        expected = {"a": "a", "": "b", "c": "c"}
    assert pairs == expected
    assert problems.messages == [f"{side}:2: no id, most rows have one; paired by its text"]


def test_a_row_with_an_id_is_not_taken_for_that_of_another(problems):
    predictions = [row("same", id="a"), row("same", CITY, id="x")]
    align_rows(predictions, [row("same", id="a"), row("same", id="b")], problems)
    assert {**problems.counts} == {"gold without prediction": 1, "prediction without gold": 1}
    assert problems.messages[0] == (
        "predictions:2: no gold row for 'same' with the id 'x'; row left out"
    )


ROWS = st.lists(
    st.builds(
        lambda text, name: Row(text, [], {"id": name}),
        st.sampled_from(["a", "b"]),
        st.sampled_from([None, "1", "2", "3"]),
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(a=ROWS, b=ROWS)
def test_every_row_is_matched_at_most_once_and_never_with_another_text(a, b):
    match = match_rows(a, b)
    for side, used in ((0, [*match.pairs, *match.other_text]), (1, [*match.pairs.values()])):
        assert len(used) == len(set(used))
        assert not set(used) & set(match.repeated[side])
    for one, other in match.pairs.items():
        assert a[one].text == b[other].text
    for one, other in match.other_text.items():
        assert a[one].id == b[other].id and a[one].text != b[other].text
    back = match_rows(b, a)
    assert len(back.pairs) == len(match.pairs)


TEXTS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), texts=TEXTS, has_ids=st.booleans())
def test_shuffled_predictions_find_their_gold(data, texts, has_ids):
    gold = [
        row(text, id=f"id {number}") if has_ids else row(text) for number, text in enumerate(texts)
    ]
    predictions = data.draw(st.permutations(gold))
    problems = Problems()
    pairs = align_rows(predictions, gold, problems)
    assert [pair.predicted.to_dict() for pair in pairs] == gold
    assert len(problems) == 0


@settings(max_examples=150, deadline=None)
@given(predicted=TEXTS, gold=TEXTS)
def test_no_prediction_is_used_twice_and_every_row_left_is_reported(predicted, gold):
    predictions = [row(text, number=number) for number, text in enumerate(predicted)]
    problems = Problems()
    shared = sum(min(predicted.count(text), gold.count(text)) for text in set(gold))
    if not shared:
        with pytest.raises(CatalogNERError):
            align_rows(predictions, [row(text) for text in gold], problems)
        return
    pairs = align_rows(predictions, [row(text) for text in gold], problems)
    used = [pair.predicted.keys["number"] for pair in pairs if "number" in pair.predicted.keys]
    assert len(pairs) == len(gold)
    assert len(used) == len(set(used)) == shared
    assert problems.counts["gold without prediction"] == len(gold) - shared
    assert problems.counts["prediction without gold"] == len(predicted) - shared


# What does not fit


def test_gold_without_a_prediction_counts_as_unanswered(problems):
    pairs = align_rows([row("one")], [row("one"), row("paris now", CITY)], problems)
    assert pairs[1].predicted.to_dict() == row("paris now", **UNANSWERED)
    assert "gold:2: no prediction for 'paris now'; its spans count as missed" in problems.messages


def test_an_id_that_is_for_another_text_counts_as_unanswered(problems):
    predictions = [row("one", id="a"), row("TWO", CITY, id="b")]
    pairs = align_rows(
        predictions, [row("one", id="a"), row("two", id="b")], problems, ("new.jsonl", "gold")
    )
    assert pairs[1].predicted.to_dict() == row("two", **UNANSWERED)
    assert problems.messages[0] == (
        "new.jsonl:2: id 'b' is for 'TWO', in gold it is for 'two'; the gold spans count as missed"
    )


def test_a_prediction_that_failed_is_reported_and_loses_what_its_stages_made(problems):
    failed = {"failure": "context\nis full", "usage": {}}
    predictions = [row("paris", candidates=[CITY], exemplar_labels=[], catalog_ner=failed)]
    (pair,) = align_rows(predictions, [row("paris", CITY)], problems)
    assert pair.predicted.to_dict() == row("paris", catalog_ner=failed)
    assert problems.messages[0] == (
        "predictions:1: no answer (context is full); what it lacks counts as missed"
    )
    assert problems.counts["failed row"] == 1


@pytest.mark.parametrize("record", [None, "x", {}, {"failure": None}], ids=repr)
def test_a_record_without_a_failure_is_no_problem(problems, record):
    predictions = [row("paris", CITY, catalog_ner=record)]
    (pair,) = align_rows(predictions, [row("paris", CITY)], problems)
    assert pair.predicted.to_dict() == predictions[0]
    assert len(problems) == 0


def test_problems_name_files_and_lines_where_they_are_known(problems):
    align_rows(
        [(Place("p.jsonl", 3), row("one", CITY)), (Place("p.jsonl", 5), row("new"))],
        [(Place("g.jsonl", 2), row("one", BAND)), (Place("g.jsonl", 9), row("two"))],
        problems,
    )
    assert [message.split(": ")[0] for message in problems.messages] == [
        "p.jsonl:5",
        "g.jsonl:9",
        "p.jsonl:3",
        "g.jsonl:2",
    ]


def test_predictions_without_gold_are_left_out(problems):
    pairs = align_rows([row("zero", CITY), row("one")], [row("one")], problems)
    assert [pair.predicted.text for pair in pairs] == ["one"]
    assert problems.messages == ["predictions:1: no gold row for 'zero'; row left out"]


def test_spans_given_twice_count_once_on_either_side(problems):
    first, again = {**CITY, "score": 0.9}, {**CITY, "score": 0.1}
    (pair,) = align_rows([row("paris", first, again)], [row("paris", CITY, CITY)], problems)
    assert [span.to_dict() for span in pair.predicted.spans] == [first]
    assert [span.to_dict() for span in pair.gold.spans] == [CITY]
    assert problems.messages == [
        "gold:1: CITY 0..5 twice; counted once",
        "predictions:1: CITY 0..5 twice; counted once",
    ]


def test_spans_with_the_same_boundaries_and_other_labels_are_no_duplicates(problems):
    (pair,) = align_rows([row("paris", CITY, BAND)], [row("paris", CITY, BAND)], problems)
    assert [span.label for span in pair.predicted.spans] == ["CITY", "BAND"]
    assert len(problems) == 0


def test_the_rows_given_are_left_as_they_are(problems):
    predictions, gold = [row("paris", CITY, CITY, lang=None)], [row("paris", CITY)]
    (pair,) = align_rows(predictions, gold, problems)
    assert predictions == [row("paris", CITY, CITY, lang=None)]
    assert pair.predicted.to_dict() == row("paris", CITY, lang=None)


def test_labels_of_one_side_are_reported_once_each(problems):
    align_rows(
        [row("paris", BAND), row("paris", BAND)], [row("paris"), row("paris", CITY)], problems
    )
    assert problems.messages == [
        "predictions:1: label 'BAND' is never in gold",
        "gold:2: label 'CITY' is never predicted",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("candidates", None),
        ("candidates", "paris"),
        ("candidates", ["paris"]),
        ("candidates", [{"start": 0, "end": 5}]),
        ("candidates", [{"start": 0, "end": 5, "label": ["CITY"]}]),
        ("selected", {"start": 0}),
        ("exemplar_labels", "CITY"),
        ("exemplar_labels", [1]),
    ],
    ids=repr,
)
def test_an_optional_list_that_cannot_be_read_is_left_out(problems, name, value):
    predictions = [row("paris", CITY, **{name: value})]
    (pair,) = align_rows(predictions, [row("paris", CITY)], problems)
    assert pair.predicted.to_dict() == row("paris", CITY)
    assert problems.messages[0].startswith(f'predictions:1: "{name}": expected a list of ')


def test_a_row_that_is_not_annotated_is_an_error(problems):
    with pytest.raises(CatalogNERError, match=r'^gold:2: no "spans"; expected an annotated row'):
        align_rows([row("one")], [row("one"), {"text": "two"}], problems)


def test_empty_gold_is_an_error(problems):
    with pytest.raises(CatalogNERError, match=r"^g.jsonl: no annotated text"):
        align_rows([row("one")], [], problems, ("p.jsonl", "g.jsonl"))


@pytest.mark.parametrize("predictions", [[], [row("TWO")]], ids=["none", "another text"])
def test_predictions_for_none_of_the_texts_are_an_error(problems, predictions):
    with pytest.raises(CatalogNERError, match=r"^new.jsonl: none of the \d predicted rows is for"):
        align_rows(predictions, [row("one")], problems, ("new.jsonl", "gold"))
