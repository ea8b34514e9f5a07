"""Reviewing patterns: what comes next, what an edit may be, and what was decided before."""

from __future__ import annotations

import json

import pytest
import test_cli
import test_decisions
from conftest import write_rows
from test_decisions import PATTERNS, PLAY, PUT_ON, WHO, rows, used, write_decisions

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.generation.patterns import Pattern
from spacy_catalog_ner.generation.review.decisions import Decision
from spacy_catalog_ner.generation.review.session import ReviewSession

cli, log, path, session = (
    test_cli.cli,
    test_decisions.log,
    test_decisions.path,
    test_decisions.session,
)


# The session


def test_patterns_are_asked_in_their_order_until_all_are_decided(session):
    asked = []
    while session.current is not None:
        asked.append(session.current)
        session.answer(session.current, "reject")
    assert asked == PATTERNS


def test_counts_are_of_the_patterns_of_this_file(log):
    log.add(Decision(Pattern("another <FILE>", "en"), "accept"))
    session = ReviewSession(PATTERNS, log)
    session.answer(PLAY, "accept", "play <SONG> by <ARTIST> now")
    session.answer(PUT_ON, "ignore")
    assert session.counts() == {
        "patterns": 3,
        "accepted": 1,
        "edited": 1,
        "rejected": 0,
        "ignored": 1,
        "undecided": 1,
    }


def test_nothing_is_taken_back_of_other_files(log):
    log.add(Decision(Pattern("another <FILE>", "en"), "accept"))
    assert ReviewSession(PATTERNS, log).undo() is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("play <SONG> in <CITY>", "unknown label <CITY>; known are ARTIST, SONG"),
        ("play <SONG> by <artist>", "unknown label <artist>"),
        ("play <SONG by <ARTIST>", "a < or > that is not part of a <LABEL>"),
        ("play <the song>", "a < or > that is not part"),
        ("play something", "expected words and a <LABEL>"),
        ("<SONG> <ARTIST>!", "expected words and a <LABEL>"),
        ("Who sings <SONG>", "is a pattern already"),
        ("play <SONG> \ud800", "half a surrogate pair"),
    ],
)
def test_an_edited_text_that_is_no_pattern_of_its_own_is_refused(session, path, text, reason):
    with pytest.raises(CatalogNERError, match=reason):
        session.answer(PLAY, "accept", text)
    assert session.current == PLAY
    assert rows(path) == []


def test_two_patterns_are_not_edited_into_the_same(session):
    session.answer(PLAY, "accept", "play some <ARTIST>")
    with pytest.raises(CatalogNERError, match="is a pattern already"):
        session.answer(PUT_ON, "accept", "play some <ARTIST>")


def test_the_case_of_a_pattern_can_be_edited(session, path):
    session.answer(WHO, "accept", "Who sings <SONG>")
    assert used(path) == ["Who sings <SONG>"]
    assert session.counts()["edited"] == 1


def test_labels_that_are_given_may_be_edited_in(log):
    session = ReviewSession(PATTERNS, log, labels={"SONG", "CITY"})
    session.answer(PLAY, "accept", "play <SONG> in <CITY>")
    assert session.counts()["edited"] == 1


# What was decided before


@pytest.fixture
def patterns(tmp_path):
    return write_rows(tmp_path / "patterns.jsonl", [pattern.to_row() for pattern in PATTERNS])


EDITED = Pattern("put on a bit of <ARTIST>", "en", source="llm")


@pytest.fixture
def earlier(tmp_path):
    return write_decisions(
        tmp_path / "earlier.jsonl",
        Decision(PLAY, "reject", "ana"),
        Decision(EDITED, "accept", "ana", original=PUT_ON.text),
        Decision(WHO, "ignore", "ana"),
        Decision(Pattern("not in this <FILE>", "en"), "accept"),
    )


def test_what_is_known_is_taken_over_and_nothing_is_asked(cli, patterns, path, earlier):
    result = cli("generate", "review", patterns, "-o", path, "--decisions", earlier, "--only-known")
    assert json.loads(result.out) == {
        "patterns": 3,
        "accepted": 1,
        "edited": 1,
        "rejected": 1,
        "ignored": 0,
        "undecided": 1,
        "taken_over": 2,
        "problems": {},
    }
    assert used(path) == [EDITED.text]
    assert rows(path)[1]["reviewer"] == "ana"
    assert rows(path)[1]["taken_from"] == "earlier.jsonl"


def test_to_take_over_again_changes_nothing(cli, patterns, path, earlier):
    arguments = ("generate", "review", patterns, "-o", path, "--decisions", earlier, "--only-known")
    cli(*arguments)
    before = path.read_bytes()
    cli(*arguments)
    assert path.read_bytes() == before


def test_what_a_pattern_was_edited_into_is_known_too(log):
    session = ReviewSession([EDITED], log)
    asked = Decision(EDITED, "accept", original=PUT_ON.text)
    assert session.take_over({"earlier.jsonl": {PUT_ON.id: asked}}) == 1
    assert log.latest[EDITED.id].pattern == EDITED


def test_of_several_earlier_files_the_last_counts(log):
    session = ReviewSession(PATTERNS, log)
    session.take_over(
        {"a": {PLAY.id: Decision(PLAY, "accept")}, "b": {PLAY.id: Decision(PLAY, "reject")}}
    )
    assert log.latest[PLAY.id].answer == "reject"


def test_taking_over_again_follows_the_earlier_file_and_never_the_reviewer(log):
    session = ReviewSession(PATTERNS, log)
    session.answer(PLAY, "accept")
    earlier = {one.id: Decision(one, "reject") for one in PATTERNS}
    session.take_over({"earlier": earlier})
    changed = {PLAY.id: earlier[PLAY.id], WHO.id: Decision(WHO, "accept")}
    assert session.take_over({"earlier": changed}) == 1
    answers = {key: decision.answer for key, decision in log.latest.items()}
    assert answers == {PLAY.id: "accept", WHO.id: "accept"}


def test_what_was_taken_over_is_left_out_once_its_pattern_is_gone(log):
    known = {"earlier": {one.id: Decision(one, "accept") for one in PATTERNS}}
    ReviewSession(PATTERNS, log).take_over(known)
    ReviewSession([PLAY], log).take_over(known)
    assert list(log.latest) == [PLAY.id]


# The command


def test_without_a_terminal_the_other_ways_are_named(cli, patterns, path):
    result = cli("generate", "review", patterns, "-o", path)
    assert "is no terminal" in result.error
    assert "--export" in result.error
    assert "--only-known" in result.error


def test_decisions_are_not_written_over_their_own_input(cli, patterns):
    before = patterns.read_bytes()
    assert "given twice" in cli("generate", "review", patterns, "-o", patterns).error
    assert patterns.read_bytes() == before


def test_tasks_are_not_written_over_the_patterns(cli, patterns, path):
    before = patterns.read_bytes()
    result = cli("generate", "review", patterns, "-o", path, "--export", patterns)
    assert "given twice" in result.error
    assert patterns.read_bytes() == before


def test_broken_patterns_are_counted_and_the_others_reviewed(cli, patterns, path):
    with patterns.open("a") as stream:
        stream.write('{"pattern": ""}\n')
    result = cli("generate", "review", patterns, "-o", path, "--only-known")
    assert json.loads(result.out)["problems"] == {"broken row": 1}
    assert f"{patterns}:4:" in result.err
