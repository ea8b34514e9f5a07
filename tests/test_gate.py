"""The regression gate: a loss is named, noise passes, and chance is told from both."""

from __future__ import annotations

import json
import random

import pytest
from conftest import annotate
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.evaluation.alignment import align_rows
from spacy_catalog_ner.evaluation.gate import (
    Change,
    check_regression,
    compare_pairs,
    compare_results,
    read_result,
)
from spacy_catalog_ner.evaluation.html import render_html
from spacy_catalog_ner.evaluation.markdown import render_result_markdown
from spacy_catalog_ner.evaluation.metrics import evaluate_pairs

ROWS = [
    annotate(
        f"play song{number} in city{number}", {f"song{number}": "SONG", f"city{number}": "CITY"}
    )
    for number in range(60)
]


def without(label: str, numbers) -> list[dict]:
    """Return the rows as a system would answer that misses a label in some of them."""
    return [
        {**row, "spans": [span for span in row["spans"] if span["label"] != label]}
        if number in numbers
        else row
        for number, row in enumerate(ROWS)
    ]


def pairs_of(predicted: list[dict], gold: list[dict] = ROWS):
    return align_rows(predicted, gold, Problems())


def changes_of(
    new: list[dict], old: list[dict], gold: list[dict] = ROWS, *, paired: bool
) -> dict[str | None, Change]:
    """Return the changes by label, None for all entities."""
    pairs = [pairs_of(rows, gold) for rows in (new, old)]
    changes = compare_pairs(*pairs) if paired else compare_results(*map(evaluate_pairs, pairs))
    return {change.label: change for change in changes}


both_ways = pytest.mark.parametrize("paired", [True, False], ids=["predictions", "results"])


# Changes


@both_ways
def test_a_fall_is_measured_in_points_overall_and_per_label(paired):
    changes = changes_of(without("CITY", range(20)), ROWS, paired=paired)
    assert list(changes) == [None, "CITY", "SONG"]
    assert (changes[None].before, changes[None].after) == (1.0, 0.9091)  # 2 * 100 / (2 * 100 + 20)
    assert changes[None].points == pytest.approx(-9.09, abs=0.01)
    assert (changes["CITY"].points, changes["SONG"].points) == (-20.0, 0.0)


@both_ways
def test_a_fall_on_a_third_of_the_texts_is_a_loss(paired):
    changes = changes_of(without("CITY", range(20)), ROWS, paired=paired)
    low, high = changes[None].interval
    assert low < changes[None].points < high < 0
    assert changes[None].is_loss
    assert changes["CITY"].is_loss and not changes["SONG"].is_loss


@both_ways
def test_other_errors_in_like_number_are_noise(paired):
    chooser = random.Random(0)
    flipped = [set(chooser.sample(range(60), number)) for number in (4, 6)]
    new, old = (without("CITY", numbers) for numbers in reversed(flipped))
    change = changes_of(new, old, paired=paired)[None]
    assert change.points < 0 < change.interval[1]
    assert not change.is_loss


def test_the_answers_themselves_tell_a_loss_that_two_results_leave_open():
    old = without("CITY", range(20))
    new = without("CITY", range(26))  # the same errors, and a few more
    assert changes_of(new, old, paired=True)[None].is_loss
    assert not changes_of(new, old, paired=False)[None].is_loss


@both_ways
def test_a_rise_is_no_loss(paired):
    change = changes_of(ROWS, without("CITY", range(20)), paired=paired)[None]
    assert change.points > 0 and not change.is_loss


def result_of(f1: float, interval: list[float]) -> dict:
    score = {"tp": 50, "fn": 0, "f1": f1, "intervals": {"f1": interval}}
    return {"texts": 50, "gold": "", "micro": score, "per_label": {}}


def test_the_arms_of_two_results_add_in_squares():
    # Arms of 3 and 4 points make one of 5, of 12 and 5 one of 13: the lower one of the one system
    # with the upper one of the other
    (change,) = compare_results(result_of(0.7, [0.58, 0.74]), result_of(0.8, [0.77, 0.85]))
    assert (change.points, change.interval) == (-10.0, (-23.0, -5.0))


def test_the_interval_of_two_results_ends_where_f1_does():
    (change,) = compare_results(result_of(0.1, [0.0, 0.2]), result_of(0.9, [0.4, 1.0]))
    assert change.interval == pytest.approx((-94.14, -29.01), abs=0.01)
    (change,) = compare_results(result_of(0.0, [0.0, 0.0]), result_of(1.0, [0.0, 1.0]))
    assert (change.points, change.interval) == (-100.0, (-100.0, 0.0))
    (change,) = compare_results(result_of(0.1, [0.0, 0.6]), result_of(0.9, [0.8, 1.0]))
    assert change.interval[0] >= -100


def test_an_interval_that_ends_short_of_its_figure_has_no_arm_there():
    (change,) = compare_results(result_of(0.5, [0.4, 0.45]), result_of(0.5, [0.5, 0.5]))
    assert change.interval == (-10.0, 0.0)


@both_ways
def test_one_missed_entity_of_a_rare_label_is_noise(paired):
    rare = annotate("turn on radio1", {"radio1": "RADIO"})
    gold = [*ROWS, rare]
    new = [*ROWS, {**rare, "spans": []}]
    change = changes_of(new, gold, gold, paired=paired)["RADIO"]
    assert (change.points, change.interval) == (-100.0, (-100.0, 0.0))
    assert not change.is_loss


@both_ways
@pytest.mark.parametrize("number", [1, 2, 9])
def test_a_few_texts_are_too_few_to_tell(paired, number):
    gold = ROWS[:number]
    nothing = [{**row, "spans": []} for row in gold]
    for change in changes_of(nothing, gold, gold, paired=paired).values():
        assert change.interval == (-100.0, -100.0)
        assert change.verdict == "Too few to tell" and not change.is_loss


@both_ways
@pytest.mark.parametrize(("entities", "verdict"), [(9, "Too few to tell"), (10, "Loss")])
def test_a_loss_of_a_label_needs_ten_gold_entities(paired, entities, verdict):
    gold = without("CITY", range(entities, 60))
    new = without("CITY", range(60))
    city = changes_of(new, gold, gold, paired=paired)["CITY"]
    assert (city.evidence, city.verdict) == (entities, verdict)


def test_a_label_that_vanished_fell_to_zero():
    old = evaluate_pairs(pairs_of(ROWS))
    new = json.loads(json.dumps(old))
    del new["per_label"]["CITY"]
    change = {change.label: change for change in compare_results(new, old)}["CITY"]
    assert (change.before, change.after, change.points) == (1.0, 0.0, -100.0)
    assert change.is_loss


def test_a_label_that_only_the_new_system_has_is_no_fall():
    invented = [
        {**row, "spans": [*row["spans"], {"start": 0, "end": 4, "label": "VERB"}]} for row in ROWS
    ]
    for paired in (True, False):
        assert changes_of(invented, ROWS, paired=paired)["VERB"].points == 0


def test_results_of_another_gold_set_are_not_compared():
    old = evaluate_pairs(pairs_of(ROWS[:50], ROWS[:50]))
    new = evaluate_pairs(pairs_of(ROWS))
    expected = "another gold set, 50 texts with 100 entities; this one has 60 with 120"
    with pytest.raises(CatalogNERError, match=expected):
        compare_results(new, old)


def test_the_same_texts_with_other_gold_entities_are_another_gold_set():
    other = without("CITY", range(1))
    old = evaluate_pairs(pairs_of(other, other))
    with pytest.raises(CatalogNERError, match="60 texts with 119 entities"):
        compare_results(evaluate_pairs(pairs_of(ROWS)), old)


@pytest.mark.parametrize(
    "change",
    [{"text": "play song9 in a city"}, {"spans": [{"start": 0, "end": 4, "label": "SONG"}] * 2}],
    ids=["text", "entities"],
)
def test_another_gold_set_of_the_same_size_is_another_gold_set(change):
    other = [*ROWS[:-1], {**annotate("play song9 in rome", {"song9": "SONG", "rome": "CITY"})}]
    other[-1] = {**other[-1], **change}
    old = evaluate_pairs(pairs_of(other, other), samples=1)
    with pytest.raises(CatalogNERError, match="measured on another gold set"):
        compare_results(evaluate_pairs(pairs_of(ROWS), samples=1), old)


def test_another_gold_set_of_as_many_entities_is_said_to_be_another():
    other = [*ROWS[1:], annotate("play thriller in rome", {"thriller": "SONG", "rome": "CITY"})]
    old = evaluate_pairs(pairs_of(other, other), samples=1)
    with pytest.raises(CatalogNERError, match="120 entities; this one has as many, but others"):
        compare_results(evaluate_pairs(pairs_of(ROWS), samples=1), old)


def test_the_same_gold_set_in_another_order_is_the_same():
    shuffled = [{**row, "spans": row["spans"][::-1]} for row in ROWS[::-1]]
    old = evaluate_pairs(pairs_of(shuffled, shuffled), samples=1)
    assert compare_results(evaluate_pairs(pairs_of(ROWS), samples=1), old)[0].points == 0


def test_predictions_for_other_gold_texts_are_not_compared():
    with pytest.raises(CatalogNERError, match="on the same gold texts only"):
        compare_pairs(pairs_of(ROWS), pairs_of(ROWS[:50], ROWS[:50]))


SUBSETS = st.sets(st.integers(0, 59), max_size=20)


@settings(max_examples=30, deadline=None)
@given(one=SUBSETS, other=SUBSETS)
def test_a_system_does_not_differ_from_itself_and_swapping_two_turns_the_sign(one, other):
    pairs = [pairs_of(without("CITY", numbers)) for numbers in (one, other)]
    for change in compare_pairs(pairs[0], pairs[0], samples=50):
        assert (change.points, change.interval) == (0.0, (0.0, 0.0))
    there = compare_pairs(*pairs, samples=50)
    back = compare_pairs(*reversed(pairs), samples=50)
    for change, turned in zip(there, back, strict=True):
        assert change.points == -turned.points
        assert change.interval[0] <= change.interval[1]


def test_the_interval_is_the_one_of_drawing_texts_one_by_one():
    new, old = (pairs_of(without("CITY", numbers)) for numbers in (range(5, 20), range(8)))
    chooser = random.Random(0)
    differences = []
    for _ in range(2000):
        drawn = chooser.choices(range(60), k=60)
        # Each text has two entities; nothing is invented
        right = [
            sum(len(side[number].predicted["spans"]) for number in drawn) for side in (new, old)
        ]
        f1 = [2 * count / (count + 120) for count in right]
        differences.append(100 * (f1[0] - f1[1]))
    differences.sort()
    (micro, *_) = compare_pairs(new, old, samples=2000)
    assert micro.interval == pytest.approx((differences[50], differences[1950]), abs=0.5)


# The gate


def change(label: str | None, points: float) -> Change:
    return Change(label, 0.9, 0.9 + points / 100, points, (points - 1, points + 1), evidence=50)


CHANGES = [change(None, -1.5), change("CITY", -6.0), change("SONG", 3.0)]


@pytest.mark.parametrize(
    ("max_drop", "per_label", "fallen"),
    [
        (1.0, False, [None]),
        (1.5, False, []),
        (2.0, False, []),
        (2.0, True, ["CITY"]),
        (0.0, True, [None, "CITY"]),
        (6.0, True, []),
    ],
)
def test_what_fell_by_more_points_than_allowed_is_named(max_drop, per_label, fallen):
    found = check_regression(CHANGES, max_drop=max_drop, per_label=per_label)
    assert [change.label for change in found] == fallen


# Reading a result


@pytest.fixture
def saved(tmp_path):
    """Write what a result is made of and return its path."""

    def save(**changes):
        path = tmp_path / "result.json"
        path.write_text(json.dumps({**evaluate_pairs(pairs_of(ROWS), samples=1), **changes}))
        return path

    return save


def test_a_saved_result_is_read_as_it_was(saved):
    assert read_result(saved()) == evaluate_pairs(pairs_of(ROWS), samples=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 99}, "format version 99, expected 1; evaluate the system again"),
        ({"format_version": None}, "not a result that `catalog-ner evaluate -o` wrote"),
        ({"micro": {"f1": 0.5}}, "not a result"),
        ({"micro": None}, "not a result"),
        ({"per_label": []}, "not a result"),
        ({"per_label": {"CITY": 0.5}}, "not a result"),
        ({"texts": "many"}, "not a result"),
        ({"gold": None}, r"not a result .*gold"),
        ({"overlap": None}, r"not a result .*overlap"),
        ({"tokens": {"f1": 0.5}}, r"not a result .*tokens"),
        ({"errors": {"type": 1}}, "not a result .*no errors of kind 'boundary'"),
    ],
    ids=str,
)
def test_a_result_of_another_shape_is_one_line(saved, changes, message):
    path = saved(**changes)
    with pytest.raises(CatalogNERError, match=message) as error:
        read_result(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


READ = [
    *("texts", "gold", "micro", "macro_precision", "macro_recall", "macro_f1", "per_label"),
    *("boundary", "type_accuracy", "overlap", "tokens", "candidate_recall", "errors"),
]


@pytest.mark.parametrize("key", READ)
def test_a_result_without_something_that_is_read_is_one_line(tmp_path, key):
    result = evaluate_pairs(pairs_of(ROWS), samples=1)
    del result[key]
    path = tmp_path / "trimmed.json"
    path.write_text(json.dumps(result))
    with pytest.raises(CatalogNERError, match=rf"trimmed\.json: not a result .*`{key}`") as error:
        read_result(path)
    assert "\n" not in str(error.value)


def test_the_reports_read_no_more_of_a_baseline_than_was_checked():
    pairs = pairs_of(ROWS)
    result = evaluate_pairs(pairs, samples=1)
    baseline = {key: result[key] for key in READ}
    html = render_html(result, pairs, title="Test", attributed=[], baseline=baseline)
    assert "baseline 1.000" in html
    assert "| 1.000 | +0.000 |" in render_result_markdown(result, "Test", baseline)


@pytest.mark.parametrize("text", ["", "{", "[]", "5", '"text"', "null"])
def test_a_file_of_something_else_is_one_line(tmp_path, text):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(CatalogNERError, match=r"not JSON|not a result"):
        read_result(path)


def test_a_result_of_invalid_utf8_is_one_line(tmp_path):
    path = tmp_path / "other.json"
    path.write_bytes(b'{"caf\xe9": 1}')
    with pytest.raises(CatalogNERError, match="not JSON"):
        read_result(path)


def test_a_missing_result_says_what_makes_one(tmp_path):
    with pytest.raises(CatalogNERError, match="no such file, expected a result of `catalog-ner"):
        read_result(tmp_path / "nothing.json")
