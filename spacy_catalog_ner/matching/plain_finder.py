"""Finds names in plain Python, where the compiled finder is not built; the tests compare the two.

A candidate starts and ends on token boundaries, so tokens are normalised one by one, and no other
offset needs a way back to the original text, whatever normalisation does to its length.
"""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import NamedTuple

from spacy.tokens import Doc, Span, SpanGroup

from spacy_catalog_ner.catalog import Snapshot
from spacy_catalog_ner.doc.record import update_record

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


class TokenForms(dict[str, tuple[str, int]]):
    """Normal forms and flags of the tokens seen so far."""

    def __init__(self, normalize: Callable[[str], str]) -> None:
        super().__init__()
        self._normalize = normalize

    def __missing__(self, text: str) -> tuple[str, int]:
        self[text] = found = token_form(text, self._normalize)
        return found


class _Unit(NamedTuple):
    """A token with the marks that follow it."""

    first: int
    last: int
    form: str
    gap: bool  # white space comes before it


class SpanFinder:
    """Finds the spans of Docs that a snapshot of a catalog has names for.

    Parameters
    ----------
    snapshot
        The names.
    forms
        Normal forms of tokens, in the snapshot's normalisation.
    spans_key
        The group of ``doc.spans`` to write.
    drop_nested
        Leave out candidates within a longer candidate of the same label.
    """

    batch_size = 16

    def __init__(
        self, snapshot: Snapshot, forms: TokenForms, spans_key: str, drop_nested: bool
    ) -> None:
        _warn_that_it_is_slow()
        self.snapshot = snapshot
        self.forms = forms
        self._spans_key = spans_key
        self._drop_nested = drop_nested

    def annotate(self, docs: Iterable[Doc]) -> None:
        """Write the candidates of each Doc, by start, the longest first, and their number."""
        for doc in docs:
            spans = list(self._find(doc))
            doc.spans[self._spans_key] = SpanGroup(doc, name=self._spans_key, spans=spans)
            update_record(doc, candidates=len(spans))

    def _find(self, doc: Doc) -> Iterator[Span]:
        text = ""  # in normal form, with one space for any white space
        firsts, lasts = {}, {}  # tokens by the offset in this text where they start and end
        for unit in self._read(doc):
            text += " " * unit.gap
            firsts[len(text)] = unit.first
            text += unit.form
            lasts[len(text)] = unit.last
        found = set(self.snapshot.overlay.stretches(text))
        if (catalog := self.snapshot.catalog) is not None:
            for start in firsts:
                part = text[start : start + catalog.max_length]
                found.update((start, start + length) for length in catalog.prefixes(part))
        reach: dict[str, tuple[int, int]] = {}  # by label, the stretch so far that ends last
        for start, end in sorted(found, key=lambda stretch: (stretch[0], -stretch[1])):
            if start not in firsts or end not in lasts:
                continue
            for label, identifier in self.snapshot.candidates(text[start:end]):
                longest = reach.get(label, (0, 0))
                if self._drop_nested and longest[1] >= end and longest != (start, end):
                    continue
                reach[label] = (start, end)
                yield Span(doc, firsts[start], lasts[end] + 1, label, kb_id=identifier)

    def _read(self, doc: Doc) -> list[_Unit]:
        """Bring the tokens into normal form."""
        units: list[_Unit] = []
        gap = False
        for token in doc:
            form, flags = self.forms[token.text]
            gap = gap or bool(flags & LEADING_GAP)
            if flags & MARK and not gap and units:
                before = units.pop()
                form, flags = self.forms[doc[before.first : token.i + 1].text]
                units.append(_Unit(before.first, token.i, form, before.gap))
            elif form:
                units.append(_Unit(token.i, token.i, form, gap and bool(units)))
            else:
                gap = True
                continue
            gap = bool(token.whitespace_) or bool(flags & TRAILING_GAP)
        return units


@cache
def _warn_that_it_is_slow() -> None:
    warnings.warn(
        "catalog_matcher runs in plain Python, about ten times slower: its compiled part is not"
        " built, or for another release of spaCy; install a wheel, or a C++ compiler before"
        " spacy-catalog-ner",
        RuntimeWarning,
        stacklevel=2,
    )
