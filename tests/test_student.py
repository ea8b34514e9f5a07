"""What pipelines of students refer to: the suggester and the backbone."""

from __future__ import annotations

from pathlib import Path

import spacy
from spacy.tokens import Span, SpanGroup

from spacy_catalog_ner.student.backbone import make_backbone
from spacy_catalog_ner.student.suggester import make_catalog_suggester

# The suggester


def make_candidates(text: str, *spans: tuple[int, int, str]):
    doc = spacy.blank("en").make_doc(text)
    spans = [Span(doc, start, end, label=label) for start, end, label in spans]
    doc.spans["candidates"] = SpanGroup(doc, name="candidates", spans=spans)
    return doc


def test_a_span_with_several_labels_is_suggested_once():
    doc = make_candidates("play thriller now", (1, 2, "SONG"), (1, 2, "ALBUM"))
    suggested = make_catalog_suggester()([doc])
    assert suggested.dataXd.tolist() == [[1, 2]]


def test_overlapping_candidates_are_all_suggested_in_reading_order():
    doc = make_candidates("play the weeknd", (2, 3, "ARTIST"), (1, 3, "ARTIST"))
    assert make_catalog_suggester()([doc]).dataXd.tolist() == [[1, 3], [2, 3]]


def test_lengths_say_how_many_belong_to_each_doc():
    docs = [
        make_candidates("what time is it"),
        make_candidates("drake and adele", (0, 1, "ARTIST"), (2, 3, "ARTIST")),
        make_candidates(""),
    ]
    suggested = make_catalog_suggester()(docs)
    assert suggested.lengths.tolist() == [0, 2, 0]


def test_a_doc_that_no_matcher_has_seen_gets_no_suggestion():
    suggested = make_catalog_suggester()([spacy.blank("en").make_doc("play drake")])
    assert suggested.lengths.tolist() == [0]
    assert suggested.dataXd.shape == (0, 2)
    doc = make_candidates("play drake", (1, 2, "ARTIST"))
    assert make_catalog_suggester("other")([doc]).lengths.tolist() == [0]


# The backbone


def test_the_default_backbone_is_the_bundled_model():
    assert (Path(make_backbone()) / "config.json").is_file()


def test_any_other_backbone_is_passed_on():
    assert make_backbone("prajjwal1/bert-tiny") == "prajjwal1/bert-tiny"


# spaCy's own span classifier over candidates


def test_spancat_classifies_what_is_suggested():
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher").add_entries([{"text": "Boston", "label": "CITY"}])
    suggester = {"@misc": "spacy_catalog_ner.catalog_suggester.v1"}
    config = {"suggester": suggester, "spans_key": "selected", "threshold": 0.0}
    nlp.add_pipe("spancat", config=config).add_label("CITY")
    nlp.initialize()
    doc = nlp("rain in boston")
    assert [(span.text, span.label_) for span in doc.spans["selected"]] == [("boston", "CITY")]
