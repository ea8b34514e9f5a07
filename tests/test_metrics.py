"""Exact-match scores, compared with spaCy's own where spaCy's can be compared."""

from __future__ import annotations

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.scorer import Scorer
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import filter_spans

from spacy_catalog_ner.annotations import doc_to_row
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.evaluation import Score, evaluate_rows

VOCAB = spacy.blank("en").vocab


def row(*spans: tuple[int, int, str], text: str = "new york city", **more) -> dict:
    return {"text": text, "spans": [as_dict(span) for span in spans], **more}


def as_dict(span: tuple[int, int, str]) -> dict:
    return dict(zip(("start", "end", "label"), span, strict=True))


CITY, SONG = (0, 8, "CITY"), (0, 13, "SONG")


def test_all_right_is_one():
    result = evaluate_rows([row(CITY)], [row(CITY)])
    assert result["micro"] == {"tp": 1, "fp": 0, "fn": 0, "precision": 1, "recall": 1, "f1": 1}
    assert result["macro_f1"] == 1


def test_right_invented_and_missed_entities_are_counted():
    result = evaluate_rows([row(CITY, (4, 8, "CITY"))], [row(CITY, SONG, (9, 13, "X"))])
    assert result["micro"] == {
        "tp": 1,
        "fp": 1,
        "fn": 2,
        "precision": 0.5,
        "recall": 0.3333,
        "f1": 0.4,
    }


def test_the_right_span_with_the_wrong_label_is_both_invented_and_missed():
    result = evaluate_rows([row((0, 8, "SONG"))], [row(CITY)])
    assert (result["micro"]["fp"], result["micro"]["fn"]) == (1, 1)


def test_overlapping_entities_each_count():
    result = evaluate_rows([row(CITY, SONG)], [row(CITY, SONG, (0, 8, "BOOK"))])
    assert (result["micro"]["tp"], result["micro"]["fn"]) == (2, 1)


def test_an_entity_given_twice_counts_once():
    result = evaluate_rows([row(CITY, CITY)], [row(CITY)])
    assert (result["micro"]["tp"], result["micro"]["fp"]) == (1, 0)


def test_the_same_offsets_in_another_text_are_another_entity():
    result = evaluate_rows([row(CITY), row()], [row(), row(CITY)])
    assert (result["micro"]["tp"], result["micro"]["fp"], result["micro"]["fn"]) == (0, 1, 1)


def test_the_macro_mean_is_over_the_labels_in_gold():
    predicted = [row(CITY, (9, 13, "NEVER"))]
    result = evaluate_rows(predicted, [row(CITY, SONG)])
    assert set(result["per_label"]) == {"CITY", "SONG", "NEVER"}
    assert result["macro_f1"] == 0.5


def test_the_share_of_gold_among_the_candidates_is_the_ceiling():
    predicted = [row(CITY, candidates=[as_dict(CITY), as_dict((9, 13, "CITY"))])]
    assert evaluate_rows(predicted, [row(CITY, SONG)])["candidate_recall"] == 0.5


def test_without_candidates_there_is_no_ceiling():
    assert evaluate_rows([row(CITY)], [row(CITY)])["candidate_recall"] is None


def test_nothing_predicted_and_nothing_to_find_is_zero():
    result = evaluate_rows([row()], [row()])
    assert result["micro"]["f1"] == result["macro_f1"] == 0
    assert result["per_label"] == {}


def test_no_texts_at_all_are_no_error():
    result = evaluate_rows([], [])
    assert result["texts"] == 0
    assert result["micro"]["f1"] == result["macro_f1"] == 0
    assert result["candidate_recall"] is None


def test_texts_that_differ_are_named_by_their_row():
    gold = [row(text="one"), row(text="two")]
    with pytest.raises(
        CatalogNERError, match="row 2: predictions are for 'TWO', gold is for 'two'"
    ):
        evaluate_rows([row(text="one"), row(text="TWO")], gold)


def test_another_number_of_texts_is_an_error():
    with pytest.raises(CatalogNERError, match="1 predicted rows for 2 gold rows"):
        evaluate_rows([row()], [row(), row()])


def test_scores_of_several_texts_add_up():
    score = Score()
    score.add({1, 2}, {2, 3})
    score.add({4}, {4, 5})
    assert (score.tp, score.fp, score.fn) == (2, 1, 2)
    assert score.f1 == pytest.approx(4 / 7)


WORDS = [f"w{number}" for number in range(8)]
SPANS = st.lists(
    st.tuples(st.integers(0, 7), st.integers(1, 3), st.sampled_from(["A", "B", "C"])), max_size=6
)


def flat_doc(items: list[tuple[int, int, str]]) -> Doc:
    doc = Doc(VOCAB, words=WORDS)
    spans = [Span(doc, start, min(start + size, 8), label) for start, size, label in items]
    doc.set_ents(filter_spans(spans))
    return doc


@settings(max_examples=100, deadline=None)
@given(pairs=st.lists(st.tuples(SPANS, SPANS), min_size=1, max_size=4))
def test_flat_entities_get_the_scores_that_spacy_gives(pairs):
    docs = [(flat_doc(predicted), flat_doc(gold)) for predicted, gold in pairs]
    rows = [[doc_to_row(doc, {"text": doc.text}) for doc in pair] for pair in docs]
    ours = evaluate_rows([predicted for predicted, _ in rows], [gold for _, gold in rows])
    examples = [Example(predicted, gold) for predicted, gold in docs]
    theirs = Scorer.score_spans(examples, "ents")  # None where there is no entity at all
    per_label = theirs["ents_per_type"] or {}
    for name, key in (("precision", "p"), ("recall", "r"), ("f1", "f")):
        assert ours["micro"][name] == pytest.approx(theirs[f"ents_{key}"] or 0, abs=1e-4)
        for label, scores in per_label.items():
            assert ours["per_label"][label][name] == pytest.approx(scores[key], abs=1e-4)
    assert set(ours["per_label"]) == set(per_label)
