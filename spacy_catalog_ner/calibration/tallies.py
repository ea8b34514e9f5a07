"""How often candidates were right in annotated text, by their name, label and adjacent words."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.exemplars import Candidate, Exemplar

KINDS = ("label", "name", "name_label", "left", "right", "both")
"""What is counted: candidates with the same label; with the same name, whatever the label; with
both; and with the same label after, before and between the same words."""

_Natural = Annotated[int, msgspec.Meta(ge=0)]
_Counts = dict[str, dict[str, tuple[_Natural, _Natural]]]  # by kind and key: right ones, and all
_WORD = re.compile(r"\w+|[^\w\s]")
_EDGE = ""  # the word before the first and after the last


class Tallies:
    """Counts of the candidates of exemplars, and of those that were right."""

    def __init__(self, exemplars: Iterable[Exemplar] = ()) -> None:
        self._counts: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
        for exemplar in exemplars:
            keys = tally_keys(exemplar.text, exemplar.candidates)
            selected = {item.key for item in exemplar.selected}
            for item, keys_of_item in zip(exemplar.candidates, keys, strict=True):
                for kind, key in keys_of_item.items():
                    count = self._counts[kind].setdefault(key, [0, 0])
                    count[0] += item.key in selected
                    count[1] += 1

    def __len__(self) -> int:
        """Candidates counted."""
        return sum(total for _, total in self._counts["label"].values())

    @property
    def share(self) -> float:
        """Share of candidates that were right; one half if there are none."""
        right = sum(right for right, _ in self._counts["label"].values())
        return (right + 1) / (len(self) + 2)

    def get(self, kind: str, key: str) -> tuple[int, int]:
        """Return how many candidates with this key were right, and how many there were."""
        right, total = self._counts[kind].get(key, (0, 0))
        return right, total

    def without(self, *kinds: str) -> Tallies:
        """Return the same counts, but as if nothing of some kinds had been counted."""
        tallies = Tallies()
        tallies._counts = {kind: {} if kind in kinds else c for kind, c in self._counts.items()}
        return tallies

    def to_bytes(self) -> bytes:
        """Serialise the counts."""
        return msgspec.msgpack.encode(self._counts)

    @classmethod
    def from_bytes(cls, data: bytes) -> Tallies:
        """Load what `to_bytes` gave."""
        tallies = cls()
        try:
            counts = msgspec.msgpack.decode(data, type=_Counts)
        except msgspec.MsgspecError as err:
            raise CatalogNERError(f"not counts of candidates: {err}") from None
        if set(counts) != set(KINDS):
            raise CatalogNERError(f"not counts of candidates: expected {', '.join(KINDS)}")
        tallies._counts = counts
        return tallies


def tally_keys(text: str, candidates: Iterable[Candidate]) -> list[dict[str, str]]:
    """Return the key of every candidate for each of `KINDS`."""
    words = list(_WORD.finditer(text))
    starts, ends = [word.start() for word in words], [word.end() for word in words]
    keys = []
    for item in candidates:
        label, name = item.label, normalize(item.text)
        before, after = bisect_right(ends, item.start) - 1, bisect_left(starts, item.end)
        left = normalize(words[before].group()) if before >= 0 else _EDGE
        right = normalize(words[after].group()) if after < len(words) else _EDGE
        parts = {
            "label": (label,),
            "name": (name,),
            "name_label": (name, label),
            "left": (left, label),
            "right": (right, label),
            "both": (left, right, label),
        }
        keys.append({kind: "\n".join(part) for kind, part in parts.items()})
    return keys
