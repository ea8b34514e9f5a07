"""Direct extraction: the baseline that writes entities, found in the text."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from answering import Says, SaysString, answer, ask, exemplar, keys
from conftest import LABELS
from hypothesis import given, settings
from hypothesis import strategies as st
from matching import blank
from spacy.tokens import Doc

import spacy_catalog_ner.doc.record  # noqa: F401  (registers the extensions)
from spacy_catalog_ner.doc.mentions import find_mentions
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.llm.prompt import Reply
from spacy_catalog_ner.llm.tasks.direct_extraction import DirectExtraction

NLP = blank()


def says(*names: tuple[str, str]) -> Says:
    entities = [{"text": text, "label": label} for text, label in names]
    return Says(json.dumps({"entities": entities}))


def extract(text: str, *names: tuple[str, str]) -> Doc:
    return answer(DirectExtraction(labels=LABELS), NLP(text), says(*names))


def places(doc: Doc) -> list[tuple[int, int, str]]:
    return [(span.start_char, span.end_char, span.label_) for span in doc.spans["selected"]]


# What is found


def test_entities_are_found_in_the_text_and_need_no_catalog():
    doc = extract("Play Hello by Adele", ("hello", "SONG"), ("Adele", "ARTIST"))
    assert places(doc) == [(5, 10, "SONG"), (14, 19, "ARTIST")]
    assert "candidates" not in doc.spans
    assert doc.spans["selected"].attrs == {}
    assert doc._.catalog_ner["failure"] is None


def test_the_second_mention_of_a_name_is_its_second_place():
    doc = extract("boston plays in Boston", ("Boston", "ARTIST"), ("boston", "CITY"))
    assert places(doc) == [(0, 6, "ARTIST"), (16, 22, "CITY")]


def test_a_mention_more_than_the_text_has_is_a_duplicate():
    doc = extract("play adele", ("adele", "ARTIST"), ("Adele", "ARTIST"), ("adele", "SONG"))
    assert places(doc) == [(5, 10, "ARTIST")]
    assert doc._.catalog_ner["answer"] == {"duplicate": 2}


@pytest.mark.parametrize("name", ["Rihanna", "pari", "aris", "paris boston"])
def test_what_the_text_does_not_hold_on_token_boundaries_is_invented(name):
    doc = extract("a trip to paris", (name, "CITY"))
    assert places(doc) == []
    invented = [{"text": name, "label": "CITY"}]
    assert doc._.catalog_ner["answer"] == {"invented": invented}


def test_a_label_that_is_not_described_is_wrong():
    doc = extract("a trip to paris", ("paris", "PLACE"), ("paris", "CITY"))
    assert places(doc) == [(10, 15, "CITY")]
    wrong = [{"text": "paris", "label": "PLACE"}]
    assert doc._.catalog_ner["answer"] == {"wrong_label": wrong}


def test_without_descriptions_any_label_is_taken():
    doc = answer(DirectExtraction(), NLP("a trip to paris"), says(("paris", "PLACE")))
    assert keys(doc.spans["selected"]) == [("paris", "PLACE")]


def test_a_name_is_found_across_lines_and_after_a_false_start():
    assert [s.start_char for s in find_mentions(NLP("the\nweeknd"), "The  Weeknd", "X")] == [0]
    assert [s.start_char for s in find_mentions(NLP("ba a a"), "a a", "X")] == [3]
    assert find_mentions(NLP("C+ (a.b)"), "a.b)", "X")[0].text == "a.b)"


def test_a_name_is_found_however_its_accents_are_encoded():
    apart = NLP("by cafe\u0301 tacvba in me\u0301xico")
    assert [span.text for span in find_mentions(apart, "Caf\u00e9 Tacvba", "X")] == [
        "cafe\u0301 tacvba"
    ]
    assert [span.text for span in find_mentions(apart, "m\u00e9xico", "X")] == ["me\u0301xico"]
    assert find_mentions(NLP("caf\u00e9"), "cafe\u0301", "X")[0].text == "caf\u00e9"


TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.text("ab A.\n")
NAMES = TEXTS.filter(str.strip)


@settings(deadline=None)
@given(TEXTS, NAMES)
def test_wherever_a_name_is_found_the_text_has_it(text, name):
    spans = find_mentions(NLP(f"{text} {name}"), name, "X")
    for span in spans:
        assert len(span.text.split()) == len(name.split())
    assert all(one.end <= other.start for one, other in pairwise(spans))


@settings(deadline=None)
@given(TEXTS, st.lists(st.tuples(NAMES, st.sampled_from(["SONG", "CITY", "PLACE"]))))
def test_every_entity_that_is_written_is_selected_or_counted(text, names):
    doc = extract(text or "a", *names)
    if text.isspace():
        return
    flaws = doc._.catalog_ner.get("answer", {})
    counted = sum(n if isinstance(n, int) else len(n) for n in flaws.values())
    assert len(doc.spans["selected"]) + counted == len(names)
    assert {span.label_ for span in doc.spans["selected"]} <= set(LABELS)


def test_an_answer_that_cannot_be_read_is_malformed():
    doc = answer(DirectExtraction(), NLP("play adele"), Says("Adele is an artist."))
    assert places(doc) == []
    assert doc._.catalog_ner["answer"] == {"malformed": 1}


def test_a_failure_is_on_the_record():
    model = Says(lambda request: Reply(request, error="no route to host"))
    doc = answer(DirectExtraction(), NLP("play adele"), model)
    assert places(doc) == []
    assert doc._.catalog_ner["failure"] == "no route to host"
    assert "answer" not in doc._.catalog_ner


# What is asked


def test_a_long_text_is_asked_about_piece_by_piece():
    text = "well " * 130 + "play adele"
    model = Says(
        lambda request: (
            '{"entities": [{"text": "adele", "label": "ARTIST"}]}'
            if "adele" in request.context
            else '{"entities": []}'
        )
    )
    doc = answer(DirectExtraction(), NLP(text), model)
    assert len(model.requests) == 2
    assert model.requests[0].context.endswith("well ...\n")
    assert keys(doc.spans["selected"]) == [("adele", "ARTIST")]


def test_a_text_of_white_space_is_not_asked_about():
    model = Says("")
    for text in ("", " \n"):
        doc = answer(DirectExtraction(), NLP(text), model)
        assert list(doc.spans["selected"]) == []
    assert model.requests == []


def test_another_model_answers_about_all_of_the_text():
    text = "well " * 130 + "play adele"
    model = SaysString('{"entities": [{"text": "adele", "label": "ARTIST"}]}')
    doc = answer(DirectExtraction(), NLP(text), model)
    assert keys(doc.spans["selected"]) == [("adele", "ARTIST")]
    assert "Text: " + text in model.prompts[0]


def test_a_server_that_constrains_answers_knows_the_labels():
    (request,) = ask(DirectExtraction(labels=LABELS), NLP("play adele")).requests
    entity = request.schema["properties"]["entities"]["items"]["properties"]
    assert entity["label"]["enum"] == list(LABELS)
    (request,) = ask(DirectExtraction(), NLP("play adele")).requests
    assert "enum" not in json.dumps(request.schema)


def test_settings_are_checked_where_they_enter():
    with pytest.raises(CatalogNERError, match="k: expected at least 0 exemplars"):
        DirectExtraction(k=-1)


# With the real embedded model


def test_the_embedded_model_extracts_in_the_form_that_it_is_held_to(embedded_model):
    doc = NLP("put on thriller")
    doc._.exemplars = [
        exemplar("put on hello", ("hello", "SONG", True)),
        exemplar("put on blinding lights", ("blinding lights", "SONG", True)),
    ]
    answer(DirectExtraction(labels=LABELS), doc, embedded_model)
    record = doc._.catalog_ner
    assert record["failure"] is None
    assert "malformed" not in record.get("answer", {})
    assert record["usage"]["output_tokens"] > 5
    assert keys(doc.spans["selected"]) == [("thriller", "SONG")]
