"""Replacing the names of annotated utterances by others of the same label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from spacy_catalog_ner.generation.population.name_sampler import NameSampler
from spacy_catalog_ner.generation.population.names import Name, name_key
from spacy_catalog_ner.generation.population.population import join, make_span
from spacy_catalog_ner.generation.population.row_checks import RowChecker, Tokenize
from spacy_catalog_ner.wording.wording import Form, Wording

OVERLAPPING = "row with overlapping spans, kept as it is"
NOTHING_TO_REPLACE = "row without a name to replace, kept as it is"
OTHER_LANGUAGE = "row of another language, kept as it is"
NESTED = "nested span, left out"
NO_NAMES = "span of a label without names, kept as it is"
FAILED = "copy that could not be made"

_TRIES = 10

Row = dict[str, Any]
Span = dict[str, Any]


class Augmentation:
    """Makes new utterances of annotated ones, by the rules of `Population`.

    Parameters
    ----------
    names
        Names by label.
    lang
        Language of the names; rows of another are not changed.
    temper
        Power of the popularity that names are drawn by; see `NameSampler`.
    seed
        Of the draws.
    tokenize
        Gives the tokens that spans must begin and end with; see `RowChecker`.

    Attributes
    ----------
    counts
        How many rows, copies and spans there were that could not be augmented, by reason.
    replaced
        How many names were replaced.
    """

    def __init__(
        self,
        names: Mapping[str, Sequence[Name]],
        lang: str,
        *,
        temper: float = 0.5,
        seed: int = 0,
        tokenize: Tokenize | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.replaced = 0
        self._lang = lang
        self._sampler = NameSampler(names, temper, f"{seed} augment")
        self._wording = Wording(lang)
        self._checker = RowChecker(tokenize)

    def augment(self, rows: Iterable[Row], copies: int = 1) -> Iterator[Row]:
        """Yield copies of each row with other names; a row that cannot be changed once, as it is.

        Of nested spans only the outermost are replaced, and the others left out. No two copies
        have the same text, nor that of the row. ``meta.original`` is the text of the row.

        Parameters
        ----------
        rows
            Annotated rows, with spans that are sound; see `read_annotated`.
        copies
            Copies of each row.
        """
        for row in rows:
            outer = self._outermost(row)
            if outer is None:
                yield row
                continue
            texts = {row["text"].lower()}
            for _ in range(copies):
                copy = self._make_copy(row, outer, texts)
                if copy is None:
                    self.counts[FAILED] += 1
                else:
                    texts.add(copy["text"].lower())
                    yield copy

    def _outermost(self, row: Row) -> list[Span] | None:
        """Return the spans that are in no other, None where the row is to be kept as it is."""
        if str(row.get("lang") or self._lang) != self._lang:
            self.counts[OTHER_LANGUAGE] += 1
            return None
        outer: list[Span] = []
        for span in sorted(row["spans"], key=lambda span: (span["start"], -span["end"])):
            last = outer[-1] if outer else None
            if last is None or span["start"] >= last["end"]:
                outer.append(span)
            elif span["end"] > last["end"] or _same_place(span, last):
                self.counts[OVERLAPPING] += 1
                return None
        if not any(span["label"] in self._sampler.labels for span in outer):
            self.counts[NOTHING_TO_REPLACE] += 1
            return None
        self.counts[NESTED] += len(row["spans"]) - len(outer)
        self.counts[NO_NAMES] += sum(span["label"] not in self._sampler.labels for span in outer)
        return outer

    def _make_copy(self, row: Row, outer: list[Span], texts: set[str]) -> Row | None:
        text = row["text"]
        taken = [name_key(text[span["start"] : span["end"]], self._lang) for span in outer]
        # Speech recognition writes no capitals: names are to be as the rest of the utterance
        form: Form = "written" if text != text.lower() else "spoken"
        places = [
            place for place, span in enumerate(outer) if span["label"] in self._sampler.labels
        ]
        for _ in range(_TRIES):
            names = self._sampler.draw([outer[place]["label"] for place in places], taken)
            if names is None:
                return None
            copy = self._replace(row, outer, dict(zip(places, names, strict=True)), form)
            if copy is not None and copy["text"].lower() not in texts:
                self.replaced += len(names)
                return copy
        return None

    def _replace(
        self, row: Row, outer: list[Span], names: Mapping[int, Name], form: Form
    ) -> Row | None:
        """Put names in the place of spans, None if the result does not pass the checks."""
        text = row["text"]
        edges = [0, *(edge for span in outer for edge in (span["start"], span["end"])), len(text)]
        pieces = [text[start:end] for start, end in pairwise(edges)]
        literals, surfaces = pieces[::2], pieces[1::2]
        for place, name in names.items():
            literals[place] = self._wording.agree(literals[place], name.text)
            surfaces[place] = self._wording.name(name.text, form)
        made, offsets = join(literals, surfaces)
        replaced = [offsets[place] for place in names]
        if self._checker.find_fault(made, replaced, [surfaces[place] for place in names]):
            return None
        spans = [
            make_span(offset, names[place]) if place in names else _moved(outer[place], offset)
            for place, offset in enumerate(offsets)
        ]
        meta = row["meta"] if isinstance(row.get("meta"), dict) else {}
        return {
            "text": made,
            "spans": spans,
            "lang": self._lang,
            "meta": {**meta, "original": text},
        }


def _same_place(one: Span, other: Span) -> bool:
    return bool(one["start"] == other["start"] and one["end"] == other["end"])


def _moved(span: Span, offsets: tuple[int, int]) -> Span:
    """Return a span elsewhere, without what other tools count in their own units."""
    moved = {"start": offsets[0], "end": offsets[1], "label": span["label"]}
    return {**moved, "id": span["id"]} if "id" in span else moved
