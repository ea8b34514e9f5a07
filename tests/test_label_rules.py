"""Label rules: what a rules file says, and how its mistakes are told."""

from __future__ import annotations

import json
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
    rules: dict, text: str, label: str = "SONG", confidence=None, accepted: str = ""
) -> str:
    """Check a span that is all of a text; `accepted` has the labels of better spans."""
    doc = Doc(NLP.vocab, words=text.split())
    span = Span(doc, 0, len(doc), label)
    return LabelRules(rules).find_broken(span, confidence, Counter(accepted.split()))


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
    assert find_broken(song(max_per_text=2), "hey", accepted="SONG ALBUM ALBUM") == ""
    assert find_broken(song(max_per_text=2), "hey", accepted="SONG SONG") == "SONG.max_per_text"


def test_of_exclusive_labels_a_text_has_one():
    rules = {"exclusive": [["SONG", "ALBUM"], ["SONG", "MOVIE", "BOOK"]]}
    assert find_broken(rules, "hey", accepted="SONG CITY") == ""
    assert find_broken(rules, "hey", accepted="ALBUM") == "exclusive"
    assert find_broken(rules, "hey", accepted="BOOK") == "exclusive"
    assert find_broken(rules, "hey", label="ALBUM", accepted="MOVIE") == ""


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
        ([1], "rules: expected keys labels, exclusive, got [1]"),
        ({"label": {}}, "rules: unknown key 'label', expected labels, exclusive"),
        ({"labels": ["SONG"]}, "rules: labels: expected keys labels, got ['SONG']"),
        ({"labels": {False: {}}}, "rules: labels: unknown key False, expected labels"),
        ({"labels": {"SONG": 3}}, "rules: labels.SONG: expected keys min_words, max_words,"),
        (song(max_word=3), "rules: labels.SONG: unknown key 'max_word', expected min_words, max_"),
        (song(max_words=0), "rules: labels.SONG.max_words: expected a whole number of at least 1"),
        (song(max_words=True), "labels.SONG.max_words: expected a whole number of at least 1"),
        (song(max_per_text=1.5), "labels.SONG.max_per_text: expected a whole number of at least 1"),
        (song(min_confidence=60), "labels.SONG.min_confidence: expected a number from 0 to 1, got"),
        (song(forbid="it"), "labels.SONG.forbid: expected a list of texts, got 'it'"),
        (song(min_words=3, max_words=2), "labels.SONG: min_words is more than max_words"),
        ({"exclusive": "SONG"}, "rules: exclusive: expected a list of lists of labels, got 'SONG'"),
        ({"exclusive": [["SONG", "SONG"]]}, "exclusive: expected a list of two or more labels at"),
        ({"exclusive": [["A", "B"], "SONG"]}, "labels at place 2, got 'SONG'"),
    ],
)
def test_a_mistake_is_told_with_its_key(data, message):
    with pytest.raises(CatalogNERError) as error:
        LabelRules(data)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_yaml_is_one_line(tmp_path):
    (tmp_path / "rules.yml").write_text("labels: [", encoding="utf8")
    with pytest.raises(CatalogNERError, match=r"rules\.yml: not YAML") as error:
        LabelRules.read(tmp_path / "rules.yml")
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CatalogNERError, match=r"rules\.yml: no such file, expected label rules"):
        LabelRules.read(tmp_path / "rules.yml")


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
