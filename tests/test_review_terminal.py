"""A reviewer's session in a terminal, driven by key presses."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from contextlib import suppress

import pytest
from conftest import REPOSITORY, write_rows

from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.generation.review.decisions import read_patterns

PATTERNS = [
    {"pattern": "play <SONG> by <ARTIST>", "lang": "en", "seed": "play hello by adele"},
    {"pattern": "put on some <ARTIST>", "lang": "en", "cluster": 17, "source": "llm"},
    {"pattern": "who sings <SONG>", "lang": "en"},
    {"pattern": "add <SONG> to my list", "lang": "en"},
]
RIGHT, LEFT, UP, DOWN = "\x1b[C", "\x1b[D", "\x1b[A", "\x1b[B"
CTRL_C, CTRL_D, CTRL_U = "\x03", "\x04", "\x15"
SECONDS = 30
_COMMANDS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>]")


def _begin_session() -> None:
    """Take the terminal, and Ctrl-C as terminals have it: shells ignore it in the background."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """A terminal with a ``catalog-ner generate review`` in it, whose stdout goes to a file."""

    def __init__(self, folder, *options, columns=80):
        self.master, self.slave = pty.openpty()
        size = struct.pack("HHHH", 24, columns, 0, 0)
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, size)
        self.before = termios.tcgetattr(self.slave)
        self.summary = folder / "summary.json"
        self.seen = ""
        arguments = ["generate", "review", "patterns.jsonl", "-o", "decisions.jsonl", *options]
        environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
        environment |= {"TERM": "xterm", "PYTHONPATH": str(REPOSITORY), "INPUTRC": os.devnull}
        with self.summary.open("wb") as stdout:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "spacy_catalog_ner.cli.main", *arguments],
                cwd=folder,
                env=environment,
                stdin=self.slave,
                stdout=stdout,
                stderr=self.slave,
                start_new_session=True,
                preexec_fn=_begin_session,
            )

    def press(self, keys, then) -> str:
        """Press keys and return what is shown up to the text that is waited for."""
        os.write(self.master, keys.encode("utf8"))
        return self.wait_for(then)

    def wait_for(self, text) -> str:
        end = time.monotonic() + SECONDS
        while text not in self.seen:
            assert time.monotonic() < end, f"{text!r} does not come after {self.seen!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                shown = os.read(self.master, 65536).decode("utf8", "replace")
                self.seen = _COMMANDS.sub("", self.seen + shown).replace("\r", "")
        shown, _, self.seen = self.seen.partition(text)
        return shown + text

    def end(self, keys="") -> int:
        """Press keys that end it and return the exit code; the terminal is as it was."""
        os.write(self.master, keys.encode("utf8"))
        code = self.process.wait(SECONDS)
        assert termios.tcgetattr(self.slave) == self.before
        return code

    def close(self):
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def folder(tmp_path):
    write_rows(tmp_path / "patterns.jsonl", PATTERNS)
    return tmp_path


@pytest.fixture
def review(folder):
    """Start a review; several one after the other go on with each other's decisions."""
    terminals = []

    def start(*options, **settings) -> Terminal:
        terminals.append(Terminal(folder, *options, **settings))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()


def log(folder) -> list[tuple[str, str]]:
    lines = (folder / "decisions.jsonl").read_text(encoding="utf8").splitlines()
    return [(row["pattern"], row["answer"]) for row in map(json.loads, lines)]


def accepted(folder) -> list[str]:
    patterns, unreviewed = read_patterns(folder / "decisions.jsonl", Problems())
    assert unreviewed == 0
    return [pattern.text for pattern in patterns]


def test_a_reviewer_accepts_rejects_edits_skips_takes_back_and_quits(folder, review):
    terminal = review("--reviewer", "ana")
    shown = terminal.wait_for("? help")
    assert "1 of 4" in shown
    assert "play <SONG> by <ARTIST>" in shown
    assert "from play hello by adele" in shown

    assert "en, llm, cluster 17" in terminal.press("a", then="? help")
    assert "1 accepted (0 edited), 1 rejected" in terminal.press("r", then="? help")
    terminal.press("e", then="> who sings <SONG>")
    shown = terminal.press(" now\n", then="? help")
    assert "2 accepted (1 edited)" in shown
    assert "add <SONG> to my list" in shown
    assert "All patterns are decided" in terminal.press("s", then="? help")
    assert "add <SONG> to my list" in terminal.press("u", then="Taken back")
    assert terminal.end("q") == 0

    assert json.loads(terminal.summary.read_text()) == {
        "patterns": 4,
        "accepted": 2,
        "edited": 1,
        "rejected": 1,
        "ignored": 0,
        "undecided": 1,
        "problems": {},
    }
    assert log(folder) == [
        ("play <SONG> by <ARTIST>", "accept"),
        ("put on some <ARTIST>", "reject"),
        ("who sings <SONG> now", "accept"),
        ("add <SONG> to my list", "ignore"),
        ("add <SONG> to my list", "undo"),
    ]
    assert accepted(folder) == ["play <SONG> by <ARTIST>", "who sings <SONG> now"]


def test_the_next_session_goes_on_where_the_last_one_ended(folder, review):
    first = review()
    first.wait_for("1 of 4")
    first.press("ar", then="3 of 4")
    first.end("q")
    second = review()
    assert "who sings <SONG>" in second.wait_for("? help")
    assert "put on some <ARTIST>" in second.press("u", then="Taken back")
    assert second.end("q") == 0
    assert log(folder)[-1] == ("put on some <ARTIST>", "undo")


def test_a_session_that_is_killed_loses_nothing(folder, review):
    terminal = review()
    terminal.wait_for("1 of 4")
    terminal.press("a", then="2 of 4")
    terminal.press("e", then="> put on some <ARTIST>")
    terminal.press(" please\n", then="3 of 4")
    terminal.process.kill()
    terminal.process.wait()
    with (folder / "decisions.jsonl").open("a") as stream:
        stream.write('{"id": "12')  # as if it had been killed while it was writing
    terminal = review()
    shown = terminal.wait_for("? help")
    assert "3 of 4   2 accepted (1 edited), 0 rejected" in shown
    terminal.press("a", then="4 of 4")
    assert terminal.end("q") == 0
    assert "decisions.jsonl:3: only part of a row" in terminal.wait_for("1 torn row")
    assert accepted(folder) == [
        "play <SONG> by <ARTIST>",
        "put on some <ARTIST> please",
        "who sings <SONG>",
    ]


def test_arrows_do_what_the_letters_do(folder, review):
    terminal = review()
    terminal.wait_for("1 of 4")
    terminal.press(RIGHT + LEFT + DOWN + UP + RIGHT, then="4 of 4")
    terminal.end(CTRL_D)
    answers = [answer for _, answer in log(folder)]
    assert answers == ["accept", "reject", "ignore", "undo", "accept"]


def test_other_keys_do_nothing(folder, review):
    terminal = review()
    terminal.wait_for("? help")
    delete, f5, alt_a, accent = "\x1b[3~", "\x1b[15~", "\x1ba", "é"
    terminal.press(delete + f5 + accent + "x" + alt_a, then="? help")
    time.sleep(0.1)
    terminal.press("?", then="Every decision is saved at once")
    terminal.end("q")
    assert log(folder) == []


def test_an_edit_that_cannot_be_taken_is_told_why_and_asked_again(folder, review):
    terminal = review()
    terminal.wait_for("? help")
    terminal.press("e", then="> play <SONG> by <ARTIST>")
    terminal.press(" in <CITY>\n", then="unknown label <CITY>; known are ARTIST, SONG")
    terminal.wait_for("> play <SONG> by <ARTIST> in <CITY>")
    terminal.press(f"{CTRL_U}que suene <SONG>, ¿vale?\n", then="2 of 4")
    terminal.end("q")
    assert accepted(folder) == ["que suene <SONG>, ¿vale?"]


@pytest.mark.parametrize("keys", [CTRL_C, "\n"])
def test_an_edit_can_be_given_up(folder, review, keys):
    terminal = review()
    terminal.wait_for("? help")
    terminal.press("e", then="> play <SONG> by <ARTIST>")
    time.sleep(1)  # readline shows the line before it reads: a Ctrl-C in between is lost
    assert "1 of 4" in terminal.press(keys, then="Left as it was")
    terminal.end("q")
    assert log(folder) == []


def test_ctrl_c_quits(folder, review):
    terminal = review()
    terminal.wait_for("? help")
    terminal.press("a", then="? help")
    assert terminal.end(CTRL_C) == 0
    assert json.loads(terminal.summary.read_text())["accepted"] == 1


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_it_with_the_terminal_as_it_was(folder, review, number, code):
    terminal = review()
    terminal.wait_for("? help")
    terminal.press("a", then="2 of 4")
    terminal.wait_for("? help")
    terminal.process.send_signal(number)
    assert terminal.end() == code
    assert log(folder) == [("play <SONG> by <ARTIST>", "accept")]


def test_two_sessions_cannot_write_the_same_decisions(review):
    review().wait_for("? help")
    second = review()
    shown = second.wait_for("another session is writing it")
    assert "Error: decisions.jsonl" in shown
    assert second.end() == 2


def test_a_narrow_terminal_shows_all_of_a_pattern(review):
    terminal = review(columns=20)
    shown = " ".join(terminal.wait_for("help").split())
    assert "play <SONG> by <ARTIST>" in shown
    assert "r reject" in shown
    terminal.end("q")


def test_what_would_command_the_terminal_is_not_shown(folder, review):
    write_rows(folder / "patterns.jsonl", [{**PATTERNS[0], "seed": "a \x1b]0;title\x07 b\u202e"}])
    terminal = review()
    assert "from a \ufffd]0;title\ufffd b\ufffd" in terminal.wait_for("? help")
    terminal.end("q")
