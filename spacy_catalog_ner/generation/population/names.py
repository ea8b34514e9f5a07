"""Names of a catalog by label, and dividing them so that no entity is in two splits."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from spacy_catalog_ner.catalog import Entry, read_entries
from spacy_catalog_ner.catalog.normalization import normalize_without_diacritics
from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.wording.spoken_form import spoken_form

_BLOCK = 10  # names of like popularity that are shuffled before they are dealt


class Name(NamedTuple):
    """A name to put in the place of a placeholder.

    Attributes
    ----------
    text
        As the catalog has it.
    label
        Entity type.
    id
        Of its entry; of the most popular one, where several have this name and label.
    weight
        Popularity; the sum, where several entries have this name and label.
    key
        Two names with the same key look or sound the same: lower case, without punctuation and
        accents.
    group
        Number that names share which share an entry, or the name or an alias of one, whatever
        their labels.
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

    Aliases are no names here: they come in all languages, with misspellings and descriptions. They
    only tell which names belong together.

    Parameters
    ----------
    entries
        The catalog.
    lang
        Language to take; entries that name none are taken too.
    labels
        Labels to take.
    """
    groups = _Groups()
    found: dict[tuple[str, str], Name] = {}
    members: dict[tuple[str, str], int] = {}
    for entry in entries:
        if entry.label not in labels or entry.lang not in ("", lang):
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
    """Do as `gather_names` with the entries of files and folders.

    Parameters
    ----------
    paths
        As `spacy_catalog_ner.catalog.read_entries` takes them.
    lang, labels
        Language and labels to take.
    problems
        Receives rows that are broken.

    Raises
    ------
    CatalogNERError
        If a file cannot be read.
    """
    entries = chain.from_iterable(read_entries(path, problems) for path in paths)
    return gather_names(entries, lang, labels)


def name_key(text: str, lang: str) -> str:
    """Return what two names have in common that look or sound the same."""
    return normalize_without_diacritics(spoken_form(text, lang))


def split_names(
    names: Mapping[str, Sequence[Name]], shares: Mapping[str, float], seed: int
) -> dict[str, NamesByLabel]:
    """Divide names among splits, so that no name and no entity is in two of them.

    Whole groups are dealt, those of each label in the order of their popularity, so that every
    split has its share of popular and of rare names. A group with several labels is dealt with
    the label that has the fewest names.

    Parameters
    ----------
    names
        Names by label.
    shares
        Share of each split, by its name; they add up to 1.
    seed
        Of the dealing.
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
    """Union-find: things with a mark in common are in one group.

    With path halving (Tarjan and van Leeuwen 1984, "Worst-case Analysis of Set Union Algorithms").
    """

    def __init__(self) -> None:
        self._parents: list[int] = []
        self._of_mark: dict[tuple[str, ...], int] = {}

    def join(self, marks: Iterable[tuple[str, ...]]) -> int:
        """Put a thing with these marks into one group with all that have one of them."""
        node = len(self._parents)
        self._parents.append(node)
        for mark in marks:
            other = self.root(self._of_mark.setdefault(mark, node))
            root = self.root(node)
            # The smaller number is the root, whatever the order of the marks
            self._parents[max(root, other)] = min(root, other)
        return node

    def root(self, node: int) -> int:
        """Return the number of the group of a thing."""
        while self._parents[node] != node:
            self._parents[node] = self._parents[self._parents[node]]
            node = self._parents[node]
        return node
