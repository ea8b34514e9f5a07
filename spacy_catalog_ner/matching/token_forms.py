"""Normal forms of the tokens seen so far, with what joining them to a text needs."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Callable

import numpy as np
from spacy.strings import StringStore

LEADING_GAP = 1  # the token starts with white space, or with a character that folds to some
TRAILING_GAP = 2
MARK = 4  # it starts with a combining mark, which belongs to the token before


def token_form(text: str, normalize: Callable[[str], str]) -> tuple[str, int]:
    """Return the normal form of a token, empty for white space, and its flags."""
    form = normalize(text)
    if text.isascii() and not (text[:1].isspace() or text[-1:].isspace()):
        return form, 0
    # Folding can make white space ("\u00a8" is a space and a mark); no mark joins a digit.
    flags = LEADING_GAP * normalize(f"0{text}").startswith("0 ")
    flags |= TRAILING_GAP * normalize(f"{text}0").endswith(" 0")
    return form, flags | MARK * (_is_mark(text[:1]) or _is_mark(form[:1]))


def _is_mark(char: str) -> bool:
    """Tell whether a character joins the one before it: marks, and Hangul vowels and finals."""
    return bool(char) and (unicodedata.category(char)[0] == "M" or "\u1160" <= char <= "\u11ff")


class TokenForms:
    """Tokens by number: columns that only grow, so that threads may share them.

    Parameters
    ----------
    normalize
        Brings a token into normal form.

    Attributes
    ----------
    lengths, flags
        Length in characters of each form, 0 for white space, and its flags.
    parts
        Of number n: the form at 3n, after a space at 3n + 1, after a newline at 3n + 2.
    """

    def __init__(self, normalize: Callable[[str], str]) -> None:
        self._normalize = normalize
        self._lock = threading.Lock()
        self._numbers: dict[int | str, int] = {}
        self.lengths = np.zeros(1024, dtype=np.int64)
        self.flags = np.zeros(1024, dtype=np.uint8)
        self.parts: list[str] = []

    def __len__(self) -> int:
        return len(self._numbers)

    def numbers(self, keys: list[int], strings: StringStore) -> np.ndarray:
        """Return the number of each token.

        Parameters
        ----------
        keys
            Hashes of the tokens' texts (``token.orth``).
        strings
            Holds the texts.
        """
        known = self._numbers
        try:
            numbers = [known[key] for key in keys]
        except KeyError:
            with self._lock:
                new = [key for key in dict.fromkeys(keys) if key not in known]
                self._add(new, [strings[key] for key in new])
            numbers = [known[key] for key in keys]
        return np.array(numbers, dtype=np.int64)

    def number_of_text(self, text: str) -> int:
        """Return the number of a text that is no token by itself."""
        with self._lock:
            if text not in self._numbers:
                self._add([text], [text])
        return self._numbers[text]

    def _add(self, keys: list[int] | list[str], texts: list[str]) -> None:
        first, size = len(self._numbers), len(self._numbers) + len(keys)
        if size > len(self.lengths):
            self.lengths, self.flags = (
                np.concatenate([column, np.zeros(size, dtype=column.dtype)])
                for column in (self.lengths, self.flags)
            )
        for number, text in enumerate(texts, start=first):
            form, self.flags[number] = token_form(text, self._normalize)
            self.lengths[number] = len(form)
            self.parts += (form, f" {form}", f"\n{form}")
        # Last, so that whoever finds a number finds what belongs to it.
        self._numbers.update(zip(keys, range(first, size), strict=True))
