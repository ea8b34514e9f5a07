"""Figures of predictions against gold, compared with seqeval's and spaCy's on flat data."""

from __future__ import annotations

import random

import numpy as np
import pytest
import spacy
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2
from spacy.scorer import Scorer, get_ner_prf
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_catalog_ner.doc.rows import doc_to_row
from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.evaluation import (
    Score,
    align_rows,
    compare,
    evaluate_pairs,
    evaluate_rows,
)
from spacy_catalog_ner.evaluation.intervals import precision_recall_f1
from spacy_catalog_ner.evaluation.metrics import count_labels
from spacy_catalog_ner.io.row import Row

VOCAB = spacy.blank("en").vocab
TEXT = "new york city"


def row(*spans: tuple[int, int, str], text: str = TEXT, **more) -> dict:
    return {"text": text, "spans": [as_dict(span) for span in spans], **more}


def as_dict(span: tuple[int, int, str]) -> dict:
    return dict(zip(("start", "end", "label"), span, strict=True))


def counts(score: Score) -> tuple[int, int, int]:
    return score.tp, score.fp, score.fn


CITY, SONG = (0, 8, "CITY"), (0, 13, "SONG")


# Exact match


def test_all_right_is_one():
    result = evaluate_rows([row(CITY)], [row(CITY)])
    assert result.micro.to_dict() == {
        "tp": 1,
        "fp": 0,
        "fn": 0,
        "precision": 1,
        "recall": 1,
        "f1": 1,
        "intervals": {"precision": [1, 1], "recall": [1, 1], "f1": [1, 1]},
    }
    assert result.per_label == {"CITY": result.micro}
    assert (result.macro_f1, result.macro_f1_interval) == (1, (1, 1))


@pytest.mark.parametrize(
    ("predicted", "gold", "expected"),
    [
        ([row(CITY, (4, 8, "CITY"))], [row(CITY, SONG, (9, 13, "X"))], (1, 1, 2)),
        ([row((0, 8, "SONG"))], [row(CITY)], (0, 1, 1)),
        ([row(CITY, SONG)], [row(CITY, SONG, (0, 8, "BOOK"))], (2, 0, 1)),
        ([row(CITY), row()], [row(), row(CITY)], (0, 1, 1)),
        ([row(CITY)], [row(CITY), row((0, 4, "CITY"), text="oslo")], (1, 0, 1)),
    ],
    ids=["errors", "wrong label", "overlapping", "another text", "no answer"],
)
def test_right_spurious_and_missed_entities_are_counted(predicted, gold, expected):
    assert counts(evaluate_rows(predicted, gold).micro) == expected


def test_rows_are_taken_as_structs_dicts_or_with_their_places():
    problems = Problems()
    predicted = [(Place("a.jsonl", 7), Row.from_dict(row(CITY, CITY)))]
    result = evaluate_rows(predicted, [Row.from_dict(row(CITY))], problems)
    assert result == evaluate_rows([row(CITY)], [row(CITY)])
    assert problems.messages == ["a.jsonl:7: CITY 0..8 twice; counted once"]


def test_macro_figures_are_means_over_the_labels_in_gold():
    # CITY: precision 1/2, recall 1; SONG: 1, 1/2
    gold = [row(CITY, SONG), row(SONG)]
    predicted = [row(CITY, SONG, (4, 8, "CITY"), (9, 13, "NEVER")), row()]
    result = evaluate_rows(predicted, gold)
    assert list(result.per_label) == ["CITY", "NEVER", "SONG"]
    assert (result.macro_precision, result.macro_recall) == (0.75, 0.75)
    assert result.macro_f1 == 0.6667


def test_the_gold_set_has_a_digest_whatever_the_order_and_the_predictions():
    gold = [row(CITY, SONG), row((0, 4, "CITY"), text="oslo")]
    digest = evaluate_rows(gold, gold).gold
    assert len(digest) == 16 and int(digest, 16)
    assert evaluate_rows([row()], gold).gold == digest
    assert evaluate_rows(gold, [gold[1], row(SONG, CITY, CITY)]).gold == digest
    for other in (gold[:1], [*gold, gold[0]], [gold[0], row((0, 3, "CITY"), text="oslo")]):
        assert evaluate_rows(gold, other).gold != digest


def test_the_intervals_of_all_figures_are_around_them():
    gold = [row(CITY, SONG), row(CITY), row(SONG), row()] * 20
    predicted = [row(CITY, (0, 8, "SONG")), row(CITY), row(), row((4, 8, "CITY"))] * 20
    result = evaluate_rows(predicted, gold)
    assert result.macro_f1_interval[0] <= result.macro_f1 <= result.macro_f1_interval[1]
    for score in (result.micro, *result.per_label.values()):
        for name, (lower, upper) in score.intervals.to_dict().items():
            figure = getattr(score, name)
            assert lower <= figure <= upper
            assert (lower < upper) == (0 < figure < 1)


# Relaxed matches


def test_the_boundary_score_does_not_look_at_labels():
    result = evaluate_rows(
        [row((0, 8, "SONG"), (0, 8, "BOOK"), (0, 4, "CITY"))], [row(CITY, (9, 13, "CITY"))]
    )
    assert counts(result.boundary) == (1, 1, 1)


def test_type_accuracy_is_that_of_gold_with_the_right_boundaries():
    predicted = [row(CITY, (0, 13, "BOOK"), (4, 8, "CITY"))]
    result = evaluate_rows(predicted, [row(CITY, SONG, (9, 13, "X"))])
    assert result.type_accuracy == 0.5
    assert evaluate_rows([row(CITY)], [row(SONG)]).type_accuracy is None


def test_spans_of_the_same_label_that_share_a_character_overlap():
    predicted = [row((0, 4, "CITY"), (0, 12, "CITY"), (0, 13, "BOOK"))]
    result = evaluate_rows(predicted, [row((3, 8, "CITY"), (12, 13, "CITY"), SONG)])
    # one CITY is taken, the other touches nothing that is left; BOOK and SONG are other labels
    assert counts(result.overlap) == (1, 2, 2)


def test_an_overlap_counts_even_where_another_label_has_the_boundaries():
    predicted = [row((0, 8, "SONG"), (0, 4, "CITY"))]
    result = evaluate_rows(predicted, [row(CITY)])
    assert result.errors["type"] == 1
    assert counts(result.overlap) == (1, 1, 0)


def test_tokens_are_scored_where_there_is_a_tokenizer():
    def tokenize(text: str) -> list[tuple[int, int]]:
        assert text == TEXT
        return [(0, 3), (4, 8), (9, 13)]

    gold = [row(CITY, (9, 13, "X"))]
    predicted = [row(SONG, (1, 5, "CITY"), (3, 4, "X"))]  # the X is on white space
    result = evaluate_rows(predicted, gold, tokenize=tokenize)
    assert counts(result.tokens) == (2, 3, 1)
    assert evaluate_rows(predicted, gold).tokens is None


def test_lengths_are_in_tokens_where_there_is_a_tokenizer():
    text = "東京の天気を教えて"  # one word between white space
    gold = [row((0, 2, "CITY"), text=text)]

    def tokenize(text: str) -> list[tuple[int, int]]:
        return [(position, position + 1) for position in range(len(text))]

    (part,) = evaluate_rows(gold, gold, tokenize=tokenize).by_length
    assert (part.first, part.last) == (9, 16)
    (part,) = evaluate_rows(gold, gold).by_length
    assert (part.first, part.last) == (1, 4)


def test_the_share_of_gold_among_the_candidates_is_the_ceiling():
    predicted = [row(CITY, candidates=[as_dict(CITY), as_dict((9, 13, "CITY"))])]
    assert evaluate_rows(predicted, [row(CITY, SONG)]).candidate_recall == 0.5
    assert evaluate_rows(predicted, [row()]).candidate_recall == 0
    assert evaluate_rows([row(CITY)], [row(CITY)]).candidate_recall is None


# Breakdowns


def test_errors_are_counted_by_kind():
    predicted = [row(CITY, (0, 13, "BOOK"), (9, 13, "X"))]
    result = evaluate_rows(predicted, [row(CITY, SONG)])
    assert result.errors == {
        "type": 1,
        "boundary": 0,
        "type and boundary": 0,
        "missed": 0,
        "spurious": 1,
    }
    assert result.confusion.labels == ["BOOK", "CITY", "SONG", "X"]


def test_scores_are_broken_down_by_novelty_length_confidence_and_stage():
    predicted = [{"text": TEXT, "spans": [{**as_dict(CITY), "score": 0.9}]}]
    result = evaluate_rows(predicted, [row(CITY, SONG)], train=[row(CITY)])
    assert counts(result.by_novelty["seen"]) == (1, 0, 0)
    assert counts(result.by_novelty["unseen"]) == (0, 0, 1)
    assert [(part.texts, part.f1) for part in result.by_length] == [(1, 0.6667)]
    assert result.calibration.expected_calibration_error == 0.1
    assert result.stages["student"].f1_if_perfect == 1
    assert evaluate_rows([row(CITY)], [row(CITY)]).by_novelty is None


# Little or nothing to compare


def test_nothing_predicted_and_nothing_to_find_is_zero():
    result = evaluate_rows([row()], [row()]).to_dict()
    zero = {"tp": 0, "fp": 0, "fn": 0, "precision": 0, "recall": 0, "f1": 0}
    zeros = {"precision": [0, 0], "recall": [0, 0], "f1": [0, 0]}
    assert result["micro"] == {**zero, "intervals": zeros}
    assert result["macro_precision"] == result["macro_recall"] == result["macro_f1"] == 0
    assert result["macro_f1_interval"] == [0, 0]
    assert result["boundary"] == result["overlap"] == zero
    assert result["type_accuracy"] is None
    assert result["per_label"] == {}
    assert result["confusion"] == {"labels": [], "counts": [[0]]}
    assert "comparison" not in result


def test_there_is_something_to_evaluate_and_to_draw():
    with pytest.raises(CatalogNERError, match="no annotated text"):
        evaluate_rows([], [])
    with pytest.raises(CatalogNERError, match="no text to evaluate"):
        evaluate_pairs([])
    with pytest.raises(CatalogNERError, match="samples: expected a number above 0, got 0"):
        evaluate_rows([row()], [row()], samples=0)


def test_counts_of_hundreds_of_labels_take_a_byte_each():
    rows = [row((0, 8, f"L{number}")) for number in range(300)]
    pairs = align_rows([row(), *rows[1:]], rows, Problems())
    labels, counted = count_labels(compare(pairs), len(pairs))
    assert counted.shape == (300, 300, 3) and counted.nbytes == counted.size
    assert counted.sum(axis=(0, 1)).tolist() == [299, 0, 1]
    assert counted[:, labels.index("L1")].sum(axis=0).tolist() == [1, 0, 0]


def test_a_text_with_more_entities_than_a_byte_holds_is_counted_right():
    text = "la " * 400
    spans = [(3 * number, 3 * number + 2, "LA") for number in range(400)]
    result = evaluate_rows([row(*spans[:300], text=text)], [row(*spans, text=text)])
    assert counts(result.micro) == counts(result.per_label["LA"]) == (300, 0, 100)


def test_scores_of_several_texts_add_up():
    score = Score.of_sets([({1, 2}, {2, 3}), ({4}, {4, 5})])
    assert counts(score) == (2, 1, 2)
    assert score.f1 == round(4 / 7, 4)


# The same figures as others give on flat data


WORDS = [f"w{number}" for number in range(8)]


def random_tags(chance: random.Random, like: list[str] | None = None) -> list[str]:
    """Make IOB2 tags of eight tokens; some spans are those of other tags."""
    if like is not None and chance.random() < 0.3:
        return like
    tags: list[str] = []
    while len(tags) < len(WORDS):
        label, size = chance.choice("ABCD"), chance.randint(1, 3)
        if like is not None and like[len(tags)].startswith("B") and chance.random() < 0.5:
            label = like[len(tags)][2:]
        inside = chance.random() < 0.4
        tags += [f"B-{label}", *[f"I-{label}"] * (size - 1)] if inside else ["O"]
    return tags[: len(WORDS)]


def make_doc(tags: list[str]) -> Doc:
    doc = Doc(VOCAB, words=WORDS)
    spans = []
    for start, tag in enumerate(tags):
        if tag.startswith("B"):
            end = start + 1
            while end < len(tags) and tags[end].startswith("I"):
                end += 1
            spans.append(Span(doc, start, end, tag[2:]))
    doc.set_ents(spans, default="outside")
    return doc


def random_corpora(number: int):
    """Yield (predicted tags, gold tags) of one to six texts, and what `evaluate_rows` gives."""
    for seed in range(number):
        chance = random.Random(seed)
        gold = [random_tags(chance) for _ in range(chance.randint(1, 6))]
        predicted = [random_tags(chance, like=tags) for tags in gold]
        rows = [
            [doc_to_row(make_doc(tags), {"text": " ".join(WORDS)}).to_dict() for tags in side]
            for side in (predicted, gold)
        ]
        yield predicted, gold, evaluate_rows(*rows, samples=1)


def assert_equal(score: Score, precision: float, recall: float, f1: float) -> None:
    figures = precision_recall_f1(np.array(counts(score)))  # not rounded
    assert figures == pytest.approx([precision, recall, f1], abs=1e-12)


def test_flat_entities_get_the_scores_of_seqeval_in_strict_mode_and_of_spacy():
    """Micro, per label, and the mean over the labels in gold: seqeval's has the predicted ones too.

    A figure that divides by nothing is 0 here, so it is to be 0 there.
    """
    compared = 0
    for predicted, gold, ours in random_corpora(1000):
        docs = zip(map(make_doc, predicted), map(make_doc, gold), strict=True)
        examples = [Example(*pair) for pair in docs]
        for spacys in (Scorer.score_spans(examples, "ents"), get_ner_prf(examples)):
            # spaCy says None where there is no entity at all
            per_label = spacys["ents_per_type"] or {}
            assert set(ours.per_label) == set(per_label)
            for label, scores in per_label.items():
                assert_equal(ours.per_label[label], *(scores[key] for key in "prf"))
            assert_equal(ours.micro, *(spacys[f"ents_{key}"] or 0 for key in "prf"))
        if not ours.per_label:  # seqeval fails there
            continue
        theirs = classification_report(
            gold, predicted, output_dict=True, mode="strict", scheme=IOB2, zero_division=0
        )
        averages = {name: theirs.pop(f"{name} avg") for name in ("micro", "macro", "weighted")}
        assert set(ours.per_label) == set(theirs)
        keys = ("precision", "recall", "f1-score")
        for label, scores in theirs.items():
            assert_equal(ours.per_label[label], *(scores[key] for key in keys))
            assert ours.per_label[label].gold == scores["support"]
        assert_equal(ours.micro, *(averages["micro"][key] for key in keys))
        in_gold = [scores["f1-score"] for scores in theirs.values() if scores["support"]]
        assert ours.macro_f1 == pytest.approx(sum(in_gold) / max(len(in_gold), 1), abs=5.1e-5)
        if len(in_gold) == len(theirs):
            macro = [ours.macro_precision, ours.macro_recall, ours.macro_f1]
            assert macro == pytest.approx([averages["macro"][key] for key in keys], abs=5.1e-5)
        compared += 1
    assert compared > 900
