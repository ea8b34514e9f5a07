"""Reviewing patterns in a terminal, by key."""

from __future__ import annotations

import os
import readline
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.generation.patterns.pattern import PLACEHOLDER, Pattern
from spacy_catalog_ner.generation.review.decision import ACCEPT, IGNORE, REJECT
from spacy_catalog_ner.generation.review.keyboard import Keyboard
from spacy_catalog_ner.generation.review.review import ReviewSession

KEYS = {
    "a": ("accept", "right"),
    "r": ("reject", "left"),
    "e": ("edit", "enter"),
    "s": ("skip", "down"),
    "u": ("undo", "up"),
    "q": ("quit", "ctrl-c"),
    "?": ("help", "h"),
}
"""For each key what it does, and another key that does the same."""

_ACTIONS = {key: action for key, (action, other) in KEYS.items() for key in (key, other)}
_ACTIONS |= {"ctrl-d": "quit", "ctrl-z": "stop"}
_ANSWERS = {"accept": ACCEPT, "reject": REJECT, "skip": IGNORE}

_HELP = """\
Accept what people would really say, with each placeholder where a name of its type fits.
Reject what nobody would say, what is in the wrong language or about something else.
Edit what a small change makes acceptable: Enter takes the line, Ctrl-C leaves it as it was.
Skip what you cannot decide: it is not used, and you are not asked again.
Undo takes the last decision back, as often as you like.
Arrows: right accepts, left rejects, down skips, up undoes; Enter edits.
Every decision is saved at once: quit whenever you like, and go on with the same command."""


class ReviewTerminal:
    """Shows one pattern after the other on stderr and takes keys from stdin.

    Parameters
    ----------
    session
        What is reviewed.

    Raises
    ------
    CatalogNERError
        If stdin or stderr is no terminal.
    """

    def __init__(self, session: ReviewSession) -> None:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise CatalogNERError(
                "stdin or stderr is no terminal to review in; --export and --import review"
                " elsewhere, --only-known takes over earlier decisions and asks nothing"
            )
        self._session = session
        # stdout is for the summary
        self._console = Console(stderr=True, highlight=False)
        self._message = ""

    def run(self) -> None:
        """Review until the reviewer quits; Ctrl-C and SIGINT do so, too."""
        try:
            with Keyboard(sys.stdin.fileno()) as keyboard:
                while True:
                    self._show()
                    action = _ACTIONS.get(keyboard.read())
                    if action == "quit":
                        break
                    self._message = ""
                    self._do(action, keyboard)
        except KeyboardInterrupt:
            pass
        finally:
            self._console.print()

    def _do(self, action: str | None, keyboard: Keyboard) -> None:
        pattern = self._session.current
        if action == "undo":
            undone = self._session.undo()
            self._message = "Taken back" if undone else "Nothing to take back"
        elif action == "stop":
            with keyboard.released():
                os.kill(0, signal.SIGTSTP)  # all of its job, as the terminal would
        elif action == "help":
            self._message = _HELP
        elif pattern is None or action is None:
            return
        elif action == "edit":
            with keyboard.released():
                self._edit(pattern)
        else:
            self._session.answer(pattern, _ANSWERS[action])

    def _edit(self, pattern: Pattern) -> None:
        """Let the reviewer edit the pattern until it can be taken or is left as it was."""
        text: str | None = pattern.text
        while text is not None:
            text = _read_line(text)
            if text is None or " ".join(text.split()) in ("", pattern.text):
                self._message = "Left as it was"
                return
            try:
                self._session.answer(pattern, ACCEPT, text)
                return
            except CatalogNERError as err:
                self._print(str(err), style="red")

    def _show(self) -> None:
        counts = self._session.counts()
        self._console.clear()
        done = counts["patterns"] - counts["undecided"]
        place = min(done + 1, counts["patterns"])
        self._print(
            f"{place} of {counts['patterns']}   {counts['accepted']} accepted"
            f" ({counts['edited']} edited), {counts['rejected']} rejected,"
            f" {counts['ignored']} skipped",
            style="dim",
        )
        self._console.print()
        pattern = self._session.current
        if pattern is None:
            self._print("All patterns are decided: u takes the last decision back, q ends.")
        else:
            self._show_pattern(pattern)
        self._console.print()
        self._show_keys()
        if self._message:
            self._print(self._message, style="yellow")

    def _show_pattern(self, pattern: Pattern) -> None:
        text = Text(_printable(pattern.text), style="bold")
        text.highlight_regex(PLACEHOLDER, "bold cyan")
        self._console.print(text)
        self._console.print()
        if pattern.seed:
            self._print(f"from {pattern.seed}")
        about = [pattern.lang, pattern.source]
        if pattern.cluster is not None:
            about.append(f"cluster {pattern.cluster}")
        self._print(", ".join(about), style="dim")

    def _show_keys(self) -> None:
        text = Text()
        for key, (action, _) in KEYS.items():
            text.append(key, style="bold reverse").append(f" {action}  ")
        self._console.print(text)

    def _print(self, text: str, style: str = "") -> None:
        lines = [_printable(line) for line in text.splitlines()]
        self._console.print(Text("\n".join(lines), style=style))


def _printable(text: str) -> str:
    """Replace what would command the terminal: texts come from traffic."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _read_line(text: str) -> str | None:
    """Let the person edit a line, with `text` in it; None if it was given up."""
    readline.set_startup_hook(lambda: readline.insert_text(text))
    try:
        with _stdout_on_terminal():
            return input("> ")
    except (KeyboardInterrupt, EOFError, UnicodeDecodeError):
        return None
    finally:
        readline.set_startup_hook()


@contextmanager
def _stdout_on_terminal() -> Iterator[None]:
    """Let stdout be stderr for a while: ``input`` edits only where stdin and stdout are terminals.

    stdout may be a file that the summary goes to.
    """
    sys.stdout.flush()
    saved = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        yield
    finally:
        os.dup2(saved, sys.stdout.fileno())
        os.close(saved)
