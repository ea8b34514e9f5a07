"""The registered scorers: ``spacy evaluate`` and ``spacy train`` agree with the command line."""

from __future__ import annotations

import pytest
import spacy
from conftest import UTTERANCES, annotate, placed
from spacy.training import Example
from spacy.training.loop import create_evaluation_callback

from spacy_catalog_ner.doc.rows import make_doc
from spacy_catalog_ner.errors import Place, Problems
from spacy_catalog_ner.evaluation import evaluate_rows
from spacy_catalog_ner.evaluation.scorers import score_spans
from spacy_catalog_ner.labelling import label_rows

ROWS = [annotate(text, names) for text, names in UTTERANCES]


@pytest.fixture
def evaluate():
    """Return the scores of a pipeline and the figures of its labels, on the same annotated rows."""

    def run(nlp, rows: list[dict]) -> tuple[dict, dict]:
        examples = [
            Example(nlp.make_doc(row.text), make_doc(nlp, row, Problems(), place))
            for place, row in placed(*rows)
        ]
        return nlp.evaluate(examples), evaluate_rows(list(label_rows(nlp, rows)), rows)

    return run


@pytest.fixture(params=["longest", "allow"])
def nlp(mini_catalog, request):
    """A pipeline that accepts every candidate, flat or with overlaps."""
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher", config={"catalog": str(mini_catalog)})
    settings = {"source": "candidates", "overlap": request.param}
    nlp.add_pipe("constraint_post_processor", config=settings)
    return nlp


def test_a_pipeline_gets_the_figures_that_its_labels_get(nlp, evaluate):
    scores, result = evaluate(nlp, ROWS)
    assert 0 < result.micro.precision < 1
    expected = {
        "p": result.micro.precision,
        "r": result.micro.recall,
        "f": result.micro.f1,
        "macro_f": result.macro_f1,
        "boundary_f": result.boundary.f1,
        "type_accuracy": result.type_accuracy,
    }
    found = {name: round(scores[f"spans_entities_{name}"], 4) for name in expected}
    assert found == expected
    per_type = {
        label: {"p": figures.precision, "r": figures.recall, "f": figures.f1}
        for label, figures in result.per_label.items()
    }
    found = scores["spans_entities_per_type"]
    assert {
        label: {name: round(value, 4) for name, value in figures.items()}
        for label, figures in found.items()
    } == per_type


def test_the_recall_of_the_candidates_is_the_ceiling(nlp, evaluate):
    scores, result = evaluate(nlp, ROWS)
    assert round(scores["spans_candidates_r"], 4) == result.candidate_recall


def test_gold_without_entities_gives_zero_and_no_type_accuracy(nlp, evaluate):
    scores, result = evaluate(nlp, [annotate("play hello by adele", {})])
    assert result.micro.fp == 2
    assert scores["spans_entities_f"] == scores["spans_entities_macro_f"] == 0
    assert scores["spans_entities_type_accuracy"] is result.type_accuracy is None


def test_without_gold_there_are_no_figures(nlp):
    doc = nlp.make_doc("hello")
    scores = score_spans([Example(nlp("hello"), doc)], spans_key="entities")
    assert scores == {
        "spans_entities_p": None,
        "spans_entities_r": None,
        "spans_entities_f": None,
        "spans_entities_macro_f": None,
        "spans_entities_boundary_f": None,
        "spans_entities_type_accuracy": None,
        "spans_entities_per_type": {},
    }


def test_texts_without_gold_are_left_out(nlp):
    gold = make_doc(nlp, ROWS[0], Problems(), Place("rows", 1))
    examples = [Example(nlp(gold.text), gold), Example(nlp("Adele"), nlp.make_doc("Adele"))]
    assert score_spans(examples, spans_key="entities") == score_spans(
        examples[:1], spans_key="entities"
    )


def test_a_candidate_with_several_ids_counts_once():
    nlp = spacy.blank("en")
    entries = [{"text": "boston", "label": "CITY", "id": name} for name in ("usa", "england")]
    nlp.add_pipe("catalog_matcher").add_entries(entries)
    gold = make_doc(nlp, annotate("boston", {"boston": "CITY"}), Problems(), Place("rows", 1))
    doc = nlp("boston")
    assert len(doc.spans["candidates"]) == 2
    assert score_spans([Example(doc, gold)], spans_key="candidates")["spans_candidates_p"] == 1


def test_training_shows_the_figures_and_weighs_f1_alone(nlp):
    weights = nlp.config["training"]["score_weights"]
    assert weights["spans_entities_f"] == 1
    gold = make_doc(nlp, ROWS[0], Problems(), Place("rows", 1))
    examples = [Example(nlp.make_doc(gold.text), gold)]
    score, figures = create_evaluation_callback(nlp, lambda nlp: examples, weights)()
    assert score == figures["spans_entities_f"]
    for name in ("macro_f", "boundary_f", "type_accuracy"):
        assert weights[f"spans_entities_{name}"] == 0
        assert 0 < figures[f"spans_entities_{name}"] <= 1


def test_training_goes_on_where_a_figure_is_undefined(nlp):
    weights = nlp.config["training"]["score_weights"]
    gold = make_doc(nlp, annotate("nothing here", {}), Problems(), Place("rows", 1))
    examples = [Example(nlp.make_doc(gold.text), gold)]
    score, _ = create_evaluation_callback(nlp, lambda nlp: examples, weights)()
    assert score == 0
