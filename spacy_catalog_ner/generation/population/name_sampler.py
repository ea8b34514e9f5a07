"""Drawing names by popularity."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.generation.population.names import Name

_BLOCK = 1024  # draws made at once: one by one they take twenty times as long
_TRIES = 50  # to draw a name that is not in the utterance yet


class NameSampler:
    """Draws names of each label, popular ones more often.

    A name is drawn with a probability in proportion to ``weight ** temper``, as in temperature
    sampling of languages by the size of their corpora (Conneau et al. 2020, "Unsupervised
    Cross-lingual Representation Learning at Scale", section 3.1). A weight of 0 counts as the
    smallest other weight of the label, so that every name can be drawn.

    Parameters
    ----------
    names
        Names by label.
    temper
        0 draws all names equally often, 1 in proportion to their weights.
    seed
        Of the draws, which are the same for the same seed and names.

    Raises
    ------
    CatalogNERError
        If `temper` is negative.
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
        """Labels that there are names of."""
        return frozenset(self._draws)

    def draw(self, labels: Sequence[str], taken: Sequence[str] = ()) -> list[Name] | None:
        """Draw a name for each label, no two with the same key.

        Parameters
        ----------
        labels
            Labels in the order of the placeholders, each one of `labels`.
        taken
            Keys that may not be drawn either.

        Returns
        -------
        list of Name or None
            None where chance, or too few names, gives no name that is not taken.
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
        places = np.searchsorted(sums, generator.random(_BLOCK) * sums[-1], side="right")
        for place in np.minimum(places, len(names) - 1).tolist():
            yield names[place]
