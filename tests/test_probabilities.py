"""From log-probabilities to confidences."""

from __future__ import annotations

import json
import math
import re
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_catalog_ner.llm.models.probabilities import (
    Token,
    confidence,
    read_confidences,
    read_tokens,
)

YES_NO = ("yes", "no")


def likely(**probabilities: float) -> list[tuple[str, float]]:
    return [(token, math.log(value)) for token, value in probabilities.items()]


def test_a_confidence_is_the_probability_of_yes_against_no():
    assert confidence(likely(yes=0.6, no=0.2, maybe=0.1), YES_NO) == pytest.approx(0.75)


def test_all_spellings_of_a_word_count_together():
    tokens = [(" yes", math.log(0.3)), ("Yes", math.log(0.3)), (" no", math.log(0.2))]
    assert confidence(tokens, YES_NO) == pytest.approx(0.75)


def test_the_beginning_of_a_word_that_is_cut_counts_as_the_word():
    assert confidence(likely(y=0.6, n=0.2), YES_NO) == pytest.approx(0.75)


def test_words_that_only_begin_like_an_answer_do_not_count():
    assert confidence(likely(yes=0.4, nothing=0.3, no=0.1), YES_NO) == pytest.approx(0.8)


def test_what_begins_both_words_does_not_count():
    assert confidence(likely(s=0.5, sí=0.3, so=0.1), ("sí", "so")) == pytest.approx(0.75)


def test_a_word_that_is_not_listed_is_at_most_as_probable_as_the_last_one_listed():
    assert confidence(likely(yes=0.5, perhaps=0.1), YES_NO) == pytest.approx(0.5 / 0.6)


def test_a_word_that_is_not_listed_is_at_most_as_probable_as_the_rest():
    assert confidence(likely(yes=0.9), YES_NO) == pytest.approx(0.9)


def test_where_neither_word_is_listed_nothing_is_known():
    assert confidence(likely(perhaps=0.5, maybe=0.1), YES_NO) is None
    assert confidence([("perhaps", 0.0)], YES_NO) is None


def test_impossible_tokens_are_no_problem():
    assert confidence([("yes", 0.0), ("no", -9999.0)], YES_NO) == 1.0


def test_tokens_without_a_log_probability_are_left_out():
    item = {"token": "yes", "logprob": -0.1, "top_logprobs": [{"token": "no", "logprob": None}]}
    assert read_tokens([item])[0].likely == [("yes", -0.1)]


def cut(text: str, sizes: list[int]) -> list[Token]:
    """Cut a text into tokens; what is written has a probability of 3/4, its contrary 1/4."""
    tokens, start = [], 0
    for size in cycle(sizes):
        part = text[start : start + size]
        if not part:
            return tokens
        tokens.append(Token(part, [(part, math.log(0.75)), (contrary(part), math.log(0.25))]))
        start += size


def contrary(part: str) -> str:
    return re.sub("ye?s?|no?", lambda found: "no" if found[0][0] == "y" else "yes", part)


@given(
    words=st.lists(st.sampled_from(YES_NO), min_size=1, max_size=12),
    indent=st.sampled_from([None, 0, 2]),
    sizes=st.lists(st.integers(1, 5), min_size=1),
)
def test_every_verdict_of_a_json_answer_finds_its_token_however_it_is_cut(words, indent, sizes):
    answer = {str(number): word for number, word in enumerate(words, start=1)}
    tokens = cut(f"Sure: {json.dumps(answer, indent=indent)}", sizes)
    found = read_confidences(tokens, len(words), YES_NO)
    assert found == pytest.approx([0.75 if word == "yes" else 0.25 for word in words])


@pytest.mark.parametrize(
    "text", ['{"1": "yes"}', '{"1": "yes", "2": "perhaps"}', '{"1": "yes", "2": "', "yes, no", ""]
)
def test_an_answer_that_lacks_a_verdict_has_no_confidences_at_all(text):
    assert read_confidences([Token(text, [(text, 0.0)])], 2, YES_NO) is None


@pytest.mark.parametrize("token", [" sí", " si", " SÍ", "Si"])
def test_accents_of_an_answer_do_not_matter(token):
    likely = [(token, math.log(0.6)), (" no", math.log(0.2))]
    assert confidence(likely, ("sí", "no")) == pytest.approx(0.75)
