"""Replacing the names of annotated utterances by others of the same label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from spacy_catalog_ner.generation.population.names import Name, NameSampler, name_key
from spacy_catalog_ner.generation.population.population import join, make_span
from spacy_catalog_ner.generation.population.row_checks import RowChecker, Tokenize
from spacy_catalog_ner.io.language import is_same_language
from spacy_catalog_ner.io.row import Row, RowSpan
from spacy_catalog_ner.wording.wording import Form, Wording

OVERLAPPING = "row with overlapping spans, kept as it is"
NOTHING_TO_REPLACE = "row without a name to replace, kept as it is"
OTHER_LANGUAGE = "row of another language, kept as it is"
NESTED = "nested span, left out"
NO_NAMES = "span of a label without names, kept as it is"
FAILED = "copy that could not be made"

_TRIES = 10


class Augmentation:
    """Makes new utterances of annotated ones, with the wording and checks of `Population`.

    See `NameSampler` for `temper` and `RowChecker` for `tokenize`. Rows of another language than
    `lang`, that of the names, are not changed.

    Attributes
    ----------
    counts
        Number of rows, copies and spans that could not be augmented, by reason.
    replaced
        Number of names replaced.
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
        """
        for row in rows:
            outer = self._outermost(row)
            if outer is None:
                yield row
                continue
            texts = {row.text.lower()}
            for _ in range(copies):
                copy = self._make_copy(row, outer, texts)
                if copy is None:
                    self.counts[FAILED] += 1
                else:
                    texts.add(copy.text.lower())
                    yield copy

    def _outermost(self, row: Row) -> list[RowSpan] | None:
        """Return the spans that are in no other, None where the row is to be kept as it is."""
        if not is_same_language(row.lang or self._lang, self._lang):
            self.counts[OTHER_LANGUAGE] += 1
            return None
        spans = row.spans or []
        outer: list[RowSpan] = []
        for span in sorted(spans, key=lambda span: (span.start, -span.end)):
            last = outer[-1] if outer else None
            if last is None or span.start >= last.end:
                outer.append(span)
            elif span.end > last.end or (span.start, span.end) == (last.start, last.end):
                self.counts[OVERLAPPING] += 1
                return None
        nameless = sum(span.label not in self._sampler.labels for span in outer)
        if nameless == len(outer):
            self.counts[NOTHING_TO_REPLACE] += 1
            return None
        self.counts[NESTED] += len(spans) - len(outer)
        self.counts[NO_NAMES] += nameless
        return outer

    def _make_copy(self, row: Row, outer: list[RowSpan], texts: set[str]) -> Row | None:
        taken = [name_key(row.text[span.start : span.end], self._lang) for span in outer]
        # Speech recognition writes no capitals: names are to be like the rest of the utterance
        form: Form = "written" if row.text != row.text.lower() else "spoken"
        numbers = [n for n, span in enumerate(outer) if span.label in self._sampler.labels]
        for _ in range(_TRIES):
            names = self._sampler.draw([outer[number].label for number in numbers], taken)
            if names is None:
                return None
            copy = self._replace(row, outer, dict(zip(numbers, names, strict=True)), form)
            if copy is not None and copy.text.lower() not in texts:
                self.replaced += len(names)
                return copy
        return None

    def _replace(
        self, row: Row, outer: list[RowSpan], names: Mapping[int, Name], form: Form
    ) -> Row | None:
        """Replace spans by names, by their number; None if the result does not pass the checks."""
        edges = [0, *(edge for span in outer for edge in (span.start, span.end)), len(row.text)]
        pieces = [row.text[start:end] for start, end in pairwise(edges)]
        literals, surfaces = pieces[::2], pieces[1::2]
        for number, name in names.items():
            literals[number] = self._wording.agree(literals[number], name.text)
            surfaces[number] = self._wording.name(name.text, form)
        text, offsets = join(literals, surfaces)
        replaced = [offsets[number] for number in names]
        if self._checker.find_fault(text, replaced, [surfaces[number] for number in names]):
            return None
        spans = [
            make_span(place, names[number]) if number in names else _move(outer[number], place)
            for number, place in enumerate(offsets)
        ]
        meta = row.keys.get("meta")
        meta = {**(meta if isinstance(meta, dict) else {}), "original": row.text}
        return Row(text, spans, {"lang": self._lang, "meta": meta})


def _move(span: RowSpan, offsets: tuple[int, int]) -> RowSpan:
    """Return a span elsewhere, without what other tools count in their own units."""
    keys = {"id": span.keys["id"]} if "id" in span.keys else {}
    return RowSpan(*offsets, span.label, keys)
