"""How often candidates were right in annotated text, by their name, label and adjacent words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import srsly

from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.exemplars import Exemplar

Candidate = Mapping[str, Any]
"""``{"start", "end", "text", "label"}``, offsets in characters."""

KINDS = ("label", "name", "name_label", "left", "right", "both")
"""What is counted: candidates of the same label, name (whatever its label), name and label, and
of the same label after, before and between the same words."""

_WORD = re.compile(r"\w+|[^\w\s]")
_EDGE = ""  # the word before the first and after the last


class Tallies:
    """Counts of candidates and of those that were right.

    Parameters
    ----------
    exemplars
        Annotated text with its candidates.
    """

    def __init__(self, exemplars: Iterable[Exemplar] = ()) -> None:
        self._counts: dict[str, dict[str, list[int]]] = {
            kind: defaultdict(lambda: [0, 0]) for kind in KINDS
        }
        for exemplar in exemplars:
            for keys, right in zip(
                candidate_keys(exemplar.text, exemplar.candidates), rights(exemplar), strict=True
            ):
                for kind, key in keys.items():
                    count = self._counts[kind][key]
                    count[0] += right
                    count[1] += 1

    def __len__(self) -> int:
        """Candidates counted."""
        return sum(total for _, total in self._counts["label"].values())

    @property
    def share(self) -> float:
        """Share of candidates that were right; a half of none."""
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
        return bytes(srsly.msgpack_dumps({kind: dict(c) for kind, c in self._counts.items()}))

    @classmethod
    def from_bytes(cls, data: bytes) -> Tallies:
        """Load what `to_bytes` gave."""
        tallies = cls()
        tallies._counts = srsly.msgpack_loads(data)
        return tallies

    def __getstate__(self) -> bytes:
        return self.to_bytes()

    def __setstate__(self, data: bytes) -> None:
        self._counts = srsly.msgpack_loads(data)


def candidate_keys(text: str, candidates: Iterable[Candidate]) -> list[dict[str, str]]:
    """Return the key of every candidate for each of `KINDS`."""
    words = [(match.start(), match.end(), match.group()) for match in _WORD.finditer(text)]
    keys = []
    for item in candidates:
        label = item["label"]
        before = [word for _, end, word in words if end <= item["start"]]
        after = [word for start, _, word in words if start >= item["end"]]
        left = normalize(before[-1]) if before else _EDGE
        right = normalize(after[0]) if after else _EDGE
        name = normalize(item["text"])
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


def rights(exemplar: Exemplar) -> list[bool]:
    """Tell of every candidate of an exemplar whether it is right."""
    selected = {place(item) for item in exemplar.selected}
    return [place(item) in selected for item in exemplar.candidates]


def place(item: Candidate) -> tuple[int, int, str]:
    """Return what makes two candidates the same decision."""
    return item["start"], item["end"], item["label"]
