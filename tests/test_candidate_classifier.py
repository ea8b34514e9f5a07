"""`candidate_classifier`: the grounded student, from training to names that are new."""

from __future__ import annotations

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Span, SpanGroup
from spacy.training import Example
from spacy.util import fix_random_seed

from spacy_catalog_ner.doc.rows import make_doc
from spacy_catalog_ner.errors import CatalogNERError, Place, Problems

NAMES = [
    {"text": name, "label": label}
    for name in ("Boston", "Paris", "London")
    for label in ("ARTIST", "CITY")
]
MODEL = {
    "@architectures": "spacy_catalog_ner.CandidateClassifier.v1",
    "hidden_size": 32,
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
}
SENTENCES = [
    ("play something by boston", "ARTIST"),
    ("play a song by paris", "ARTIST"),
    ("play anything by london", "ARTIST"),
    ("is it raining in boston", "CITY"),
    ("is it cold in paris", "CITY"),
    ("is it sunny in london", "CITY"),
    ("what time is it now", None),
    ("", None),
]


def make_student(**config):
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher").add_entries(NAMES)
    nlp.add_pipe("candidate_classifier", config={"model": MODEL, **config})
    nlp.add_pipe("constraint_post_processor")
    return nlp


def make_example(nlp, text: str, label: str | None) -> Example:
    """The last word is the name."""
    start = text.rfind(" ") + 1
    spans = [{"start": start, "end": len(text), "label": label}] if label else []
    gold = make_doc(nlp, {"text": text, "spans": spans}, Problems(), Place("memory", 1))
    return Example(nlp.make_doc(text), gold)


def train(nlp, examples, steps: int = 40) -> dict[str, float]:
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: examples)
    losses: dict[str, float] = {}
    for _ in range(steps):
        losses = nlp.update(examples, sgd=optimizer, annotates=["catalog_matcher"], losses={})
    return losses


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    """A student trained on six sentences whose names can all be both, saved and loaded again."""
    nlp = make_student()
    train(nlp, [make_example(nlp, *sentence) for sentence in SENTENCES])
    path = tmp_path_factory.mktemp("student") / "model"
    nlp.to_disk(path)
    return spacy.load(path)


def entities(doc) -> list[tuple[str, str]]:
    return [(span.text, span.label_) for span in doc.spans["entities"]]


# What it decides


def test_a_student_decides_by_the_sentence(student):
    assert entities(student("play something by paris")) == [("paris", "ARTIST")]
    assert entities(student("is it raining in paris")) == [("paris", "CITY")]


def test_a_student_finds_a_name_added_after_training(student):
    nlp = spacy.blank("en").from_config(student.config).from_bytes(student.to_bytes())
    text = "play something by zanzibarella"
    assert entities(nlp(text)) == []
    nlp.get_pipe("catalog_matcher").add_entries(
        [
            {"text": "Zanzibarella", "label": "ARTIST", "id": "artist/new"},
            {"text": "Zanzibarella", "label": "CITY", "id": "city/new"},
        ]
    )
    doc = nlp(text)
    assert entities(doc) == [("zanzibarella", "ARTIST")]
    assert [(ent.label_, ent.kb_id_) for ent in doc.ents] == [("ARTIST", "artist/new")]
    assert entities(nlp("is it cold in zanzibarella")) == [("zanzibarella", "CITY")]


def test_every_candidate_has_a_confidence_and_the_selected_ones_their_own(student):
    doc = student("is it sunny in boston")
    candidates, selected = doc.spans["candidates"], doc.spans["selected"]
    scores = dict(zip((s.label_ for s in candidates), candidates.attrs["scores"], strict=True))
    assert scores["CITY"] > 0.5 > scores["ARTIST"]
    assert [span.label_ for span in selected] == ["CITY"]
    assert selected.attrs["scores"] == [scores["CITY"]]


def test_a_text_without_candidates_has_no_entities(student):
    assert entities(student("what time is it")) == []
    assert entities(student("")) == []


def test_texts_of_any_length_keep_their_order_and_their_confidences(student):
    """Texts of about the same length are read together, whatever stands between them."""
    long = 9 * "play something by paris or is it raining in boston and then a song by london "
    texts = [long[: 1 + 89 * number % 700].strip() for number in range(40)]
    for doc, text in zip(student.pipe(texts, batch_size=40), texts, strict=True):
        assert doc.text == text
        alone = student(text).spans["candidates"].attrs["scores"]
        assert doc.spans["candidates"].attrs["scores"] == pytest.approx(alone, abs=1e-5)


def test_a_label_that_the_catalog_has_and_training_had_not_is_left_out_with_a_warning(student):
    nlp = spacy.blank("en").from_config(student.config).from_bytes(student.to_bytes())
    nlp.get_pipe("catalog_matcher").add_entries([{"text": "Oslo", "label": "MOVIE"}])
    with pytest.warns(UserWarning, match="has not learned the labels MOVIE of the catalog"):
        doc = nlp("is it cold in oslo")
    assert entities(doc) == []
    assert doc.spans["candidates"].attrs["scores"] == [0.0]


def test_without_a_matcher_it_says_what_to_add():
    nlp = spacy.blank("en")
    nlp.add_pipe("candidate_classifier")
    with pytest.raises(CatalogNERError, match='add "catalog_matcher" to the pipeline before it'):
        nlp("play paris")


def test_in_training_it_says_that_the_matcher_is_to_annotate():
    nlp = make_student()
    examples = [make_example(nlp, *SENTENCES[0])]
    nlp.initialize(lambda: examples)
    with pytest.raises(CatalogNERError, match=r'annotating_components = \["catalog_matcher"\]'):
        nlp.update(examples)


# What it is as a component


def test_it_is_the_same_after_bytes_and_disk(student):
    copy = spacy.blank("en").from_config(student.config).from_bytes(student.to_bytes())
    for text, _ in SENTENCES:
        assert copy(text).spans["candidates"].attrs == student(text).spans["candidates"].attrs


@pytest.mark.parametrize("data", [b"", b"5", b"\x81\xa7tallies\x01"])
def test_broken_features_are_one_line(student, tmp_path, data):
    student.to_disk(tmp_path)
    (tmp_path / "candidate_classifier/features").write_bytes(data)
    with pytest.raises(CatalogNERError, match=r"broken features of a student .*; train it again"):
        spacy.load(tmp_path)


def test_two_processes_give_what_one_gives(student):
    texts = [text for text, _ in SENTENCES]
    alone = [entities(doc) for doc in student.pipe(texts)]
    assert [entities(doc) for doc in student.pipe(texts, n_process=2, batch_size=2)] == alone


def test_its_scores_are_those_of_the_scorers(student):
    examples = [make_example(student, *sentence) for sentence in SENTENCES]
    scores = student.evaluate(examples)
    assert scores["spans_selected_f"] == scores["spans_entities_f"] == 1.0


def test_the_threshold_is_a_setting_of_the_config(student, tmp_path):
    student.to_disk(tmp_path / "model")
    strict = spacy.load(
        tmp_path / "model", config={"components.candidate_classifier.threshold": 1.0}
    )
    assert entities(strict("play something by paris")) == []


@pytest.mark.parametrize(
    ("setting", "value"), [("threshold", 2), ("forget", -1), ("targets", "firm")]
)
def test_a_wrong_setting_is_refused(setting, value):
    with pytest.raises((CatalogNERError, ValueError), match=setting):
        spacy.blank("en").add_pipe("candidate_classifier", config={setting: value})


def test_the_same_seed_gives_the_same_student():
    def confidences():
        fix_random_seed(0)
        nlp = make_student(forget=0.5)
        train(nlp, [make_example(nlp, *sentence) for sentence in SENTENCES], steps=5)
        return nlp("play paris").spans["candidates"].attrs["scores"]

    assert confidences() == confidences()


# What it learns


def with_confidences(example: Example, score: float) -> Example:
    """Give every candidate a teacher's confidence, and leave its decision as it is."""
    doc = example.reference
    (gold,) = doc.spans["entities"]
    spans = [Span(doc, gold.start, gold.end, label=label) for label in ("ARTIST", "CITY")]
    group = SpanGroup(doc, name="candidates", spans=spans)
    group.attrs["scores"] = [score if s.label_ == gold.label_ else 1 - score for s in spans]
    doc.spans["candidates"] = group
    return example


@pytest.mark.parametrize(("targets", "low", "high"), [("soft", 0.6, 0.8), ("hard", 0.95, 1)])
def test_soft_targets_are_confidences_of_the_teacher_and_hard_ones_its_decisions(
    targets, low, high
):
    nlp = make_student(targets=targets, forget=0.0)
    examples = [
        with_confidences(make_example(nlp, text, label), 0.7) for text, label in SENTENCES if label
    ]
    train(nlp, examples, steps=60)
    scores = nlp("play something by paris").spans["candidates"].attrs["scores"]
    assert low < max(scores) <= high


def test_weighted_targets_do_not_learn_from_what_the_teacher_was_not_sure_of():
    nlp = make_student(targets="weighted")
    examples = [with_confidences(make_example(nlp, *SENTENCES[0]), 0.5)]
    assert train(nlp, examples, steps=1) == {"candidate_classifier": 0.0}


def test_entities_that_are_no_candidates_are_counted_in_a_warning():
    nlp = make_student()
    examples = [make_example(nlp, *SENTENCES[0]), make_example(nlp, "play adele", "ARTIST")]
    with pytest.warns(UserWarning, match="1 of 2 entities of the training texts are no candidates"):
        nlp.initialize(lambda: examples)


def test_training_texts_without_candidates_are_an_error():
    nlp = make_student()
    examples = [make_example(nlp, "play adele", "ARTIST")]
    with pytest.raises(CatalogNERError, match="none of 1 training texts has a candidate"):
        nlp.initialize(lambda: examples)


def test_training_texts_without_an_entity_are_an_error():
    nlp = make_student()
    examples = [make_example(nlp, "play paris", None)]
    with pytest.raises(CatalogNERError, match="no candidate of 1 training texts is right"):
        nlp.initialize(lambda: examples)


# Whatever the text


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["boston", "Paris", "in", "LONDON", "İ", "🙂", "\n", "play"])))
def test_it_selects_nothing_but_candidates(student, words):
    doc = student(" ".join(words))
    keys = {(s.start, s.end, s.label_) for s in doc.spans["candidates"]}
    assert {(s.start, s.end, s.label_) for s in doc.spans["selected"]} <= keys
    assert all(0 <= score <= 1 for score in doc.spans["candidates"].attrs["scores"])
