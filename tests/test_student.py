"""What the students' configs refer to, and a grounded student from training to new names."""

from __future__ import annotations

from pathlib import Path

import pytest
import spacy
from spacy.tokens import Span, SpanGroup
from spacy.training import Example
from spacy.util import fix_random_seed

from spacy_catalog_ner.doc_rows import make_doc
from spacy_catalog_ner.errors import Problems
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


def test_another_group_can_be_suggested():
    doc = make_candidates("play drake", (1, 2, "ARTIST"))
    assert make_catalog_suggester("other")([doc]).lengths.tolist() == [0]


# The backbone


def test_the_default_backbone_is_the_bundled_model():
    assert (Path(make_backbone()) / "config.json").is_file()


def test_any_other_backbone_is_passed_on():
    assert make_backbone("prajjwal1/bert-tiny") == "prajjwal1/bert-tiny"


# A grounded student: matcher, a small network instead of a transformer, constraints

CONFIG = {
    "spans_key": "selected",
    "suggester": {"@misc": "spacy_catalog_ner.catalog_suggester.v1"},
    "model": {
        "@architectures": "spacy.SpanCategorizer.v1",
        "reducer": {"@layers": "spacy.mean_max_reducer.v1", "hidden_size": 16},
        "scorer": {"@layers": "spacy.LinearLogistic.v1"},
        "tok2vec": {
            "@architectures": "spacy.HashEmbedCNN.v2",
            "pretrained_vectors": None,
            "width": 32,
            "depth": 2,
            "embed_size": 300,
            "window_size": 1,
            "maxout_pieces": 2,
            "subword_features": False,
        },
    },
}

SENTENCES = [
    ("play something by boston", "ARTIST"),
    ("play a song by paris", "ARTIST"),
    ("play anything by london", "ARTIST"),
    ("is it raining in boston", "CITY"),
    ("is it cold in paris", "CITY"),
    ("is it sunny in london", "CITY"),
]


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    """Train on six sentences whose names can all be both, save, and load again."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    matcher = nlp.add_pipe("catalog_matcher")
    matcher.add_entries(
        {"text": name, "label": label}
        for name in ("Boston", "Paris", "London")
        for label in ("ARTIST", "CITY")
    )
    nlp.add_pipe("spancat", config=CONFIG)
    nlp.add_pipe("constraint_post_processor")
    examples = []
    for text, label in SENTENCES:
        start = text.rindex(" ") + 1
        row = {"text": text, "spans": [{"start": start, "end": len(text), "label": label}]}
        gold = make_doc(nlp, row, Problems(), "memory", 1)
        examples.append(Example(nlp.make_doc(text), gold))
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(60):
        nlp.update(examples, sgd=optimizer, annotates=["catalog_matcher"])
    path = tmp_path_factory.mktemp("student") / "model"
    nlp.to_disk(path)
    return spacy.load(path)


def entities(doc) -> list[tuple[str, str]]:
    return [(span.text, span.label_) for span in doc.spans["entities"]]


def test_a_student_decides_by_the_sentence(student):
    assert entities(student("play something by paris")) == [("paris", "ARTIST")]
    assert entities(student("is it raining in paris")) == [("paris", "CITY")]


def test_a_student_finds_a_name_added_after_training(student):
    text = "play something by zanzibarella"
    assert entities(student(text)) == []
    student.get_pipe("catalog_matcher").add_entries(
        [
            {"text": "Zanzibarella", "label": "ARTIST", "id": "artist/new"},
            {"text": "Zanzibarella", "label": "CITY", "id": "city/new"},
        ]
    )
    doc = student(text)
    assert entities(doc) == [("zanzibarella", "ARTIST")]
    assert [(ent.label_, ent.kb_id_) for ent in doc.ents] == [("ARTIST", "artist/new")]
    assert entities(student("is it cold in zanzibarella")) == [("zanzibarella", "CITY")]


def test_a_student_gives_confidences(student):
    (score,) = student("is it sunny in boston").spans["entities"].attrs["scores"]
    assert 0.5 <= score <= 1


def test_a_text_without_candidates_has_no_entities(student):
    assert entities(student("what time is it")) == []
