"""Single key presses of a terminal."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

_NAMES = {
    "\n": "enter",
    "\r": "enter",
    "\x03": "ctrl-c",
    "\x04": "ctrl-d",
    "\x1a": "ctrl-z",
    "": "ctrl-d",  # there is no more input
}
_ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}
_ESCAPE = "\x1b"
_REST_OF_KEY = 0.05  # seconds: terminals send the sequence of an arrow key at once
_FATAL = (signal.SIGTERM, signal.SIGHUP)
_LOCAL_FLAGS = 3  # place in what tcgetattr returns


class Keyboard:
    """A terminal that gives each key as it is pressed, without Enter and without showing it.

    A context: at its end, however it comes about short of ``kill -9``, the terminal is as it was.

    Parameters
    ----------
    descriptor
        File descriptor of the terminal.
    """

    def __init__(self, descriptor: int = 0) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> Keyboard:
        self._saved = termios.tcgetattr(self._descriptor)
        self._handlers = {number: signal.signal(number, _exit) for number in _FATAL}
        self._take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._give_back()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def read(self) -> str:
        """Wait for a key and return it: a character, ``"up"``, ``"enter"``, ``"ctrl-c"`` ..."""
        char = self._read_char()
        if char == _ESCAPE:
            return self._read_escape()
        return _NAMES.get(char, char)

    @contextmanager
    def released(self) -> Iterator[None]:
        """Give the terminal back for a while, as to edit a line or to stop the process."""
        self._give_back()
        try:
            yield
        finally:
            self._take()

    def _take(self) -> None:
        mode = termios.tcgetattr(self._descriptor)
        mode[_LOCAL_FLAGS] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
        # Not TCSAFLUSH: what was typed ahead is not lost
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, mode)

    def _give_back(self) -> None:
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._saved)

    def _read_char(self) -> str:
        try:
            return os.read(self._descriptor, 1).decode("latin1")
        except OSError:  # the terminal is gone
            return ""

    def _read_escape(self) -> str:
        """Read on after an escape: ``ESC [ A`` or ``ESC O A`` is an arrow, and anything else none.

        A sequence ends with a letter or a tilde; all of it is read, so that no part of it is taken
        for a key of its own.
        """
        sequence = ""
        while select.select([self._descriptor], [], [], _REST_OF_KEY)[0]:
            char = self._read_char()
            sequence += char
            if not char or (len(sequence) > 1 and (char.isalpha() or char == "~")):
                break
        return _ARROWS.get(sequence[1:], "escape") if sequence[:1] in ("[", "O") else "escape"


def _exit(number: int, frame: FrameType | None) -> None:
    """End as the signal would, but by way of an exception, which restores the terminal."""
    sys.exit(128 + number)
