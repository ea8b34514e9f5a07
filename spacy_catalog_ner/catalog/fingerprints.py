"""Hashes of normal forms, and the small bit table that tells which hashes there are.

A text is looked through for names by hashing every stretch of tokens and asking the table whether a
form with that hash exists. Only the few stretches that pass are looked up in the trie, so a false
alarm costs time and never gives a wrong candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

BASE = 0x9E3779B97F4A7C15
_BITS_PER_FORM = 24  # at least; with three bits set for each, one false alarm in a thousand
_CHUNK = 1 << 16  # forms hashed at once: bounds the memory of temporary arrays

PREFIX = 32
"""Longer forms have a second table, of their first so many characters: most places in a text then
need no look at stretches longer than this, whatever the longest name is."""


def hash_forms(forms: Sequence[str]) -> np.ndarray:
    """Hash strings without lone surrogates, as `hash_stretches` does their code points."""
    hashes = np.zeros(len(forms), dtype=np.uint64)
    for first in range(0, len(forms), _CHUNK):
        chunk = forms[first : first + _CHUNK]
        ends = np.fromiter(map(len, chunk), dtype=np.int64, count=len(chunk)).cumsum()
        points = np.frombuffer("".join(chunk).encode("utf-32-le"), dtype=np.uint32)
        hashes[first : first + len(chunk)] = hash_stretches(points, np.r_[0, ends[:-1]], ends)
    return hashes


def hash_stretches(points: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Hash stretches of numbers: the sum of ``(number + 1) * BASE**position``, modulo 2**64.

    The hash of "ab" is that of "a" plus ``BASE`` times that of "b".

    Parameters
    ----------
    points
        Unsigned integers.
    starts, ends
        Offsets of each stretch, end exclusive.

    Returns
    -------
    numpy.ndarray
        Shape (stretches,), uint64.
    """
    hashes = np.zeros(len(starts), dtype=np.uint64)
    lengths = ends - starts
    some = lengths > 0
    if some.any():
        offsets = np.cumsum(lengths) - lengths
        positions = np.arange(lengths.sum()) - np.repeat(offsets, lengths)
        values = points[positions + np.repeat(starts, lengths)].astype(np.uint64) + np.uint64(1)
        values *= _powers(int(lengths.max()).bit_length())[positions]
        hashes[some] = np.add.reduceat(values, offsets[some])
    return hashes


@lru_cache(maxsize=4)
def _powers(bits: int) -> np.ndarray:
    """Return ``BASE**i`` modulo 2**64 for i below ``2**bits``."""
    table = np.full(1 << bits, BASE, dtype=np.uint64)
    table[0] = 1
    return np.cumprod(table, dtype=np.uint64)


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
