"""Normal forms of the tokens seen so far, with what finding names among them needs."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Callable
from functools import cache

import numpy as np
from spacy.strings import StringStore

from spacy_catalog_ner.catalog.normalization import get_normalizer

LEADING_GAP = 1  # the token starts with white space, or with a character that folds to some
TRAILING_GAP = 2
MARK = 4  # it starts with a combining mark, which belongs to the token before
_MAX_SIZE = 500_000  # tokens; then everything is forgotten and learned again


class Lexicon:
    """Tokens by number.

    A number is valid for the arrays and the list that `numbers` returns with it: the lexicon
    starts afresh when it has grown too large, and other threads go on with what they hold.

    Parameters
    ----------
    normalize
        Brings a token into normal form.
    """

    def __init__(self, normalize: Callable[[str], str]) -> None:
        self._normalize = normalize
        self._lock = threading.Lock()
        self._table = _Table()

    def numbers(self, keys: list[int], strings: StringStore) -> tuple[np.ndarray, _Table]:
        """Return the number of each token, and the table that the numbers are of.

        Parameters
        ----------
        keys
            Hashes of the tokens' texts (``token.orth``), of any length.
        strings
            Holds the texts.
        """
        table = self._table
        known = table.numbers
        try:
            numbers = [known[key] for key in keys]
        except KeyError:
            with self._lock:
                if len(known) > _MAX_SIZE:
                    table = self._table = _Table()
                    known = table.numbers
                new = [key for key in dict.fromkeys(keys) if key not in known]
                self._add(table, new, [strings[key] for key in new])
            numbers = [known[key] for key in keys]
        return np.array(numbers, dtype=np.int64), table

    def number_in(self, table: _Table, text: str) -> int:
        """Return the number of a text that is no token by itself, adding it where it is new."""
        if text not in table.numbers:
            with self._lock:
                self._add(table, [text], [text])
        return table.numbers[text]

    def _add(self, table: _Table, keys: list[int] | list[str], texts: list[str]) -> None:
        forms = [self._normalize(text) for text in texts]
        flags = [self._flags(text, form) for text, form in zip(texts, forms, strict=True)]
        table.extend(keys, forms, flags)

    def _flags(self, text: str, form: str) -> int:
        if text.isascii() and not (text[:1].isspace() or text[-1:].isspace()):
            return 0
        # Folding can make white space ("\u00a8" is a space and a mark); no mark joins a digit.
        flags = LEADING_GAP * self._normalize(f"0{text}").startswith("0 ")
        flags |= TRAILING_GAP * self._normalize(f"{text}0").endswith(" 0")
        return flags | MARK * (_is_mark(text[:1]) or _is_mark(form[:1]))


class _Table:
    """Columns that only grow; a number is the place in each of them."""

    def __init__(self) -> None:
        self.numbers: dict[int | str, int] = {}
        self.lengths = np.zeros(1024, dtype=np.int64)
        self.flags = np.zeros(1024, dtype=np.uint8)
        self.parts: list[
            str
        ] = []  # of number n: parts[3n], [3n + 1] after " ", [3n + 2] after "\n"

    def extend(self, keys: list[int] | list[str], forms: list[str], flags: list[int]) -> None:
        first, size = len(self.numbers), len(self.numbers) + len(keys)
        if size > len(self.lengths):
            self.lengths, self.flags = (
                np.concatenate([column, np.zeros(size, dtype=column.dtype)])
                for column in (self.lengths, self.flags)
            )
        self.lengths[first:size] = list(map(len, forms))
        self.flags[first:size] = flags
        for form in forms:
            self.parts += (form, f" {form}", f"\n{form}")
        # Last, so that whoever finds a number finds what belongs to it.
        self.numbers.update(zip(keys, range(first, size), strict=True))


def _is_mark(char: str) -> bool:
    """Tell whether a character joins the one before it: marks, and Hangul vowels and finals."""
    return bool(char) and (unicodedata.category(char)[0] == "M" or "\u1160" <= char <= "\u11ff")


@cache
def get_lexicon(normalization: str) -> Lexicon:
    """Return the lexicon of this process for a normal form."""
    return Lexicon(get_normalizer(normalization))
