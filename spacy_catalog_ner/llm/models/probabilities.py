"""From log-probabilities of tokens to the confidence of a yes."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from spacy_catalog_ner.catalog.normalization import normalize_without_diacritics

Likely = list[tuple[str, float]]
"""The likeliest tokens at one place, each with its log-probability."""

_WORD = re.compile(r"\w+")


class Token(NamedTuple):
    """A written token, and the likeliest ones in its place, itself included."""

    text: str
    likely: Likely


def read_tokens(content: Iterable[dict[str, Any]]) -> list[Token]:
    """Read the log-probabilities of a chat completion."""
    tokens = []
    for item in content:
        likely = {
            each["token"]: float(each["logprob"])
            for each in (*(item.get("top_logprobs") or ()), item)
            if each.get("logprob") is not None
        }
        tokens.append(Token(item["token"], list(likely.items())))
    return tokens


def confidence(likely: Likely, answers: tuple[str, str], before: str = "") -> float | None:
    """Return the probability of yes against no at one place.

    Parameters
    ----------
    likely
        The likeliest tokens there, at least one. If a word is cut into several tokens, its
        beginning counts.
    answers
        The words for yes and no; case and accents do not matter.
    before
        What a token has before the answer, such as a quotation mark.

    Returns
    -------
    float, or None
        From 0 to 1; None if neither word is listed.
    """
    yes_word, no_word = map(normalize_without_diacritics, answers)
    yes = no = 0.0
    for token, log_probability in likely:
        begun = _first_word(token, before)
        is_yes, is_no = yes_word.startswith(begun), no_word.startswith(begun)
        if begun and is_yes != is_no:  # what begins both words tells nothing
            yes += is_yes * math.exp(log_probability)
            no += is_no * math.exp(log_probability)
    if not yes + no:
        return None
    # A word that is not listed is at most as probable as the last one listed, and as the rest.
    probabilities = [math.exp(log_probability) for _, log_probability in likely]
    floor = max(0.0, min(*probabilities, 1 - sum(probabilities)))
    yes, no = max(yes, floor), max(no, floor)
    return yes / (yes + no)


def _first_word(token: str, before: str) -> str:
    if not token.startswith(before):
        return ""
    found = _WORD.match(normalize_without_diacritics(token[len(before) :]))
    return found.group() if found else ""


def read_confidences(
    tokens: Sequence[Token], count: int, answers: tuple[str, str]
) -> tuple[float, ...] | None:
    """Return the confidences of ``{"1": "yes", "2": "no"}``, an answer to `count` questions.

    None unless every question has one of the two words in `answers` and its probability.
    """
    written = "".join(token.text for token in tokens)
    starts = list(accumulate((len(token.text) for token in tokens), initial=0))
    # Thoughts before the answer may hold drafts of it.
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
