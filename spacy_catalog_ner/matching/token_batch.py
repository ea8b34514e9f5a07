"""The normalised text of some Docs, with the way back to their tokens."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from spacy.attrs import ORTH, SPACY
from spacy.tokens import Doc

from spacy_catalog_ner.catalog import Catalog
from spacy_catalog_ner.catalog.fingerprints import PREFIX, StretchHashes, in_filter
from spacy_catalog_ner.catalog.overlay import Overlay
from spacy_catalog_ner.matching.token_forms import (
    LEADING_GAP,
    MARK,
    TRAILING_GAP,
    TokenForms,
)

_ATTRIBUTES = [ORTH, SPACY]
_MAX_STRETCHES = 1 << 18  # looked at together: bounds the memory that a long text needs


class TokenBatch:
    """Tokens normalised one by one, joined by a space wherever the text has white space.

    Because a candidate starts and ends on token boundaries, the only offsets that need a way back
    to the original text are those of the tokens, whatever normalisation does to their length. A
    token that starts with a combining mark counts as a part of the token before it.

    Parameters
    ----------
    docs
        Docs of one vocab; at least one.
    forms
        Normal forms of their tokens.

    Attributes
    ----------
    text
        The normalised texts, each after a newline.
    docs
        Shape (tokens,): index of the Doc of each token. Tokens without a normal form, which are
        white space, are left out here and below.
    first, last
        Shape (tokens,): index in its Doc of each token, and of the last mark that joins it.
    starts, ends
        Shape (tokens,): offsets in `text`.
    """

    def __init__(self, docs: list[Doc], forms: TokenForms) -> None:
        rows = np.concatenate([doc.to_array(_ATTRIBUTES) for doc in docs])
        counts = [len(doc) for doc in docs]
        of_doc = np.repeat(np.arange(len(docs)), counts)
        first = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        strings = docs[0].vocab.strings
        numbers = forms.numbers(rows[:, 0].tolist(), strings)
        last = first
        space = rows[:, 1] != 0
        flags = forms.flags[numbers]
        # A mark may have no form of its own: what a normal form without diacritics leaves of it.
        gaps, kept = _gaps(flags, (forms.lengths[numbers] > 0) | (flags & MARK != 0), space, of_doc)
        marks = (flags[kept] & MARK != 0) & (gaps == 0)
        if marks.any():  # rare: put each with the token before, and begin again
            joined = np.zeros(len(rows), dtype=bool)
            joined[kept[marks]] = True
            bare = forms.lengths[numbers] == 0
            while (orphans := np.flatnonzero(joined[1:] & ~joined[:-1] & bare[:-1])).size:
                joined[orphans + 1] = False  # there is no token before that has a form
            heads = np.flatnonzero(~joined)
            tails = np.r_[heads[1:], len(rows)] - 1
            numbers = numbers[heads]
            for place in np.flatnonzero(tails > heads).tolist():
                part = rows[heads[place] : tails[place] + 1, 0].tolist()
                text = "".join(strings[key] for key in part)
                numbers[place] = forms.number_of_text(text)
            first, last, space, of_doc = first[heads], last[tails], space[tails], of_doc[heads]
        if marks.any() or not forms.lengths[numbers[kept]].all():
            gaps, kept = _gaps(forms.flags[numbers], forms.lengths[numbers] > 0, space, of_doc)
        numbers = numbers[kept]
        self.docs, self.first, self.last = of_doc[kept], first[kept], last[kept]
        parts = forms.parts
        self.text = "".join([parts[place] for place in (numbers * 3 + gaps).tolist()])
        lengths = forms.lengths[numbers]
        self.ends = np.cumsum(lengths + (gaps > 0))
        self.starts = self.ends - lengths

    def stretches(self, catalog: Catalog) -> tuple[np.ndarray, np.ndarray]:
        """Find the stretches of tokens that may read like a surface form of a catalog.

        Every stretch that does is among them, with about one in a hundred that does not.

        Returns
        -------
        tuple of numpy.ndarray
            Index of the first and of the last token of each, in no particular order.
        """
        hashes = StretchHashes(self.text)
        table, prefix_table = catalog.arrays["filter"], catalog.arrays["prefix_filter"]
        finals = np.searchsorted(self.docs, self.docs, "right")  # end of each token's Doc
        # How far a form that starts here can reach: far only where a long one begins like this.
        reach = np.minimum(self.starts + PREFIX, len(self.text))
        may_be_long = in_filter(prefix_table, hashes(self.starts, reach))
        reach = self.starts + np.where(may_be_long, catalog.max_length, PREFIX)
        counts = np.minimum(np.searchsorted(self.ends, reach, "right"), finals)
        counts = np.maximum(counts - np.arange(len(counts)), 0)
        found = []
        for chunk in _chunks(counts):
            one = np.repeat(chunk, counts[chunk])
            two = one + np.arange(len(one))
            two -= np.repeat(np.cumsum(counts[chunk]) - counts[chunk], counts[chunk])
            maybe = in_filter(table, hashes(self.starts[one], self.ends[two]))
            found.append((one[maybe], two[maybe]))
        firsts, lasts = zip(*found, strict=True)
        return np.concatenate(firsts), np.concatenate(lasts)

    def overlay_stretches(self, overlay: Overlay) -> tuple[np.ndarray, np.ndarray]:
        """Find the stretches of tokens that read like a form of an added entry.

        Returns
        -------
        tuple of numpy.ndarray
            As of `stretches`.
        """
        hits = np.array(list(overlay.stretches(self.text)), dtype=np.int64).reshape(-1, 2)
        one = np.searchsorted(self.starts, hits[:, 0])
        two = np.searchsorted(self.ends, hits[:, 1])
        inside = (one < len(self.starts)) & (two < len(self.ends))
        hits, one, two = hits[inside], one[inside], two[inside]
        exact = (self.starts[one] == hits[:, 0]) & (self.ends[two] == hits[:, 1])
        return one[exact], two[exact]


def _chunks(counts: np.ndarray) -> Iterator[np.ndarray]:
    """Yield tokens in order, together with at most about `_MAX_STRETCHES` stretches."""
    blocks = np.cumsum(counts) // _MAX_STRETCHES
    edges = np.flatnonzero(np.diff(blocks)) + 1
    yield from np.split(np.arange(len(counts)), edges)


def _gaps(
    flags: np.ndarray, solid: np.ndarray, space: np.ndarray, docs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return what stands before each token with a normal form, and the rows of these tokens.

    0 is nothing, 1 white space and 2 the beginning of a Doc.
    """
    kept = np.flatnonzero(solid)
    after = space | (flags & TRAILING_GAP != 0) | ~solid
    count = np.cumsum(after)
    before = count[kept] - after[kept]
    gaps = np.zeros(len(kept), dtype=np.int64)
    gaps[1:] = (before[1:] > before[:-1]) | (flags[kept][1:] & LEADING_GAP != 0)
    docs = docs[kept]
    gaps[1:][docs[1:] != docs[:-1]] = 2
    gaps[:1] = 2
    return gaps, kept
