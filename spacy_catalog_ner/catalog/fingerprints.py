"""Hashes of normal forms that NumPy computes for every stretch of a text at once.

A text is looked through for names by hashing every stretch of tokens and asking a small bit table
whether a form with that hash exists. Only the few stretches that pass are looked up in the trie,
so a false alarm costs time and never gives a wrong candidate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# An odd base has an inverse modulo 2**64, and unsigned integers wrap modulo 2**64 by themselves.
BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(BASE, -1, 2**64)
_BITS_PER_FORM = 24  # at least; with three bits set for each, one false alarm in a thousand
_CHUNK = 1 << 16  # forms hashed at once: bounds the memory of temporary arrays

PREFIX = 32
"""Longer forms have a second table, of their first so many characters: most places in a text then
need no look at stretches longer than this, whatever the longest name is."""


class Powers:
    """Powers of the base and of its inverse, in tables that grow to the longest text seen."""

    def __init__(self) -> None:
        self._tables = _powers(1 << 12)

    def upto(self, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (``BASE**i``, ``BASE**-i``), uint64, for i from 0 to at least `length`."""
        tables = self._tables
        if length >= len(tables[0]):
            tables = self._tables = _powers(2 * length)
        return tables


def _powers(count: int) -> tuple[np.ndarray, np.ndarray]:
    tables = []
    for base in (BASE, _INVERSE):
        table = np.full(count, base, dtype=np.uint64)
        table[0] = 1
        tables.append(np.cumprod(table, dtype=np.uint64))
    return tables[0], tables[1]


POWERS = Powers()


def hash_forms(forms: Sequence[str]) -> np.ndarray:
    """Hash strings: the sum of ``(code point + 1) * BASE**position``, modulo 2**64.

    Parameters
    ----------
    forms
        Strings, without lone surrogates.

    Returns
    -------
    numpy.ndarray
        Shape (forms,), uint64. The hash of "ab" is that of "a" plus ``BASE`` times that of "b".
    """
    hashes = np.zeros(len(forms), dtype=np.uint64)
    for first in range(0, len(forms), _CHUNK):
        chunk = forms[first : first + _CHUNK]
        lengths = np.fromiter(map(len, chunk), dtype=np.int64, count=len(chunk))
        points = np.frombuffer("".join(chunk).encode("utf-32-le"), dtype=np.uint32)
        if not len(points):
            continue
        starts = np.cumsum(lengths) - lengths
        positions = np.arange(len(points)) - np.repeat(starts, lengths)
        powers, _ = POWERS.upto(int(lengths.max()))
        values = (points.astype(np.uint64) + np.uint64(1)) * powers[positions]
        some = lengths > 0
        hashes[first : first + len(chunk)][some] = np.add.reduceat(values, starts[some])
    return hashes


class StretchHashes:
    """Hashes of any stretches of one text, as `hash_forms` gives them.

    The hash of a stretch is the difference of two sums over the text's beginnings, shifted back to
    position 0.

    Parameters
    ----------
    text
        A text without lone surrogates.
    """

    def __init__(self, text: str) -> None:
        points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
        powers, self._shifts = POWERS.upto(len(points))
        self._sums = np.zeros(len(points) + 1, dtype=np.uint64)
        values = (points.astype(np.uint64) + np.uint64(1)) * powers[: len(points)]
        np.cumsum(values, out=self._sums[1:])

    def __call__(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Return the hash of each stretch, uint64, given its offsets (end exclusive)."""
        result: np.ndarray = (self._sums[ends] - self._sums[starts]) * self._shifts[starts]
        return result


def build_filter(hashes: np.ndarray) -> np.ndarray:
    """Make the bit table of a set of hashes.

    Three bits of one 64-bit word for each: a Bloom filter with blocks of a word (Putze, Sanders and
    Singler, 2007, "Cache-, Hash- and Space-Efficient Bloom Filters").

    Returns
    -------
    numpy.ndarray
        uint64, a power of two long.
    """
    words = 1 << max(0, int(len(hashes) * _BITS_PER_FORM - 1).bit_length() - 6)
    table = np.zeros(words, dtype=np.uint64)
    index, mask = _places(hashes, words)
    np.bitwise_or.at(table, index, mask)
    return table


def in_filter(table: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """Tell, for each hash, whether it may be in the set (bool): False is certain."""
    index, mask = _places(hashes, len(table))
    result: np.ndarray = (table[index] & mask) == mask
    return result


def _places(hashes: np.ndarray, words: int) -> tuple[np.ndarray, np.ndarray]:
    # The low bits of a polynomial hash depend on few characters only: mix before use.
    mixed = (hashes ^ (hashes >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    mixed ^= mixed >> np.uint64(32)
    one, low = np.uint64(1), np.uint64(63)
    mask = one << (mixed & low)
    mask |= one << ((mixed >> np.uint64(6)) & low)
    mask |= one << ((mixed >> np.uint64(12)) & low)
    return ((mixed >> np.uint64(18)) & np.uint64(words - 1)).astype(np.int64), mask
