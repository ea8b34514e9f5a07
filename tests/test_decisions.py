"""The log of decisions, whatever ends a session, and how far two reviewers agree."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
import test_cli
from conftest import write_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.generation.patterns import Pattern
from spacy_catalog_ner.generation.review.decisions import Decision, DecisionLog, read_patterns
from spacy_catalog_ner.generation.review.session import ReviewSession

cli = test_cli.cli  # the fixture

PLAY = Pattern("play <SONG> by <ARTIST>", "en", seed="play hello by adele", cluster=3)
PUT_ON = Pattern("put on some <ARTIST>", "en", source="llm")
WHO = Pattern("who sings <SONG>", "en")
PATTERNS = [PLAY, PUT_ON, WHO]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "decisions.jsonl"


@pytest.fixture
def log(path):
    with DecisionLog(path, Problems()) as decisions:
        yield decisions


@pytest.fixture
def session(log):
    return ReviewSession(PATTERNS, log, reviewer="ana")


def rows(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def used(path) -> list[str]:
    """What `generate populate` uses of decisions."""
    return [pattern.text for pattern in read_patterns(path, Problems())[0]]


def test_a_decision_is_the_row_of_its_pattern_with_the_answer(session, path):
    session.answer(PLAY, "accept")
    assert rows(path) == [{**PLAY.to_row(), "answer": "accept", "reviewer": "ana"}]


def test_an_edited_pattern_knows_what_it_was(session, path):
    session.answer(PLAY, "accept", "play <SONG>  by <ARTIST> now")
    edited = Pattern("play <SONG> by <ARTIST> now", "en", seed=PLAY.seed, cluster=3)
    original = {"id": PLAY.id, "pattern": PLAY.text}
    assert rows(path) == [
        {**edited.to_row(), "answer": "accept", "original": original, "reviewer": "ana"}
    ]
    assert Decision.from_row(rows(path)[0]).asked_id == PLAY.id


def test_what_is_taken_back_stays_in_the_log_and_counts_no_more(session, path):
    session.answer(PLAY, "accept", "play <SONG> by <ARTIST> now")
    session.answer(PUT_ON, "accept")
    session.undo()
    assert session.undo() == session.current == PLAY
    assert [row["answer"] for row in rows(path)] == ["accept", "accept", "undo", "undo"]
    assert used(path) == []


def test_of_several_decisions_about_a_pattern_the_last_counts(session, path):
    session.answer(PLAY, "accept")
    session.answer(PLAY, "accept", "play <SONG> by <ARTIST> now")
    assert used(path) == ["play <SONG> by <ARTIST> now"]
    session.answer(PLAY, "reject")
    assert used(path) == []


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_row_that_was_half_written_is_cut_off_and_reported(path, cut):
    with DecisionLog(path, Problems()) as log:
        log.add(Decision(PLAY, "accept"))
        whole = path.read_bytes()
        log.add(Decision(Pattern("¿quién canta <SONG>?", "es"), "reject"))
    path.write_bytes(path.read_bytes()[: len(whole) + cut])
    problems = Problems()
    with DecisionLog(path, problems) as log:
        assert list(log.latest) == [PLAY.id]
    assert path.read_bytes() == whole
    assert problems.messages == [
        f"{path}:2: only part of a row, as of a session that was killed; cut off"
    ]


def test_a_last_row_without_a_newline_is_kept(path):
    path.write_text(json.dumps(Decision(PLAY, "accept").to_row()))
    problems = Problems()
    with DecisionLog(path, problems) as log:
        log.add(Decision(WHO, "reject"))
    assert len(problems) == 0
    assert [row["answer"] for row in rows(path)] == ["accept", "reject"]


def test_a_broken_row_is_reported_and_the_others_count(path):
    path.write_text('{"pattern": 3}\n' + json.dumps(Decision(PLAY, "accept").to_row()) + "\n")
    problems = Problems()
    with DecisionLog(path, problems) as log:
        assert list(log.latest) == [PLAY.id]
    assert problems.counts == {"broken row": 1}
    assert len(path.read_text().splitlines()) == 2


@pytest.mark.parametrize("content", ['{"pattern": "play <SONG>", "lang": "en"}\n', "a note"])
def test_a_file_of_something_else_is_not_written_into(path, content):
    path.write_text(content)
    with pytest.raises(CatalogNERError, match="name another one"):
        DecisionLog(path, Problems())
    assert path.read_text() == content


def test_only_one_session_at_a_time_has_the_log(path, log):
    with pytest.raises(CatalogNERError, match=r"decisions\.jsonl: another session is writing it"):
        DecisionLog(path, Problems())
    log.close()
    DecisionLog(path, Problems()).close()


def test_what_a_full_disk_did_not_take_leaves_no_trace(path, log, monkeypatch):
    log.add(Decision(PLAY, "accept"))

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        log.add(Decision(WHO, "accept"))
    assert list(log.latest) == [PLAY.id]
    assert len(rows(path)) == 1


ACTIONS = st.sampled_from(["accept", "reject", "ignore", "edit", "undo"])


@settings(max_examples=60, deadline=None)
@given(actions=st.lists(st.tuples(ACTIONS, st.booleans()), max_size=12))
def test_to_close_and_open_it_at_any_point_changes_nothing(actions):
    """The second log is closed and opened where the boolean says so."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("one.jsonl", "other.jsonl")]
        logs = [DecisionLog(path, Problems()) for path in paths]
        for action, reopen in actions:
            if reopen:
                logs[1].close()
                logs[1] = DecisionLog(paths[1], Problems())
            states = []
            for log in logs:
                session = ReviewSession(PATTERNS, log, reviewer="ana")
                act(session, action)
                states.append((session.current, session.counts(), list(log.latest.items())))
            assert states[0] == states[1]
        for log in logs:
            log.close()
        assert paths[0].read_bytes() == paths[1].read_bytes()
        accepted = [one.pattern.text for one in log.latest.values() if one.answer == "accept"]
        assert used(paths[0]) == accepted


def act(session, action):
    if action == "undo":
        session.undo()
    elif session.current is not None and action == "edit":
        session.answer(session.current, "accept", f"{session.current.text} please")
    elif session.current is not None:
        session.answer(session.current, action)


# Agreement of two reviewers

EDITED = Pattern("put on a bit of <ARTIST>", "en")


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
