"""Each error is put down to the stage that made it, and to one only."""

from __future__ import annotations

import pytest
import spacy
from conftest import annotate, placed
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language

from spacy_catalog_ner.doc.rows import doc_to_row, make_doc
from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.evaluation import align_rows, attribute, compare, evaluate_rows
from spacy_catalog_ner.evaluation.stages import STAGES
from spacy_catalog_ner.formats import docbin

TEXT = "play hello by adele"
ADELE = {"start": 14, "end": 19, "label": "ARTIST"}
HELLO = {"start": 5, "end": 10, "label": "SONG"}


def errors_of(predicted: list[dict], gold: list[dict]) -> list[tuple[str, str, str]]:
    """Return (stage, what it counts as, text of the span) of every error."""
    pairs = align_rows(predicted, gold, Problems())
    return [
        (
            error.stage,
            error.counts_as,
            pairs[error.pair].gold.text[error.span.start : error.span.end],
        )
        for error in attribute(pairs, compare(pairs))
    ]


def summary_of(predicted: list[dict], gold: list[dict]) -> dict[str, dict]:
    stages = evaluate_rows(predicted, gold, samples=1).stages
    return {stage: errors.to_dict() for stage, errors in stages.items()}


# By what a row says


@pytest.mark.parametrize(
    ("made", "stage"),
    [
        ({}, "student"),
        ({"candidates": []}, "catalog"),
        ({"candidates": [{**ADELE, "label": "SONG"}]}, "catalog"),
        ({"candidates": [{**ADELE, "end": 18}]}, "catalog"),
        ({"candidates": [ADELE]}, "selection"),
        ({"candidates": [ADELE], "selected": []}, "selection"),
        ({"candidates": [ADELE], "exemplar_labels": ["ARTIST", "SONG"]}, "selection"),
        ({"candidates": [ADELE], "exemplar_labels": ["SONG"]}, "retrieval"),
        ({"candidates": [ADELE], "selected": [], "exemplar_labels": []}, "retrieval"),
        ({"candidates": [ADELE], "selected": [ADELE]}, "constraint"),
        ({"candidates": [ADELE], "selected": [ADELE], "exemplar_labels": []}, "constraint"),
        ({"candidates": [], "exemplar_labels": []}, "catalog"),
    ],
    ids=str,
)
def test_a_missed_entity_is_put_down_to_the_first_stage_that_lost_it(made, stage):
    predicted = {"text": TEXT, "spans": [], **made}
    gold = {"text": TEXT, "spans": [ADELE]}
    assert errors_of([predicted], [gold]) == [(stage, "missed", "adele")]


@pytest.mark.parametrize(
    ("made", "stage"),
    [({}, "student"), ({"candidates": []}, "student"), ({"candidates": [ADELE]}, "selection")],
    ids=str,
)
def test_an_spurious_entity_is_put_down_to_what_let_it_in(made, stage):
    predicted = {"text": TEXT, "spans": [ADELE], **made}
    assert errors_of([predicted], [{"text": TEXT, "spans": []}]) == [(stage, "spurious", "adele")]


def test_a_text_without_an_answer_is_no_stages_fault():
    failed = {"text": TEXT, "spans": [], "candidates": [], "catalog_ner": {"failure": "timeout"}}
    gold = [
        {"text": TEXT, "spans": [ADELE]},
        {"text": "adele", "spans": [{**ADELE, "start": 0, "end": 5}]},
    ]
    assert errors_of([failed], gold) == [
        ("no answer", "missed", "adele"),
        ("no answer", "missed", "adele"),
    ]


def test_what_a_failed_prediction_has_besides_is_put_down_to_its_failure():
    failed = {"text": TEXT, "spans": [ADELE], "catalog_ner": {"failure": "timeout"}}
    assert errors_of([failed], [{"text": TEXT, "spans": []}]) == [
        ("no answer", "spurious", "adele")
    ]


def test_candidate_recall_is_of_the_texts_that_were_answered():
    answered = {"text": TEXT, "spans": [], "candidates": [ADELE]}
    failed = {"text": "adele", "spans": [], "candidates": [], "catalog_ner": {"failure": "x"}}
    gold = [
        {"text": text, "spans": [{**ADELE, "start": text.index("adele"), "end": len(text)}]}
        for text in (TEXT, "adele", "by adele")
    ]
    assert evaluate_rows([answered, failed], gold, samples=1).candidate_recall == 1


def test_both_sides_of_a_wrong_label_have_a_stage_of_their_own():
    song = {**ADELE, "label": "SONG"}
    predicted = {"text": TEXT, "spans": [song], "candidates": [song]}
    assert errors_of([predicted], [{"text": TEXT, "spans": [ADELE]}]) == [
        ("catalog", "missed", "adele"),
        ("selection", "spurious", "adele"),
    ]


def test_what_is_right_is_no_error():
    row = {"text": TEXT, "spans": [ADELE, HELLO]}
    assert errors_of([{**row, "candidates": []}], [row]) == []


def test_a_docbin_of_predictions_with_confidences_tells_the_same_stages(tmp_path):
    scored = [{**HELLO, "score": 0.75}, {**ADELE, "score": 0.25}]
    predicted = [
        {"text": TEXT, "spans": [HELLO], "candidates": scored, "exemplar_labels": ["ARTIST"]},
        {"text": "by adele", "spans": [], "candidates": []},
    ]
    gold = [
        {"text": TEXT, "spans": [ADELE]},
        {"text": "by adele", "spans": [{**ADELE, "start": 3, "end": 8}]},
    ]
    nlp, path = spacy.blank("en"), tmp_path / "predicted.spacy"
    docbin.write(path, placed(*predicted), nlp, Problems())
    read = [row.to_dict() for _, row in docbin.read(path, Problems())]
    assert errors_of(read, gold) == errors_of(predicted, gold)
    assert [stage for stage, *_ in errors_of(read, gold)] == ["selection", "selection", "catalog"]


# By what real pipelines write


@Language.component("mini_select_all")
def select_all(doc):
    doc.spans["selected"] = list(doc.spans["candidates"])
    return doc


@Language.component("mini_select_none")
def select_none(doc):
    doc.spans["selected"] = []
    return doc


def label(nlp, gold: list[dict]) -> list[dict]:
    return [doc_to_row(nlp(row["text"]), {"text": row["text"]}).to_dict() for row in gold]


@pytest.fixture
def mini_pipeline(mini_catalog, mini_store_path):
    """Make a pipeline with a selector, and with a retriever before it if asked for."""

    def make(selector: str, exemplars: int = 0) -> Language:
        nlp = spacy.blank("en")
        nlp.add_pipe("catalog_matcher", config={"catalog": str(mini_catalog)})
        if exemplars:
            config = {"store": str(mini_store_path), "k": exemplars}
            nlp.add_pipe("dynamic_exemplar_retriever", config=config)
        nlp.add_pipe(selector)
        nlp.add_pipe("constraint_post_processor")
        return nlp

    return make


def test_of_a_pipeline_that_accepts_all_the_catalog_misses_and_the_selection_invents(
    mini_matcher_nlp,
):
    gold = [annotate("play hello by sade", {"hello": "SONG", "sade": "ARTIST"})]
    gold.append(annotate("hello can you turn it up", {}))
    assert errors_of(label(mini_matcher_nlp, gold), gold) == [
        ("catalog", "missed", "sade"),
        ("selection", "spurious", "hello"),
        ("selection", "spurious", "up"),
    ]


def test_a_selected_entity_that_another_one_displaced_is_lost_by_the_constraint(mini_pipeline):
    gold = [annotate("play the song thriller", {"thriller": "SONG"})]
    rows = label(mini_pipeline("mini_select_all"), gold)
    assert [span["label"] for span in rows[0]["spans"]] == ["ALBUM"]  # of two equals one stays
    assert sorted(span["label"] for span in rows[0]["selected"]) == ["ALBUM", "SONG"]
    assert errors_of(rows, gold) == [
        ("constraint", "missed", "thriller"),
        ("selection", "spurious", "thriller"),
    ]


def test_what_no_exemplar_shows_is_lost_by_the_retrieval(mini_pipeline):
    texts = [("book me a train to boston", {"boston": "CITY"})]
    texts.append(("what is the weather in drake tomorrow", {"drake": "ARTIST"}))
    gold = [annotate(text, names) for text, names in texts]
    rows = label(mini_pipeline("mini_select_none", exemplars=1), gold)
    assert [row["exemplar_labels"] for row in rows] == [["CITY"], ["CITY"]]
    assert errors_of(rows, gold) == [
        ("selection", "missed", "boston"),
        ("retrieval", "missed", "drake"),
    ]


def test_a_plain_model_has_all_its_errors_in_the_student():
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "SONG", "pattern": "hello"}])
    gold = [annotate("hello adele", {"adele": "ARTIST"})]
    rows = label(nlp, gold)
    assert set(rows[0]) == {"text", "spans"}
    assert errors_of(rows, gold) == [
        ("student", "missed", "adele"),
        ("student", "spurious", "hello"),
    ]


# What a pipeline's row says of its stages


def test_selected_spans_that_all_pass_are_not_written_twice(mini_pipeline):
    (row,) = label(mini_pipeline("mini_select_all"), [{"text": "play hello by adele"}])
    assert len(row["spans"]) == 2
    assert "selected" not in row


def test_selected_spans_keep_their_scores():
    ((place, row),) = placed({"text": TEXT, "spans": [HELLO]})
    doc = make_doc(spacy.blank("en"), row, Problems(), place)
    doc.spans["selected"] = [doc.char_span(5, 10, "SONG"), doc.char_span(14, 19, "ARTIST")]
    doc.spans["selected"].attrs["scores"] = [0.75, 0.25]
    row = doc_to_row(doc, {"text": TEXT}).to_dict()
    assert row["selected"] == [{**HELLO, "score": 0.75}, {**ADELE, "score": 0.25}]


def test_exemplars_that_show_nothing_right_have_no_labels(mini_pipeline):
    nlp = mini_pipeline("mini_select_all", exemplars=1)
    (row,) = label(nlp, [{"text": "hello can you turn it up please"}])
    assert row["exemplar_labels"] == []


def test_what_an_earlier_pipeline_wrote_does_not_stay(mini_matcher_nlp):
    row = {"text": "adele", "meta": {"id": 1}, "selected": [HELLO], "exemplar_labels": ["SONG"]}
    assert set(doc_to_row(mini_matcher_nlp("adele"), row).to_dict()) == {
        "text",
        "meta",
        "spans",
        "candidates",
        "catalog_ner",
    }


# The sums


def test_errors_are_counted_by_stage_side_and_kind():
    gold = [annotate("play hello by adele", {"hello": "SONG", "adele": "ARTIST"})]
    wrong = {**HELLO, "label": "ALBUM"}
    predicted = [{"text": TEXT, "spans": [wrong], "candidates": [wrong, HELLO]}]
    summary = summary_of(predicted, gold)
    assert tuple(summary) == STAGES
    assert summary["catalog"] == {
        "missed": 1,
        "spurious": 0,
        "kinds": {"missed": 1},
        "f1_if_perfect": 0.5,  # one right, one spurious, one missed
    }
    assert summary["selection"] == {
        "missed": 1,
        "spurious": 1,
        "kinds": {"type": 2},
        "f1_if_perfect": 0.6667,  # one right, one missed
    }
    assert summary["student"] == {"missed": 0, "spurious": 0, "kinds": {}, "f1_if_perfect": 0.0}


SPANS = st.lists(
    st.builds(
        lambda start, size, label: {"start": start, "end": start + size, "label": label},
        st.integers(0, 6),
        st.integers(1, 3),
        st.sampled_from(["A", "B"]),
    ),
    max_size=4,
)
STAGED = st.fixed_dictionaries(
    {"spans": SPANS},
    optional={
        "candidates": SPANS,
        "selected": SPANS,
        "exemplar_labels": st.lists(st.sampled_from(["A", "B"])),
    },
)


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.tuples(STAGED, SPANS), min_size=1, max_size=4))
def test_every_error_has_one_stage_and_mending_it_is_never_a_loss(rows):
    texts = [f"ab cd ef {number}" for number in range(len(rows))]
    predicted = [{"text": text, **row} for text, (row, _) in zip(texts, rows, strict=True)]
    gold = [{"text": text, "spans": spans} for text, (_, spans) in zip(texts, rows, strict=True)]
    result = evaluate_rows(predicted, gold, samples=1)
    stages = result.stages.values()
    assert sum(stage.missed for stage in stages) == result.micro.fn
    assert sum(stage.spurious for stage in stages) == result.micro.fp
    for stage in stages:
        assert sum(stage.kinds.values()) == stage.missed + stage.spurious
        assert stage.f1_if_perfect >= result.micro.f1
