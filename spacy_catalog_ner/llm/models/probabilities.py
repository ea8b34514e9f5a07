"""From log-probabilities of tokens to the confidence of a yes."""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from spacy_catalog_ner.catalog.normalization import normalize_without_diacritics

Likely = list[tuple[str, float]]
"""The likeliest tokens at one place, each with its log-probability."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Token:
    """A written token.

    Attributes
    ----------
    text
        What was written.
    likely
        What was likeliest there, what was written included.
    """

    text: str
    likely: Likely


def read_tokens(content: Iterable[dict[str, Any]]) -> list[Token]:
    """Read the log-probabilities that chat completions give, as all servers write them."""
    return [_read_token(item) for item in content]


def _read_token(item: dict[str, Any]) -> Token:
    likely = {
        each["token"]: float(each["logprob"])
        for each in (*(item.get("top_logprobs") or ()), item)
        if each.get("logprob") is not None
    }
    return Token(item["token"], list(likely.items()))


def confidence(likely: Likely, answers: tuple[str, str], before: str = "") -> float | None:
    """Return the probability of yes against no at one place.

    Parameters
    ----------
    likely
        The likeliest tokens there, at least one. A word may be cut into several tokens: then its
        beginning counts.
    answers
        The words for yes and no; neither case nor accents matter.
    before
        What a token that begins the answer has before it, such as a quotation mark.

    Returns
    -------
    float, or None
        From 0 to 1; None if both words are too improbable for either to be listed.
    """
    yes_word, no_word = map(normalize_without_diacritics, answers)
    yes = no = 0.0
    for token, log_probability in likely:
        begun = _begun_word(token, before)
        # What begins both words tells nothing.
        if begun and yes_word.startswith(begun) != no_word.startswith(begun):
            if yes_word.startswith(begun):
                yes += math.exp(log_probability)
            else:
                no += math.exp(log_probability)
    if not yes + no:
        return None
    # What is not among the likeliest is at most as probable as the last of them, and as the rest.
    probabilities = [math.exp(log_probability) for _, log_probability in likely]
    floor = max(0.0, min(*probabilities, 1 - sum(probabilities)))
    yes, no = max(yes, floor), max(no, floor)
    return yes / (yes + no)


def _begun_word(token: str, before: str) -> str:
    if not token.startswith(before):
        return ""
    found = _WORD.match(normalize_without_diacritics(token[len(before) :]))
    return found.group() if found else ""


def read_confidences(
    tokens: Sequence[Token], count: int, answers: tuple[str, str]
) -> tuple[float, ...] | None:
    """Return the confidence of every verdict in ``{"1": "yes", "2": "no"}``.

    Parameters
    ----------
    tokens
        The written answer.
    count
        Number of questions.
    answers
        The words for yes and no.

    Returns
    -------
    tuple of float, or None
        None unless every question has one of the two words and its probability.
    """
    written = "".join(token.text for token in tokens)
    starts = list(accumulate((len(token.text) for token in tokens), initial=0))
    # What a model thinks aloud before its answer holds drafts of it.
    answer_start = written.rfind("</think>") + 1
    confidences: list[float] = []
    for number in range(1, count + 1):
        pattern = re.compile(rf'"{number}"\s*:\s*"({answers[0]}|{answers[1]})"', re.I)
        value = pattern.search(written, answer_start)
        if value is None:
            return None
        place = bisect_right(starts, value.start(1)) - 1
        if not tokens[place].likely:
            return None
        before = written[starts[place] : value.start(1)]
        found = confidence(tokens[place].likely, answers, before)
        if found is None:
            return None
        confidences.append(found)
    return tuple(confidences)


def write_verdicts(words: Iterable[str]) -> str:
    """Return the written form of verdicts, for a server that gives words and no probabilities."""
    return json.dumps({str(number): word for number, word in enumerate(words, start=1)})
