"""Reviewing patterns in a terminal, by key."""

from __future__ import annotations

import os
import re
import readline
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.generation.patterns.pattern import PLACEHOLDER, Pattern
from spacy_catalog_ner.generation.review.decisions import ACCEPT, IGNORE, REJECT
from spacy_catalog_ner.generation.review.session import ReviewSession

KEYS = {
    "a": ("accept", "\x1b[C", "\x1bOC"),
    "r": ("reject", "\x1b[D", "\x1bOD"),
    "e": ("edit", "\n", "\r"),
    "s": ("skip", "\x1b[B", "\x1bOB"),
    "u": ("undo", "\x1b[A", "\x1bOA"),
    "q": ("quit", "\x03", "\x04"),
    "?": ("help", "h"),
}
"""For each key its action, and other keys that do the same: arrows, Enter, Ctrl-C, Ctrl-D."""

_ACTIONS = {key: action for letter, (action, *more) in KEYS.items() for key in (letter, *more)}
_ACTIONS |= {"\x1a": "stop"}  # Ctrl-Z
_ANSWERS = {"accept": ACCEPT, "reject": REJECT, "skip": IGNORE}
_KEY = re.compile(r"\x1b[\[O][^A-Za-z~]*[A-Za-z~]?|\x1b?.", re.DOTALL)
_READ = 1024  # bytes: more than a terminal sends for one key

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
        self._keys: list[str] = []

    def run(self) -> None:
        """Review until the reviewer quits; Ctrl-C and SIGINT do so, too."""
        self._saved = termios.tcgetattr(sys.stdin)
        # An exception, which restores the terminal
        handlers = {
            number: signal.signal(number, lambda number, frame: sys.exit(128 + number))
            for number in (signal.SIGTERM, signal.SIGHUP)
        }
        try:
            self._take_keys()
            self._show()
            while (action := _ACTIONS.get(self._read_key())) != "quit":
                self._message = ""
                self._do(action)
                self._show()
        except KeyboardInterrupt:
            pass
        finally:
            self._release_keys()
            for number, handler in handlers.items():
                signal.signal(number, handler)
            self._console.print()

    # Not click.getchar: between two keys it throws away or misreads what was typed ahead
    def _take_keys(self) -> None:
        mode = termios.tcgetattr(sys.stdin)
        mode[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, mode)

    def _release_keys(self) -> None:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._saved)

    def _read_key(self) -> str:
        if not self._keys:
            try:
                typed = os.read(sys.stdin.fileno(), _READ).decode("utf8", "replace")
            except OSError:
                typed = ""
            self._keys = _KEY.findall(typed)[::-1] or ["q"]  # nothing: the terminal is gone
        return self._keys.pop()

    def _do(self, action: str | None) -> None:
        pattern = self._session.current
        if action == "undo":
            undone = self._session.undo()
            self._message = "Taken back" if undone else "Nothing to take back"
        elif action == "stop":
            self._release_keys()
            os.kill(0, signal.SIGTSTP)  # the whole job, as the terminal would
            self._take_keys()
        elif action == "help":
            self._message = _HELP
        elif pattern is None or action is None:
            return
        elif action == "edit":
            self._release_keys()
            self._edit(pattern)
            self._take_keys()
        else:
            self._session.answer(pattern, _ANSWERS[action])

    def _edit(self, pattern: Pattern) -> None:
        """Let the reviewer edit the pattern until it is valid or left as it was."""
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
        self._print(
            f"{min(done + 1, counts['patterns'])} of {counts['patterns']}  "
            f" {counts['accepted']} accepted ({counts['edited']} edited),"
            f" {counts['rejected']} rejected, {counts['ignored']} skipped",
            style="dim",
        )
        self._console.print()
        pattern = self._session.current
        if pattern is None:
            self._print("All patterns are decided: u takes the last decision back, q ends.")
        else:
            self._show_pattern(pattern)
        keys = Text("\n")
        for key, (action, *_) in KEYS.items():
            keys.append(key, style="bold reverse").append(f" {action}  ")
        self._console.print(keys)
        if self._message:
            self._print(self._message, style="yellow")

    def _show_pattern(self, pattern: Pattern) -> None:
        text = Text(_printable(pattern.text), style="bold")
        text.highlight_regex(PLACEHOLDER, "bold cyan")
        self._console.print(text, end="\n\n")
        if pattern.seed:
            self._print(f"from {pattern.seed}")
        about = [pattern.lang, pattern.source]
        if pattern.cluster is not None:
            about.append(f"cluster {pattern.cluster}")
        self._print(", ".join(about), style="dim")

    def _print(self, text: str, style: str = "") -> None:
        lines = [_printable(line) for line in text.splitlines()]
        self._console.print(Text("\n".join(lines), style=style))


def _printable(text: str) -> str:
    """Replace control characters: texts come from traffic and could command the terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _read_line(text: str) -> str | None:
    """Let the reviewer edit a line; None if they gave up."""
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
    """Redirect stdout to stderr: ``input`` edits only where stdin and stdout are terminals."""
    sys.stdout.flush()
    saved = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        yield
    finally:
        os.dup2(saved, sys.stdout.fileno())
        os.close(saved)
