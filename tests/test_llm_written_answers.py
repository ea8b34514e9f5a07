"""From what a model says to what is on the Doc: the three forms, windows, other models' strings."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import spacy
from answering import Says, SaysString, answer, ask, find_candidates, keys
from conftest import ENTRIES

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.llm.prompt import Reply, Usage
from spacy_catalog_ner.llm.tasks.semantic_filter import ANSWERS, SemanticFilter

TEXT = "play hello by adele in boston"
CANDIDATES = [("hello", "SONG"), ("adele", "ARTIST"), ("boston", "CITY"), ("boston", "ARTIST")]
FILLER = " and so it went on" * 10
LONG = f"play hello{FILLER} by adele{FILLER} in boston"


def yes_to(*wanted: str):
    """Answer the questions of a request with probabilities: 0.9 if the name is wanted."""

    def reply(request) -> Reply:
        confidences = [0.9 if q.split(" = ")[0] in wanted else 0.2 for q in request.questions]
        return Reply(request, confidences=tuple(confidences))

    return reply


# The three forms


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("verdicts", '{"1": "yes", "2": "no", "3": "yes", "4": "no"}'),
        ("ids", '{"ids": [3, 1]}'),
        (
            "json",
            '{"entities": [{"text": "hello", "label": "SONG"},'
            ' {"text": "Boston", "label": "CITY"}]}',
        ),
    ],
)
def test_what_is_written_is_selected_without_confidences(form, written):
    doc = answer(SemanticFilter(answer=form), find_candidates(TEXT), Says(written))
    assert keys(doc.spans["selected"]) == [("hello", "SONG"), ("boston", "CITY")]
    assert doc.spans["selected"].attrs == {}
    assert doc.spans["candidates"].attrs["verdicts"] == [1, 0, 1, 0]
    assert "answer" not in doc._.catalog_ner
    assert doc._.catalog_ner["failure"] is None


def test_spanish_verdicts_are_read_in_spanish():
    task = SemanticFilter(lang="es")
    written = '{"1": "Sí", "2": "no", "3": "si", "4": "No"}'
    doc = answer(task, find_candidates(TEXT), Says(written))
    assert keys(doc.spans["selected"]) == [("hello", "SONG"), ("boston", "CITY")]


def test_probabilities_select_by_the_threshold_and_stay_on_all_candidates():
    doc = answer(SemanticFilter(threshold=0.5), find_candidates(TEXT), Says(yes_to("hello")))
    assert keys(doc.spans["selected"]) == [("hello", "SONG")]
    assert doc.spans["selected"].attrs["scores"] == [0.9]
    assert doc.spans["candidates"].attrs["verdicts"] == [0.9, 0.2, 0.2, 0.2]


def test_candidates_that_differ_in_their_id_alone_share_a_verdict():
    entries = [*ENTRIES, {"text": "Adele", "label": "ARTIST", "id": "artist/another-adele"}]
    doc = find_candidates("hello adele", entries=entries)
    doc = answer(SemanticFilter(), doc, Says(yes_to("adele")))
    assert len(doc.spans["candidates"]) == 3
    assert doc.spans["candidates"].attrs["verdicts"] == [0.2, 0.9, 0.9]
    assert len(doc.spans["selected"]) == 1


def test_what_is_wrong_with_an_answer_is_on_the_record_as_json():
    written = json.dumps(
        {
            "entities": [
                {"text": "hello", "label": "SONG"},
                {"text": "hello", "label": "SONG"},
                {"text": "adele", "label": "CITY"},
                {"text": "Eve", "label": "ARTIST"},
                "adele",
            ]
        }
    )
    doc = answer(SemanticFilter(answer="json"), find_candidates(TEXT), Says(written))
    record = doc._.catalog_ner["answer"]
    assert record == {
        "malformed": 1,
        "duplicate": 1,
        "wrong_label": [{"text": "adele", "label": "CITY"}],
        "out_of_catalog": [{"text": "Eve", "label": "ARTIST"}],
    }
    assert json.loads(json.dumps(record)) == record


@pytest.mark.parametrize("form", ANSWERS)
def test_an_answer_that_cannot_be_read_selects_nothing_and_is_counted(form):
    doc = answer(SemanticFilter(answer=form), find_candidates(TEXT), Says('{"ids": [1, 2'))
    assert list(doc.spans["selected"]) == []
    assert doc._.catalog_ner["answer"] == {"malformed": 1}


def test_asking_again_leaves_no_verdicts_of_the_time_before():
    doc = answer(SemanticFilter(), find_candidates(TEXT), Says(yes_to("hello")))
    doc = answer(SemanticFilter(answer="ids"), doc, Says("I can't tell"))
    assert list(doc.spans["selected"]) == []
    assert "verdicts" not in doc.spans["candidates"].attrs


def test_what_an_answer_leaves_open_has_no_verdict():
    doc = answer(SemanticFilter(), find_candidates(TEXT), Says('{"1": "yes", "3": "no"}'))
    assert doc.spans["candidates"].attrs["verdicts"] == [1, None, 0, None]


def test_neither_yes_nor_no_is_malformed_and_not_selected():
    says = Says(lambda request: Reply(request, confidences=(0.9, None, 0.2, 0.1)))
    doc = answer(SemanticFilter(), find_candidates(TEXT), says)
    assert keys(doc.spans["selected"]) == [("hello", "SONG")]
    assert doc.spans["candidates"].attrs["verdicts"] == [0.9, None, 0.2, 0.1]
    assert doc._.catalog_ner["answer"] == {"malformed": 1}


def test_without_candidates_nothing_is_asked():
    model = Says("anything")
    doc = answer(SemanticFilter(), find_candidates("what time is it"), model)
    assert model.requests == []
    assert list(doc.spans["selected"]) == []
    assert doc._.catalog_ner["usage"]["calls"] == 0


def test_an_answer_has_room_for_every_candidate():
    for form, all_of_it in {
        "verdicts": dict.fromkeys("1234", "yes"),
        "ids": {"ids": [1, 2, 3, 4]},
        "json": {"entities": [{"text": text, "label": label} for text, label in CANDIDATES]},
    }.items():
        (request,) = ask(SemanticFilter(answer=form), find_candidates(TEXT)).requests
        tokens = len(json.dumps(all_of_it)) / 2  # for a tokenizer that does badly
        assert request.max_tokens >= tokens


# Long texts


def test_a_long_text_is_shown_in_windows():
    task, doc = SemanticFilter(window=30), find_candidates(LONG)
    prompt = ask(task, doc)
    assert [request.candidates for request in prompt.requests] == [(0,), (1,), (2, 3)]
    shown = [request.context.split("Text: ")[-1].splitlines()[0] for request in prompt.requests]
    assert shown[0].startswith("play hello and so") and shown[0].endswith(" ...")
    assert shown[1].startswith("... ") and " by adele " in shown[1]
    assert all(len(text.split()) <= 32 for text in shown)


def test_the_numbers_of_a_window_are_its_own():
    model = Says(lambda request: '{"ids": [1]}')
    doc = answer(SemanticFilter(answer="ids", window=30), find_candidates(LONG), model)
    assert keys(doc.spans["selected"]) == [
        ("hello", "SONG"),
        ("adele", "ARTIST"),
        ("boston", "CITY"),
    ]
    assert doc._.catalog_ner["usage"]["calls"] == 3


def test_when_one_window_fails_the_others_count():
    def reply(request):
        if request.candidates == (1,):
            return Reply(request, error="the server is on fire", usage=Usage(retries=5))
        return yes_to("hello", "boston")(request)

    doc = answer(SemanticFilter(window=30), find_candidates(LONG), Says(reply))
    assert keys(doc.spans["selected"])[0] == ("hello", "SONG")
    assert doc.spans["selected"].attrs["scores"] == [0.9, 0.9, 0.9]
    assert doc._.catalog_ner["failure"] == "the server is on fire"
    assert doc._.catalog_ner["usage"]["retries"] == 5
    assert doc.spans["candidates"].attrs["verdicts"] == [0.9, None, 0.9, 0.9]


def test_a_window_answered_in_writing_leaves_the_text_without_confidences():
    def reply(request):
        return '{"1": "yes"}' if request.candidates == (1,) else yes_to("hello")(request)

    doc = answer(SemanticFilter(window=30), find_candidates(LONG), Says(reply))
    assert keys(doc.spans["selected"]) == [("hello", "SONG"), ("adele", "ARTIST")]
    assert "scores" not in doc.spans["selected"].attrs


def test_what_was_answered_in_the_end_is_what_counts():
    def reply(request):
        return Reply(replace(request, candidates=(3,)), text='{"ids": [1]}')

    doc = answer(SemanticFilter(answer="ids"), find_candidates(TEXT), Says(reply))
    assert keys(doc.spans["selected"]) == [("boston", "ARTIST")]


# Models that know nothing of requests


def test_another_model_reads_one_prompt_about_all_of_a_long_text():
    model = SaysString('Of course: {"ids": [1, 3]}')
    doc = answer(SemanticFilter(answer="ids", window=30), find_candidates(LONG), model)
    assert keys(doc.spans["selected"]) == [("hello", "SONG"), ("boston", "CITY")]
    (prompt,) = model.prompts
    assert LONG in prompt
    assert prompt.count("\nText: ") == 1


def test_what_another_model_says_to_an_empty_prompt_is_ignored():
    doc = answer(SemanticFilter(), find_candidates("what time is it"), SaysString("It's late."))
    assert list(doc.spans["selected"]) == []
    assert "answer" not in doc._.catalog_ner


def test_models_of_spacy_llm_can_be_configured(mini_catalog):
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher", config={"catalog": str(mini_catalog)})
    nlp.add_pipe("llm_semantic_filter", config={"model": {"@llm_models": "spacy.NoOp.v1"}})
    doc = nlp(TEXT)
    assert list(doc.spans["selected"]) == []
    assert doc._.catalog_ner["answer"] == {"malformed": 1}


# Settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": 1.5}, "threshold: expected a number from 0 to 1, got 1.5"),
        ({"answer": "yes"}, "answer: expected one of verdicts, ids, json, got 'yes'"),
        ({"k": -1}, "k: expected at least 0 exemplars, or none to show all, got -1"),
        ({"window": 0}, "window: expected at least 1 token, got 0"),
        ({"lang": "de"}, "lang: expected one of en, es, got 'de'"),
    ],
)
def test_settings_are_checked_where_they_enter(settings, message):
    with pytest.raises(CatalogNERError, match=message):
        SemanticFilter(**settings)
