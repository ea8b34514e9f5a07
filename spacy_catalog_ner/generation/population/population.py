"""Putting names into patterns: annotated utterances, each of them checked."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.generation.patterns.pattern import Pattern
from spacy_catalog_ner.generation.population.names import Name, NameSampler
from spacy_catalog_ner.generation.population.row_checks import Offsets, RowChecker, Tokenize
from spacy_catalog_ner.generation.population.speech_noise import SpeechNoise
from spacy_catalog_ner.io.row import Row, RowSpan
from spacy_catalog_ner.wording.wording import Form, Wording

DUPLICATE = "same text as another"
NO_NAMES = "no names that differ"

_TRIES = 20  # to make a new utterance of a pattern, before it is dropped


@dataclass(frozen=True)
class Style:
    """How utterances are made: see `SpeechNoise` for `noise` and `NameSampler` for `temper`."""

    form: Literal["spoken", "written", "mixed"] = "spoken"
    noise: float = 0.0
    temper: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.form not in ("spoken", "written", "mixed"):
            raise CatalogNERError(f"form: expected spoken, written or mixed, got {self.form!r}")


class Population:
    """Makes the utterances of one data set, no two with the same text, whatever the case.

    `lang` is the language of patterns and names; see `RowChecker` for `tokenize`.

    Attributes
    ----------
    dropped
        Number of utterances that did not pass the checks, by reason.
    """

    def __init__(self, lang: str, style: Style, tokenize: Tokenize | None = None) -> None:
        self.lang = lang
        self.dropped: Counter[str] = Counter()
        self._style = style
        self._wording = Wording(lang)
        self._noise = SpeechNoise(lang, style.noise)
        self._checker = RowChecker(tokenize)
        self._texts: set[str] = set()

    def populate(
        self,
        patterns: Iterable[Pattern],
        names: Mapping[str, Sequence[Name]],
        count: int,
        split: str = "",
    ) -> Iterator[Row]:
        """Yield annotated rows, balanced by pattern and label.

        In each round every pattern has a turn, those with the label that is rarest so far first,
        so that the last round, which may be cut short, helps the rare labels. Patterns with a
        label that has fewer than half the mentions of the average label have a second turn. A
        pattern without placeholders makes one utterance.

        There are fewer than `count` rows when no pattern gives a new text. The name of the `split`
        goes to ``meta``; each split has draws of its own.

        Raises
        ------
        CatalogNERError
            If a label has too few names for a pattern.
        """
        patterns = list(patterns)
        check_names(patterns, names, split)
        seed = f"{self._style.seed} {split}"
        sampler = NameSampler(names, self._style.temper, seed)
        chooser = random.Random(f"{seed} rows")
        turns = _Turns(patterns, chooser)
        made = 0
        while made < count and (waiting := turns.next_round()):
            for pattern in waiting:
                for _ in range(_TRIES):
                    row = self._make_row(pattern, sampler, chooser, split)
                    if row is not None:
                        break
                else:
                    turns.drop(pattern)
                    continue
                turns.count(pattern)
                yield row
                made += 1
                if made == count:
                    break

    def _make_row(
        self, pattern: Pattern, sampler: NameSampler, chooser: random.Random, split: str
    ) -> Row | None:
        names = sampler.draw(pattern.labels)
        if names is None:
            self.dropped[NO_NAMES] += 1
            return None
        form: Form = "written" if self._style.form == "written" else "spoken"
        if self._style.form == "mixed" and chooser.random() < 0.5:
            form = "written"
        literals = self._wording.literals(pattern.literals, [name.text for name in names], form)
        noise: list[str] = []
        if self._style.noise:
            literals, noise = self._noise(literals, chooser)
        forms = [self._wording.name(name.text, form) for name in names]
        text, spans = join(literals, forms)
        fault = self._checker.find_fault(text, spans, forms)
        key = text.lower()
        if not fault and key in self._texts:
            fault = DUPLICATE
        if fault:
            self.dropped[fault] += 1
            return None
        self._texts.add(key)
        meta = {"pattern": pattern.id, "source": pattern.source, "form": form, "noise": noise}
        if split:
            meta["split"] = split
        return Row(text, list(map(make_span, spans, names)), {"lang": self.lang, "meta": meta})


class _Turns:
    """Gives patterns in rounds, as `Population.populate` says."""

    def __init__(self, patterns: Iterable[Pattern], chooser: random.Random) -> None:
        self._patterns = list(patterns)
        chooser.shuffle(self._patterns)
        labels = (label for pattern in self._patterns for label in pattern.labels)
        self._mentions = dict.fromkeys(labels, 0)

    def next_round(self) -> list[Pattern]:
        """Return the patterns of a round in their order; none if all of them are dropped."""
        average = sum(self._mentions.values()) / max(len(self._mentions), 1)
        turns = sorted(self._patterns, key=self._rarest)  # stable: the shuffle decides on equals
        again = [p for p in turns if p.labels and self._rarest(p) < average / 2]
        return turns + again

    def count(self, pattern: Pattern) -> None:
        """Count an utterance made of a pattern."""
        for label in pattern.labels:
            self._mentions[label] += 1
        if not pattern.labels:
            self.drop(pattern)

    def drop(self, pattern: Pattern) -> None:
        """Leave a pattern out from now on."""
        self._patterns = [other for other in self._patterns if other.id != pattern.id]

    def _rarest(self, pattern: Pattern) -> int:
        return min(map(self._mentions.__getitem__, pattern.labels), default=0)


def join(literals: Sequence[str], names: Sequence[str]) -> tuple[str, list[Offsets]]:
    """Put names between literals; return the text and the offsets of each name."""
    spans: list[Offsets] = []
    pieces = [literals[0]]
    position = len(literals[0])
    for name, literal in zip(names, literals[1:], strict=True):
        end = position + len(name)
        spans.append((position, end))
        pieces += (name, literal)
        position = end + len(literal)
    return "".join(pieces), spans


def make_span(offsets: Offsets, name: Name) -> RowSpan:
    """Return the annotation of a name."""
    return RowSpan(*offsets, name.label, {"id": name.id} if name.id else {})


def check_names(
    patterns: Iterable[Pattern], names: Mapping[str, Sequence[Name]], split: str = ""
) -> None:
    """Raise a `CatalogNERError` if a pattern needs more names of a label than there are."""
    where = f" in {split}" if split else ""
    for pattern in patterns:
        for label, needed in Counter(pattern.labels).items():
            there = len(names.get(label, ()))
            if there < needed:
                raise CatalogNERError(
                    f"{label}: {there} names{where}, and the pattern {pattern.text!r} needs"
                    f" {needed} different ones; add names to the catalog, give {split or 'it'} a"
                    " larger share, or leave the pattern out"
                )
