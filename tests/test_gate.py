"""The regression gate: a loss is named, noise passes, and chance is told from both."""

from __future__ import annotations

import json
import random

import pytest
from conftest import annotate
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.evaluation import Result, align_rows, evaluate_pairs, read_result
from spacy_catalog_ner.evaluation.gate import compare_pairs, compare_results
from spacy_catalog_ner.evaluation.result import Change, Comparison

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
) -> dict[str, Change]:
    """Return the changes by label, "" for all entities."""
    pairs = [pairs_of(rows, gold) for rows in (new, old)]
    comparison = compare_pairs(*pairs) if paired else compare_results(*map(evaluate_pairs, pairs))
    return {"": comparison.micro, **comparison.per_label}


both_ways = pytest.mark.parametrize("paired", [True, False], ids=["predictions", "results"])


# Changes


@both_ways
def test_a_fall_is_measured_in_points_overall_and_per_label(paired):
    changes = changes_of(without("CITY", range(20)), ROWS, paired=paired)
    assert list(changes) == ["", "CITY", "SONG"]
    assert (changes[""].before, changes[""].after) == (1.0, 0.9091)  # 2 * 100 / (2 * 100 + 20)
    assert changes[""].points == pytest.approx(-9.09, abs=0.01)
    assert (changes["CITY"].points, changes["SONG"].points) == (-20.0, 0.0)


@both_ways
def test_a_fall_on_a_third_of_the_texts_is_a_loss(paired):
    changes = changes_of(without("CITY", range(20)), ROWS, paired=paired)
    low, high = changes[""].interval
    assert low < changes[""].points < high < 0
    assert changes[""].is_loss
    assert changes["CITY"].is_loss and not changes["SONG"].is_loss


@both_ways
def test_other_errors_in_like_number_are_noise(paired):
    chooser = random.Random(0)
    flipped = [set(chooser.sample(range(60), number)) for number in (4, 6)]
    new, old = (without("CITY", numbers) for numbers in reversed(flipped))
    change = changes_of(new, old, paired=paired)[""]
    assert change.points < 0 < change.interval[1]
    assert not change.is_loss


def test_the_answers_themselves_tell_a_loss_that_two_results_leave_open():
    old = without("CITY", range(20))
    new = without("CITY", range(26))  # the same errors, and a few more
    assert changes_of(new, old, paired=True)[""].is_loss
    assert not changes_of(new, old, paired=False)[""].is_loss


@both_ways
def test_a_rise_is_no_loss(paired):
    change = changes_of(ROWS, without("CITY", range(20)), paired=paired)[""]
    assert change.points > 0 and not change.is_loss


def result_of(f1: float, interval: tuple[float, float]) -> Result:
    """Return a result with this micro F1."""
    result = evaluate_pairs(pairs_of(ROWS), samples=1)
    micro = replace(result.micro, f1=f1, intervals=replace(result.micro.intervals, f1=interval))
    return replace(result, micro=micro)


@pytest.mark.parametrize(
    ("new", "old", "points", "interval"),
    [
        # Arms of 3 and 4 points make one of 5, of 12 and 5 one of 13: the lower one of the one
        # system with the upper one of the other
        ((0.7, (0.58, 0.74)), (0.8, (0.77, 0.85)), -10, (-23, -5)),
        # F1 cannot fall by more than 100 points
        ((0.0, (0.0, 0.0)), (1.0, (0.0, 1.0)), -100, (-100, 0)),
        ((0.1, (0.0, 0.2)), (0.9, (0.4, 1.0)), -80, (-94.14, -29.01)),
        # An interval that ends short of its figure has no arm there
        ((0.5, (0.4, 0.45)), (0.5, (0.5, 0.5)), 0, (-10, 0)),
    ],
)
def test_the_arms_of_two_results_add_in_squares(new, old, points, interval):
    change = compare_results(result_of(*new), result_of(*old)).micro
    assert change.points == points
    assert change.interval == pytest.approx(interval, abs=0.01)


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


def test_a_label_that_only_one_system_has_has_an_f1_of_0_in_the_other():
    old = evaluate_pairs(pairs_of(ROWS))
    new = replace(old, per_label={"SONG": old.per_label["SONG"]})
    change = compare_results(new, old).per_label["CITY"]
    assert (change.before, change.after, change.points) == (1.0, 0.0, -100.0)
    assert change.is_loss
    verb = {"start": 0, "end": 4, "label": "VERB"}
    spurious = [{**row, "spans": [*row["spans"], verb]} for row in ROWS]
    for paired in (True, False):
        assert changes_of(spurious, ROWS, paired=paired)["VERB"].points == 0


def replaced(**change) -> list[dict]:
    return [*ROWS[:-1], {**ROWS[-1], **change}]


@pytest.mark.parametrize(
    ("gold", "message"),
    [
        (ROWS[:50], "50 texts with 100 entities; this one has 60 with 120"),
        (replaced(spans=ROWS[-1]["spans"][:1]), "60 texts with 119 entities"),
        (replaced(text="play song59 in City59"), "120 entities; this one has as many, but others"),
        (replaced(spans=[{"start": 0, "end": 4, "label": "SONG"}, ROWS[-1]["spans"][1]]), "others"),
    ],
    ids=["fewer texts", "fewer entities", "another text", "other entities"],
)
def test_systems_on_another_gold_set_are_not_compared(gold, message):
    new, old = pairs_of(ROWS), pairs_of(gold, gold)
    with pytest.raises(CatalogNERError, match=f"measured on another gold set, .*{message}"):
        compare_results(evaluate_pairs(new, samples=1), evaluate_pairs(old, samples=1))
    with pytest.raises(CatalogNERError, match="on the same gold rows only"):
        compare_pairs(new, old)


def test_the_same_gold_set_in_another_order_is_the_same():
    shuffled = [{**row, "spans": row["spans"][::-1]} for row in ROWS[::-1]]
    old = evaluate_pairs(pairs_of(shuffled, shuffled), samples=1)
    assert compare_results(evaluate_pairs(pairs_of(ROWS), samples=1), old).micro.points == 0


SUBSETS = st.sets(st.integers(0, 59), max_size=20)


@settings(max_examples=20, deadline=None)
@given(one=SUBSETS, other=SUBSETS)
def test_a_system_does_not_differ_from_itself_and_swapping_two_turns_the_sign(one, other):
    pairs = [pairs_of(without("CITY", numbers)) for numbers in (one, other)]
    same = compare_pairs(pairs[0], pairs[0], samples=50).micro
    assert (same.points, same.interval) == (0.0, (0.0, 0.0))
    there = compare_pairs(*pairs, samples=50)
    back = compare_pairs(*reversed(pairs), samples=50)
    for change, turned in [
        (there.micro, back.micro),
        *((there.per_label[label], back.per_label[label]) for label in there.per_label),
    ]:
        assert change.points == -turned.points
        assert change.interval[0] <= change.interval[1]


def test_the_interval_is_the_one_of_drawing_texts_one_by_one():
    new, old = (pairs_of(without("CITY", numbers)) for numbers in (range(5, 20), range(8)))
    chooser = random.Random(0)
    differences = []
    for _ in range(2000):
        drawn = chooser.choices(range(60), k=60)
        # Each text has two entities; none is spurious
        right = [
            sum(len(pairs[number].predicted.spans) for number in drawn) for pairs in (new, old)
        ]
        f1 = [2 * count / (count + 120) for count in right]
        differences.append(100 * (f1[0] - f1[1]))
    differences.sort()
    micro = compare_pairs(new, old, samples=2000).micro
    assert micro.interval == pytest.approx((differences[50], differences[1950]), abs=0.5)


# The gate


def change(points: float) -> Change:
    interval = (points - 1, points + 1)
    return Change(0.9, 0.9 + points / 100, points, interval, evidence=50, is_loss=True)


@pytest.mark.parametrize(
    ("max_drop", "per_label", "fallen"),
    [
        (1.0, False, [""]),
        (1.5, False, []),
        (2.0, True, ["CITY"]),
        (0.0, True, ["", "CITY"]),
        (6.0, True, []),
    ],
)
def test_what_fell_by_more_points_than_allowed_is_named(max_drop, per_label, fallen):
    comparison = Comparison(change(-1.5), {"CITY": change(-6.0), "SONG": change(3.0)}, None, "old")
    assert list(comparison.find_drops(max_drop, per_label=per_label)) == fallen


# Reading a result


RESULT = evaluate_pairs(pairs_of(ROWS), samples=1)


@pytest.fixture
def saved(tmp_path):
    """Write what a result is made of and return its path."""

    def save(**changes):
        path = tmp_path / "result.json"
        path.write_text(json.dumps({**RESULT.to_dict(), **changes}))
        return path

    return save


def test_a_saved_result_is_read_as_it_was(saved):
    assert read_result(saved()) == RESULT


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"format_version": 1},
            "version 1, expected 2; make it anew with `catalog-ner evaluate",
        ),
        ({"format_version": None}, "not a result that `catalog-ner evaluate -o` wrote"),
        ({"micro": {"f1": 0.5}}, "not a result"),
        ({"per_label": {"CITY": 0.5}}, "not a result"),
        ({"texts": "many"}, "not a result"),
        ({"gold": None}, r"not a result .*gold"),
        ({"tokens": {"f1": 0.5}}, r"not a result .*tokens"),
    ],
    ids=str,
)
def test_a_result_of_another_shape_is_one_line(saved, changes, message):
    path = saved(**changes)
    with pytest.raises(CatalogNERError, match=message) as error:
        read_result(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_a_result_without_something_that_is_read_is_one_line(tmp_path):
    path = tmp_path / "trimmed.json"
    for key in RESULT.to_dict():
        path.write_text(json.dumps({k: v for k, v in RESULT.to_dict().items() if k != key}))
        with pytest.raises(CatalogNERError, match=rf"trimmed\.json: not a result .*`{key}`"):
            read_result(path)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"5", b"null", b'{"caf\xe9": 1}'])
def test_a_file_of_something_else_is_one_line(tmp_path, data):
    path = tmp_path / "other.json"
    path.write_bytes(data)
    with pytest.raises(CatalogNERError, match=r"not JSON|not a result") as error:
        read_result(path)
    assert "\n" not in str(error.value)


def test_a_missing_result_says_what_makes_one(tmp_path):
    with pytest.raises(CatalogNERError, match="no such file, expected a result of `catalog-ner"):
        read_result(tmp_path / "nothing.json")
