"""Names of a catalog by label: dividing them among splits, and drawing them by popularity."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spacy_catalog_ner.catalog import Entry, read_entries
from spacy_catalog_ner.catalog.normalization import normalize_without_diacritics
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.io.language import is_same_language
from spacy_catalog_ner.wording.spoken_form import spoken_form

_BLOCK = 10  # names of like popularity that are shuffled before they are dealt
_DRAWS = 1024  # made at once: one by one they take twenty times as long
_TRIES = 50  # to draw a name that is not in the utterance yet


class Name(NamedTuple):
    """A name to put in the place of a placeholder.

    Of several entries with the same name and label, `id` is that of the most popular one, and
    `weight` their sum. Names with the same `key` look or sound the same. Names with the same
    `group` share an entry, or the name or an alias of one.
    """

    text: str
    label: str
    id: str
    weight: float
    key: str
    group: int


NamesByLabel = dict[str, list[Name]]


def gather_names(entries: Iterable[Entry], lang: str, labels: Collection[str]) -> NamesByLabel:
    """Return the canonical names of a catalog by label, most popular first.

    Entries of another language or label are left out. Aliases only tell which names belong
    together: they come in all languages, with misspellings and descriptions.
    """
    groups = _Groups()
    found: dict[tuple[str, str], Name] = {}
    members: dict[tuple[str, str], int] = {}
    for entry in entries:
        if entry.label not in labels or (entry.lang and not is_same_language(entry.lang, lang)):
            continue
        keys = [name_key(text, lang) for text in (entry.text, *entry.aliases)]
        place = (entry.label, keys[0])
        marks: list[tuple[str, ...]] = [(key,) for key in keys]
        if entry.id:
            marks.append(("id", entry.id))
        members[place] = groups.join(marks)
        name = Name(entry.text, entry.label, entry.id, entry.weight, keys[0], 0)
        known = found.get(place)
        if known is not None:
            best = max(known, name, key=lambda one: one.weight)  # the first of equals
            name = best._replace(weight=known.weight + name.weight)
        found[place] = name
    names: NamesByLabel = defaultdict(list)
    for place, name in found.items():
        names[name.label].append(name._replace(group=groups.root(members[place])))
    for listed in names.values():
        listed.sort(key=lambda name: (-name.weight, name.key))
    return dict(sorted(names.items()))


def read_names(
    paths: Iterable[Path], lang: str, labels: Collection[str], problems: Problems
) -> NamesByLabel:
    """Do as `gather_names` with the entries of files and folders; see `read_entries`."""
    entries = chain.from_iterable(read_entries(path, problems) for path in paths)
    return gather_names(entries, lang, labels)


def name_key(text: str, lang: str) -> str:
    """Return the key of a name, which names that look or sound the same share."""
    return normalize_without_diacritics(spoken_form(text, lang))


def split_names(
    names: Mapping[str, Sequence[Name]], shares: Mapping[str, float], seed: int
) -> dict[str, NamesByLabel]:
    """Divide names among splits, so that no name and no entity is in two of them.

    Whole groups are dealt, those of each label in the order of their popularity, so that every
    split has its share of popular and of rare names. A group with several labels is dealt with
    the label that has the fewest names. The `shares` add up to 1.
    """
    sizes = {label: len(listed) for label, listed in names.items()}
    weights: dict[int, tuple[int, str, float]] = {}
    for label in sorted(names, key=lambda label: (sizes[label], label)):
        for name in names[label]:
            weights.setdefault(name.group, (sizes[label], label, name.weight))
    by_label: dict[str, list[int]] = defaultdict(list)
    for group, (_, label, _) in weights.items():  # most popular first, as the names are
        by_label[label].append(group)
    split_of: dict[int, str] = {}
    for label, groups in by_label.items():
        chooser = random.Random(f"{seed} names {label}")
        split_of.update(zip(groups, deal(len(groups), shares, chooser), strict=True))
    divided: dict[str, NamesByLabel] = {split: {label: [] for label in names} for split in shares}
    for label, listed in names.items():
        for name in listed:
            divided[split_of[name.group]][label].append(name)
    return divided


def deal(count: int, shares: Mapping[str, float], chooser: random.Random) -> list[str]:
    """Return a split for each of `count` things, so that any stretch of them is divided by shares.

    Each in turn goes to the split that is furthest behind its share; blocks of ten are then
    shuffled, so that it is not always the same split that has the first.
    """
    dealt: list[str] = []
    counts = dict.fromkeys(shares, 0)
    for number in range(1, count + 1):
        split = max(shares, key=lambda split: shares[split] * number - counts[split])
        counts[split] += 1
        dealt.append(split)
    for start in range(0, count, _BLOCK):
        block = dealt[start : start + _BLOCK]
        chooser.shuffle(block)
        dealt[start : start + _BLOCK] = block
    return dealt


class _Groups:
    """Union-find: things with a mark in common are in one group."""

    def __init__(self) -> None:
        self._parents: list[int] = []
        self._of_mark: dict[tuple[str, ...], int] = {}

    def join(self, marks: Iterable[tuple[str, ...]]) -> int:
        """Add a thing to the group of all that have one of its marks, and return its number."""
        node = len(self._parents)
        self._parents.append(node)
        for mark in marks:
            other = self.root(self._of_mark.setdefault(mark, node))
            root = self.root(node)
            # The smaller number is the root, whatever the order of the marks
            self._parents[max(root, other)] = min(root, other)
        return node

    def root(self, node: int) -> int:
        """Return the number of a thing's group."""
        while self._parents[node] != node:
            self._parents[node] = self._parents[self._parents[node]]
            node = self._parents[node]
        return node


class NameSampler:
    """Draws names of each label, popular ones more often.

    A name is drawn in proportion to ``weight ** temper``, as in temperature sampling (Conneau et
    al. 2020, "Unsupervised Cross-lingual Representation Learning at Scale", section 3.1): a
    `temper` of 0 draws all names equally often. A weight of 0 counts as the smallest other weight
    of the label, so that every name can be drawn.
    """

    def __init__(self, names: Mapping[str, Sequence[Name]], temper: float, seed: str) -> None:
        if not temper >= 0:
            raise CatalogNERError(f"temper: expected 0 or more, got {temper}")
        self._draws = {
            label: _draw(listed, temper, random.Random(f"{seed} {label}").getrandbits(64))
            for label, listed in names.items()
            if listed
        }

    @property
    def labels(self) -> frozenset[str]:
        """Labels that have names."""
        return frozenset(self._draws)

    def draw(self, labels: Sequence[str], taken: Sequence[str] = ()) -> list[Name] | None:
        """Draw a name for each label, no two with the same key or one of the keys `taken`.

        None means that chance, or too few names, gave no such names.
        """
        names: list[Name] = []
        keys = set(taken)
        for label in labels:
            draws = self._draws[label]
            for _ in range(_TRIES):
                name = next(draws)
                if name.key not in keys:
                    keys.add(name.key)
                    names.append(name)
                    break
            else:
                return None
        return names


def _draw(names: Sequence[Name], temper: float, seed: int) -> Iterator[Name]:
    """Yield names for ever."""
    weights = np.array([name.weight for name in names], dtype=float)
    positive = weights[weights > 0]
    if positive.size:
        weights[weights == 0] = positive.min()
        weights /= weights.max()  # the largest weight to the power of 2 is no number any more
    else:
        weights[:] = 1.0
    sums = np.cumsum(weights**temper)
    generator = np.random.default_rng(seed)
    while True:
        places = np.searchsorted(sums, generator.random(_DRAWS) * sums[-1], side="right")
        for place in np.minimum(places, len(names) - 1).tolist():
            yield names[place]
