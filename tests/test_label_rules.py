"""Label rules: what a rules file says, and how its mistakes are told."""

from __future__ import annotations

import json
import math
from collections import Counter

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span

from spacy_catalog_ner.constraints.label_rules import LabelRules
from spacy_catalog_ner.errors import CatalogNERError

NLP = spacy.blank("en")


def find_broken(
    rules: dict, text: str, label: str = "SONG", confidence=None, kept: str = ""
) -> str:
    """Check a span that is all of a text; `kept` has the labels of better spans."""
    doc = Doc(NLP.vocab, words=text.split())
    span = Span(doc, 0, len(doc), label)
    return LabelRules(rules).find_broken(span, confidence, Counter(kept.split()))


def song(**rules) -> dict:
    return {"labels": {"SONG": rules}}


@pytest.mark.parametrize(
    ("rules", "good", "bad"),
    [
        (song(min_words=2), "hey jude", "hey"),
        (song(max_words=2), "hey jude", "hey jude again"),
        (song(forbid=["It", "caf\u00e9"]), "it is", "IT"),
        (song(forbid=["It", "caf\u00e9"]), "cafe", "Cafe\u0301"),
    ],
)
def test_a_rule_lets_good_texts_pass(rules, good, bad):
    (name,) = rules["labels"]["SONG"]
    assert find_broken(rules, good) == ""
    assert find_broken(rules, bad) == f"SONG.{name}"


def test_a_rule_is_about_its_label_alone():
    assert find_broken(song(forbid=["hey"]), "hey", label="ALBUM") == ""


@pytest.mark.parametrize(("confidence", "expected"), [(0.6, ""), (0.5, "SONG.min_confidence")])
def test_a_span_needs_the_confidence_of_its_label(confidence, expected):
    assert find_broken(song(min_confidence=0.6), "hey", confidence=confidence) == expected


def test_a_span_without_a_confidence_passes():
    assert find_broken(song(min_confidence=0.6), "hey") == ""


def test_a_text_has_at_most_so_many_spans_of_a_label():
    assert find_broken(song(max_per_text=2), "hey", kept="SONG ALBUM ALBUM") == ""
    assert find_broken(song(max_per_text=2), "hey", kept="SONG SONG") == "SONG.max_per_text"


def test_of_exclusive_labels_a_text_has_one():
    rules = {"exclusive": [["SONG", "ALBUM"], ["SONG", "MOVIE", "BOOK"]]}
    assert find_broken(rules, "hey", kept="SONG CITY") == ""
    assert find_broken(rules, "hey", kept="ALBUM") == "exclusive"
    assert find_broken(rules, "hey", kept="BOOK") == "exclusive"
    assert find_broken(rules, "hey", label="ALBUM", kept="MOVIE") == ""


RULES = {"labels": {"SONG": {"max_words": 3, "forbid": ["it"]}}, "exclusive": [["SONG", "CITY"]]}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(RULES),
        """
# Songs are short
labels:
  SONG:
    max_words: 3
    forbid: [it]
exclusive:
  - [SONG, CITY]
""",
    ],
)
def test_a_file_is_yaml_or_json(tmp_path, text):
    (tmp_path / "rules.yml").write_text(text, encoding="utf8")
    rules = LabelRules.read(tmp_path / "rules.yml")
    assert rules.to_dict() == RULES
    assert LabelRules(rules.to_dict()).to_dict() == RULES


@pytest.mark.parametrize("text", ["", "# nothing yet", "labels:\nexclusive:\n"])
def test_a_file_may_be_empty(tmp_path, text):
    (tmp_path / "rules.yml").write_text(text, encoding="utf8")
    assert LabelRules.read(tmp_path / "rules.yml").to_dict() == {"labels": {}, "exclusive": []}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([1], "rules: Expected `object`, got `array` (known keys: labels, exclusive), got [1]"),
        ({"label": {}}, "rules: Object contains unknown field `label` (known keys: labels, excl"),
        ({"labels": ["SONG"]}, "rules: labels: Expected `object | null`, got `array`"),
        ({"labels": {False: {}}}, "rules: Expected `str`, got `bool` - at `key` in `$.labels`"),
        ({"labels": {"SONG": 3}}, "labels.SONG: Expected `object`, got `int` (known keys: min_w"),
        (song(**{"max\nword": 3}), "labels.SONG: Object contains unknown field `max word` (known"),
        (
            song(max_words=0),
            "labels.SONG.max_words: Expected `int` >= 1, got {'max_words': 0}",
        ),
        (song(max_words=True), "labels.SONG.max_words: Expected `int | null`, got `bool`"),
        (
            song(min_confidence=60),
            "labels.SONG.min_confidence: Expected `float` <= 1.0, got {'",
        ),
        (song(min_confidence=math.nan), "labels.SONG.min_confidence: Expected `float` >= 0.0"),
        (song(forbid="it"), "labels.SONG.forbid: Expected `array | null`, got `str`"),
        (song(forbid=[""]), "labels.SONG.forbid[0]: Expected `str` of length >= 1"),
        (song(min_words=3, max_words=2), "labels.SONG: min_words is more than max_words"),
        ({"exclusive": [["SONG", "SONG"]]}, "exclusive: expected lists of two or more different"),
        ({"exclusive": [["A", "B"], "SONG"]}, "rules: exclusive[1]: Expected `array`, got `str`"),
    ],
)
def test_a_mistake_is_told_with_its_key(data, message):
    with pytest.raises(CatalogNERError) as error:
        LabelRules(data)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.floats() | st.text(max_size=3),
    lambda children: (
        st.lists(children, max_size=2)
        | st.dictionaries(
            st.sampled_from(["SONG", "max_words", "forbid", "x"]), children, max_size=2
        )
    ),
    max_leaves=6,
)


@given(data=st.dictionaries(st.sampled_from(["labels", "exclusive"]), VALUE))
def test_whatever_a_file_holds_it_is_rules_or_a_mistake_of_one_line(data):
    try:
        rules = LabelRules(data)
    except CatalogNERError as err:
        assert "\n" not in str(err)
    else:
        span = Doc(NLP.vocab, words=["hey"])[0:1]
        assert isinstance(rules.find_broken(span, 0.5, Counter()), str)
