"""How far two reviewers of the same patterns agree."""

from __future__ import annotations

import json

import pytest
import test_cli
from conftest import write_rows

from spacy_catalog_ner.generation.patterns import Pattern
from spacy_catalog_ner.generation.review.decisions import Decision

cli = test_cli.cli  # the fixture

PLAY = Pattern("play <SONG> by <ARTIST>", "en")
PUT_ON = Pattern("put on some <ARTIST>", "en")
EDITED = Pattern("put on a bit of <ARTIST>", "en")
WHO = Pattern("who sings <SONG>", "en")


def write_decisions(path, *decisions):
    return write_rows(path, [decision.to_row() for decision in decisions])


@pytest.fixture
def reviewers(tmp_path):
    """Two who agree on PLAY alone; the second skipped one and knows one more."""
    more = Pattern("skip this <SONG>", "en")
    first = write_decisions(
        tmp_path / "first.jsonl",
        Decision(PLAY, "accept"),
        Decision(EDITED, "accept", original=PUT_ON.text),
        Decision(WHO, "reject"),
        Decision(WHO, "undo"),
        Decision(WHO, "reject"),
    )
    second = write_decisions(
        tmp_path / "second.jsonl",
        Decision(PLAY, "accept"),
        Decision(PUT_ON, "reject"),
        Decision(WHO, "ignore"),
        Decision(more, "accept"),
    )
    return first, second


def test_agreement_is_of_what_both_accepted_or_rejected(cli, reviewers):
    # Of two, they agree on one; p_e = 2/2 * 1/2 + 0 * 1/2 = 0.5; (0.5 - 0.5) / (1 - 0.5) = 0
    assert json.loads(cli("generate", "agreement", *reviewers).out) == {
        "patterns": 2,
        "agreement": 0.5,
        "kappa": 0.0,
        "both_accept": 1,
        "both_reject": 0,
        "edited_differently": 0,
        "ignored": 1,
        "only_a": 0,
        "only_b": 1,
        "disagreements": [
            {
                "id": PUT_ON.id,
                "pattern": PUT_ON.text,
                "lang": "en",
                "a": "accept",
                "b": "reject",
                "a_edited": EDITED.text,
            }
        ],
    }


def test_disagreements_can_be_written_to_a_file(cli, reviewers, tmp_path):
    output = tmp_path / "talk.jsonl"
    result = cli("generate", "agreement", *reviewers, "-o", output)
    assert "disagreements" not in json.loads(result.out)
    assert json.loads(output.read_text())["pattern"] == PUT_ON.text


def test_kappa_of_one_answer_only_is_undefined_and_says_so(cli, tmp_path):
    one = write_decisions(tmp_path / "one.jsonl", Decision(PLAY, "accept"))
    result = json.loads(cli("generate", "agreement", one, one).out)
    assert result["kappa"] is None
    assert "kappa is undefined" in result["note"]


def test_reviewers_of_different_patterns_are_told_so(cli, tmp_path):
    one = write_decisions(tmp_path / "one.jsonl", Decision(PLAY, "accept"))
    other = write_decisions(tmp_path / "other.jsonl", Decision(WHO, "accept"))
    assert "no pattern that both" in cli("generate", "agreement", one, other).error
