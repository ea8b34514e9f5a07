"""`spacy_catalog_ner.entity_swap.v1`: other names of the catalog in training texts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cached_property
from itertools import chain, pairwise
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

Key = tuple[int, int, str]  # of an entity, see `char_key`


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
    """Replaces names in training examples by other names of the catalog.

    A student then learns from context rather than single names. All entities of an example, in
    ``spans["selected"]``, ``spans["entities"]`` and ``ents``, get a name of their label and the id
    of its entry, drawn uniformly from all entries. Confidences are kept. Names are in lower case
    where the text is, and English and Spanish articles before them agree. The candidates of the
    old text are dropped. An entity stays as it is if the catalog has no other name of its label.

    An example stays as it is if it has no entities, if some overlap, or if names that are drawn do
    not begin and end with a token.

    Parameters
    ----------
    catalog
        Folder of a compiled catalog, opened at first use.
    level
        Probability that an example is changed.
    seed
        Seed of all draws. They continue from one pass over the corpus to the next, so that each
        pass has other names; every training run has the same ones.

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
        """Yield the example, or one with other names instead."""
        is_drawn = self._random.random() < self._level
        swapped = self._swap(nlp, example.reference) if is_drawn else None
        yield example if swapped is None else swapped

    @cached_property
    def _catalog(self) -> Catalog:
        return Catalog.open(self._path)

    def _swap(self, nlp: Language, reference: Doc) -> Example | None:
        groups = [reference.spans.get(key, ()) for key in _GOLD]
        keys = sorted({char_key(span) for span in chain(*groups, reference.ents)})
        if any(start < end for (_, end, _), (start, _, _) in pairwise(keys)):
            return None
        entries = {key: self._draw(reference.text, key) for key in keys}
        for _ in range(_TRIES):
            if not any(entries.values()):
                return None
            text, moved = _replace_names(reference.text, entries, nlp.lang)
            gold = nlp.make_doc(text)
            off = [key for key, offsets in moved.items() if gold.char_span(*offsets) is None]
            if not off:
                _copy_annotation(reference, gold, entries, moved)
                return Example(nlp.make_doc(text), gold)
            entries |= {key: self._draw(reference.text, key) for key in off}
        return None

    def _draw(self, text: str, key: Key) -> Entry | None:
        """Draw an entry with another name than that of an entity; None if no draw gives one."""
        start, end, label = key
        if label not in self._numbers:
            self._numbers[label] = self._catalog.numbers_of_label(label)
        numbers = self._numbers[label]
        name = self._catalog.normalize(text[start:end])
        for _ in range(_TRIES if len(numbers) else 0):
            entry = self._catalog.entry(int(numbers[self._random.randrange(len(numbers))]))
            if self._catalog.normalize(entry.text) != name:
                return entry
        return None


def _replace_names(
    text: str, entries: dict[Key, Entry | None], lang: str
) -> tuple[str, dict[Key, tuple[int, int]]]:
    """Replace names, given in reading order; return the text and the new offsets of each name."""
    wording = Wording(lang)
    made, done = "", 0
    moved: dict[Key, tuple[int, int]] = {}
    for key, entry in entries.items():
        start, end, _ = key
        before, name = text[done:start], text[start:end]
        if entry is not None:
            before = wording.agree(before, entry.text)
            # A name without letters, such as "1999", has the case of the text
            lower = name.islower() or text.islower()
            name = entry.text.lower() if lower else entry.text
        made += before + name
        moved[key] = len(made) - len(name), len(made)
        done = end
    return made + text[done:], moved


def _copy_annotation(
    reference: Doc, gold: Doc, entries: dict[Key, Entry | None], moved: dict[Key, tuple[int, int]]
) -> None:
    def move(span: Span) -> Span:
        entry = entries[char_key(span)]
        kb_id = span.kb_id_ if entry is None else entry.id
        return gold.char_span(*moved[char_key(span)], label=span.label_, kb_id=kb_id)

    for key in _GOLD:
        if key in reference.spans:
            group = reference.spans[key]
            moved_group = SpanGroup(gold, name=key, spans=[move(span) for span in group])
            if "scores" in group.attrs:
                moved_group.attrs["scores"] = group.attrs["scores"]
            gold.spans[key] = moved_group
    # Tokens without annotation stay without, rather than outside of entities
    complete = reference.has_annotation("ENT_IOB", require_complete=True)
    ents = [move(ent) for ent in reference.ents]
    gold.set_ents(ents, default="outside" if complete else "missing")
