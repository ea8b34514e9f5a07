"""Putting names into patterns: annotated utterances, each of them checked."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.generation.patterns.pattern import Pattern
from spacy_catalog_ner.generation.population.name_sampler import NameSampler
from spacy_catalog_ner.generation.population.names import Name
from spacy_catalog_ner.generation.population.row_checks import Offsets, RowChecker, Tokenize
from spacy_catalog_ner.generation.population.speech_noise import SpeechNoise
from spacy_catalog_ner.generation.population.turns import Turns
from spacy_catalog_ner.wording.wording import Form, Wording

DUPLICATE = "same text as another"
NO_NAMES = "no names that differ"

_TRIES = 20  # to make an utterance of a pattern: after that it has nothing more to give


@dataclass(frozen=True)
class Style:
    """How utterances are made.

    Attributes
    ----------
    form
        ``"spoken"``, ``"written"``, or ``"mixed"``: either with the same probability.
    noise
        Probability of each kind of noise of `SpeechNoise`.
    temper
        Power of the popularity that names are drawn by; see `NameSampler`.
    seed
        Of all that is left to chance.
    """

    form: Literal["spoken", "written", "mixed"] = "spoken"
    noise: float = 0.0
    temper: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.form not in ("spoken", "written", "mixed"):
            raise CatalogNERError(f"form: expected spoken, written or mixed, got {self.form!r}")


class Population:
    """Makes the utterances of one data set, of which no two have the same text, whatever the case.

    Parameters
    ----------
    lang
        Language of patterns and names.
    style
        How utterances are made.
    tokenize
        Gives the tokens that spans must begin and end with; see `RowChecker`.

    Attributes
    ----------
    dropped
        How many utterances were made and not given, by reason.
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
    ) -> Iterator[dict[str, Any]]:
        """Yield annotated rows, balanced by pattern and label as `Turns` says.

        Parameters
        ----------
        patterns
            The patterns; a label of theirs that has no name is an error.
        names
            Names by label.
        count
            Rows to make; there are fewer when no pattern gives another text.
        split
            Name of the split, for ``meta``; splits have their own chance.

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
        turns = Turns(patterns, chooser)
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
    ) -> dict[str, Any] | None:
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
        annotated = list(map(make_span, spans, names))
        return {"text": text, "spans": annotated, "lang": self.lang, "meta": meta}


def join(literals: Sequence[str], names: Sequence[str]) -> tuple[str, list[Offsets]]:
    """Put names between literals: return the text, and start and end of each name in it."""
    spans: list[Offsets] = []
    pieces = [literals[0]]
    position = len(literals[0])
    for name, literal in zip(names, literals[1:], strict=True):
        end = position + len(name)
        spans.append((position, end))
        pieces += (name, literal)
        position = end + len(literal)
    return "".join(pieces), spans


def make_span(offsets: Offsets, name: Name) -> dict[str, Any]:
    """Return the annotation of a name."""
    span: dict[str, Any] = {"start": offsets[0], "end": offsets[1], "label": name.label}
    if name.id:
        span["id"] = name.id
    return span


def check_names(
    patterns: Iterable[Pattern], names: Mapping[str, Sequence[Name]], split: str = ""
) -> None:
    """Refuse patterns that ask for more different names of a label than there are.

    Raises
    ------
    CatalogNERError
        If there are too few.
    """
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
