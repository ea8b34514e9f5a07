"""What `constraint_post_processor` makes of a written answer: its flaws, and names to propose."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin
from test_constraint_post_processor import (
    ALL,
    BOSTON_BAND,
    BOSTON_CITY,
    NLP,
    WORDS,
    group,
    make_doc,
    violations,
)

from spacy_catalog_ner.constraints.constraint_post_processor import ConstraintPostProcessor

# What the LLM's task says of its answer


def answered(answer: dict, selected=(), words=None) -> Doc:
    """A Doc as a task leaves it whose model wrote its answer."""
    doc = Doc(NLP.vocab, words=words or WORDS)
    group(doc, "candidates", ALL if words is None else [])
    group(doc, "selected", list(selected))
    doc._.catalog_ner = {"usage": {"calls": 1}, "failure": None, "answer": answer}
    return doc


ANSWER = {
    "malformed": 1,
    "unknown_id": 2,
    "duplicate": 3,
    "wrong_label": [{"text": "boston", "label": "MOVIE"}],
    "out_of_catalog": [{"text": "by", "label": "SONG"}, {"text": "Thriller", "label": "SONG"}],
    "invented": [{"text": "Adele", "label": "ARTIST"}],
}


def test_flaws_of_the_answer_are_counted_with_those_of_the_spans():
    doc = ConstraintPostProcessor()(answered(ANSWER, [BOSTON_BAND, BOSTON_BAND, BOSTON_CITY]))
    assert violations(doc) == {
        "duplicate": 4,
        "invented": 1,
        "malformed": 1,
        "out_of_catalog": 2,
        "overlap": 1,
        "unknown_id": 2,
        "wrong_label": 1,
    }
    assert doc._.catalog_ner["usage"] == {"calls": 1}
    assert "answer" not in doc._.catalog_ner


def test_checking_a_doc_twice_counts_nothing_twice():
    processor = ConstraintPostProcessor()
    doc = processor(answered(ANSWER, [BOSTON_BAND, BOSTON_BAND, (2, 4, "CITY")]))
    once = doc._.catalog_ner
    assert processor(doc)._.catalog_ner == once


def test_a_doc_from_a_docbin_may_be_checked_again():
    processor = ConstraintPostProcessor()
    doc = processor(answered(ANSWER, [BOSTON_BAND]))
    data = DocBin(docs=[doc], store_user_data=True).to_bytes()
    (again,) = DocBin().from_bytes(data).get_docs(NLP.vocab)
    assert processor(again)._.catalog_ner == doc._.catalog_ner


def test_what_was_wrong_with_an_answer_is_forgotten_with_the_next_answer():
    doc = ConstraintPostProcessor()(answered(ANSWER))
    group(doc, "selected", [BOSTON_BAND])
    assert violations(ConstraintPostProcessor()(doc)) == {}
    assert "proposals" not in doc._.catalog_ner


# Proposals


def proposals(doc: Doc) -> list[dict]:
    return doc._.catalog_ner.get("proposals", [])


def propose(text: str, *names: str) -> list[dict]:
    """What is proposed where an answer has names that the catalog does not have."""
    words = text.split(" ")
    answer = {"out_of_catalog": [{"text": name, "label": "X"} for name in names]}
    return proposals(ConstraintPostProcessor()(answered(answer, words=words)))


def test_a_span_outside_the_catalog_is_a_proposal():
    doc = ConstraintPostProcessor()(make_doc(ALL, [(2, 4, "CITY"), BOSTON_BAND]))
    assert proposals(doc) == [{"text": "york city", "label": "CITY", "start": 9, "end": 18}]


def test_a_candidate_with_another_label_is_no_proposal():
    assert proposals(ConstraintPostProcessor()(make_doc(ALL, [(1, 3, "ARTIST")]))) == []


def test_a_name_is_proposed_wherever_it_stands_in_whatever_case():
    assert propose("Hey Jude , hey jude", "hey JUDE") == [
        {"text": "Hey Jude", "label": "X", "start": 0, "end": 8},
        {"text": "hey jude", "label": "X", "start": 11, "end": 19},
    ]


def test_a_name_within_a_word_stands_nowhere():
    assert propose("start the party", "art", "the") == [
        {"text": "the", "label": "X", "start": 6, "end": 9},
        {"text": "art", "label": "X"},
    ]


def test_a_proposal_is_made_once():
    doc = answered({"out_of_catalog": [{"text": "by", "label": "SONG"}] * 2}, [(4, 5, "SONG")])
    assert proposals(ConstraintPostProcessor()(doc)) == [
        {"text": "by", "label": "SONG", "start": 19, "end": 21}
    ]


WORD = st.text("aAb\u00e9\u0130\u00df\u0131(.", min_size=1, max_size=3)


@settings(max_examples=200, deadline=None)
@given(words=st.lists(WORD, min_size=1, max_size=8), data=st.data())
def test_proposals_are_where_they_say_and_none_of_the_texts_own_words_is_missed(words, data):
    start = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(start + 1, len(words)))
    name = " ".join(words[start:end])
    doc = ConstraintPostProcessor()(
        answered({"out_of_catalog": [{"text": name, "label": "X"}]}, words=words)
    )
    found = proposals(doc)
    assert found
    for item in found:
        span = doc.char_span(item["start"], item["end"])
        assert span is not None
        assert span.text == item["text"] == doc.text[item["start"] : item["end"]]
        # Any cases of a letter, also those that folding takes apart, such as the Turkish ones
        assert re.fullmatch(re.escape(name), item["text"], re.IGNORECASE)
    ends = [item["end"] for item in found]
    assert all(item["start"] >= last for item, last in zip(found[1:], ends, strict=False))
