"""`spacy_catalog_ner.entity_swap.v1`: training texts with other names in the place of theirs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example

from spacy_catalog_ner.catalog import Catalog, Entry
from spacy_catalog_ner.doc.record import ENTITIES, SELECTED, char_key
from spacy_catalog_ner.errors import require_share
from spacy_catalog_ner.wording.wording import Wording

_GOLD = (SELECTED, ENTITIES)
_TRIES = 10  # to draw a name that differs, and to get all names of a text onto token boundaries

Place = tuple[int, int, str]  # start and end of an entity in characters, and its label


def make_entity_swap(catalog: str, level: float = 0.3, seed: int = 0) -> EntitySwap:
    """Make the augmenter of a training corpus; see `EntitySwap` for the parameters.

    In a config::

        [corpora.train.augmenter]
        @augmenters = "spacy_catalog_ner.entity_swap.v1"
        catalog = ${paths.catalog}
        level = 0.3
        seed = ${system.seed}
    """
    return EntitySwap(catalog, level, seed)


class EntitySwap:
    """Gives training examples other names of the catalog, so that context is learned, not names.

    All entities of an example, which are those of ``spans["selected"]``, ``spans["entities"]`` and
    ``ents``, get a name of their label, drawn uniformly from the entries of whatever language, and
    the id of its entry. Confidences stay, and so does an entity of whose label the catalog has no
    other name. Names are in lower case where the text is, and English and Spanish articles before
    them agree. Nothing else is carried over: ``spans["candidates"]`` say nothing of another text.

    An example without entities, with some that overlap, or whose tokens do not begin and end where
    its names do, stays as it is.

    Parameters
    ----------
    catalog
        Folder of a compiled catalog, opened at first use.
    level
        Probability that an example is changed.
    seed
        Of all draws. They go on from one pass over the corpus to the next, so that each has other
        names, and are the same in every training run.

    Raises
    ------
    CatalogNERError
        If `level` is not from 0 to 1; at first use, if there is no catalog that can be read.
    """

    def __init__(self, catalog: str | Path, level: float, seed: int) -> None:
        require_share("level", level)
        self._path = Path(catalog)
        self._level = level
        self._random = random.Random(seed)
        self._numbers: dict[str, np.ndarray] = {}

    def __call__(self, nlp: Language, example: Example) -> Iterator[Example]:
        """Yield the example, or in its place one with other names."""
        swapped = None
        if self._random.random() < self._level:
            swapped = self._swap(nlp, example.reference)
        yield example if swapped is None else swapped

    @cached_property
    def _catalog(self) -> Catalog:
        return Catalog.open(self._path)

    def _swap(self, nlp: Language, reference: Doc) -> Example | None:
        places = sorted({char_key(span) for span in _gold_spans(reference)})
        if any(start < end for (_, end, _), (start, _, _) in pairwise(places)):
            return None
        entries = {place: self._draw(reference.text, place) for place in places}
        for _ in range(_TRIES):
            if not any(entries.values()):
                return None
            text, moved = _put(reference.text, entries, nlp.lang)
            gold = nlp.make_doc(text)
            off = [place for place, offsets in moved.items() if gold.char_span(*offsets) is None]
            if not off:
                _annotate(gold, reference, entries, moved)
                return Example(nlp.make_doc(text), gold)
            entries |= {place: self._draw(reference.text, place) for place in off}
        return None

    def _draw(self, text: str, place: Place) -> Entry | None:
        """Draw an entry with another name than the one at a place; None if chance gives none."""
        start, end, label = place
        if label not in self._numbers:
            self._numbers[label] = self._catalog.numbers_of_label(label)
        numbers = self._numbers[label]
        if not len(numbers):
            return None
        name = self._catalog.normalize(text[start:end])
        for _ in range(_TRIES):
            entry = self._catalog.entry(int(numbers[self._random.randrange(len(numbers))]))
            if self._catalog.normalize(entry.text) != name:
                return entry
        return None


def _gold_spans(doc: Doc) -> Iterator[Span]:
    for key in _GOLD:
        yield from doc.spans.get(key, ())
    yield from doc.ents


def _put(
    text: str, entries: dict[Place, Entry | None], lang: str
) -> tuple[str, dict[Place, tuple[int, int]]]:
    """Put names in their places, given in reading order; return where each of them is then."""
    wording = Wording(lang)
    made, done = "", 0
    moved: dict[Place, tuple[int, int]] = {}
    for place, entry in entries.items():
        start, end, _ = place
        literal, name = text[done:start], text[start:end]
        if entry is not None:
            literal = wording.agree(literal, entry.text)
            # A name without letters, such as "1999", is as the text around it
            lower = name.islower() or text.islower()
            name = entry.text.lower() if lower else entry.text
        made += literal
        moved[place] = len(made), len(made) + len(name)
        made += name
        done = end
    return made + text[done:], moved


def _annotate(
    gold: Doc,
    reference: Doc,
    entries: dict[Place, Entry | None],
    moved: dict[Place, tuple[int, int]],
) -> None:
    """Give a Doc the annotations of another, moved to where the names are now."""

    def move(span: Span) -> Span:
        place = char_key(span)
        entry = entries[place]
        kb_id = span.kb_id_ if entry is None else entry.id
        return gold.char_span(*moved[place], label=span.label_, kb_id=kb_id)

    for key in _GOLD:
        if key in reference.spans:
            group = reference.spans[key]
            moved_group = SpanGroup(gold, name=key, spans=[move(span) for span in group])
            if "scores" in group.attrs:
                moved_group.attrs["scores"] = group.attrs["scores"]
            gold.spans[key] = moved_group
    # What is not annotated is not annotated as having no entity
    complete = reference.has_annotation("ENT_IOB", require_complete=True)
    ents = [move(ent) for ent in reference.ents]
    gold.set_ents(ents, default="outside" if complete else "missing")
