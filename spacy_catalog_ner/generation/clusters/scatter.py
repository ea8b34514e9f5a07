"""Clusters as one HTML file that needs nothing else: no network, no fonts, no libraries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from spacy_catalog_ner.generation.clusters.clustering import Clusters
from spacy_catalog_ner.generation.clusters.scatter_layout import LANDMARKS, lay_out
from spacy_catalog_ner.reporting.page import escape_json, render_page

MAX_POINTS = 100_000
"""Texts in a plot: more are neither told apart nor drawn while one waits."""

_MAX_BYTES = 12_000_000  # of texts: with places and numbers the page stays below 20 MB
_MAX_LENGTH = 300  # of a text, in characters: more is not read in a plot
_GRID = 9999  # places are whole numbers from 0 to this


def render_scatter(
    texts: Sequence[str], clusters: Clusters, *, title: str, lang: str = "", seed: int = 0
) -> str:
    """Render clusters as a scatter plot in one self-contained HTML file.

    Parameters
    ----------
    texts
        The texts that were clustered. Long ones are cut; of more than `MAX_POINTS` the
        representatives and a random sample of the others are shown, and the page says so.
    clusters
        Their clusters.
    title
        Heading of the page.
    lang
        Language of the texts.
    seed
        Of sample and layout.
    """
    chosen = [text for group in clusters.representatives for text in group] + clusters.rare
    shown = _sample(len(texts), chosen, seed)
    places = lay_out(clusters.reduced[shown], np.searchsorted(shown, chosen).tolist(), seed)
    return render_page(
        __package__,
        "scatter",
        title=title,
        data=_to_json(texts, clusters, shown, places),
        lang=lang,
        texts=len(texts),
        shown=len(shown),
        noise=int((clusters.numbers < 0).sum()),
        clusters=len(clusters.representatives),
        representatives=len(chosen),
        rare=len(clusters.rare),
        landmarks=LANDMARKS,
    )


def _sample(count: int, first: Sequence[int], seed: int) -> np.ndarray:
    """Return the sorted positions of the texts to show, those of `first` before others."""
    if count <= MAX_POINTS:
        return np.arange(count)
    others = np.setdiff1d(np.arange(count), first)
    drawn = np.random.default_rng(seed).permutation(others)[: max(0, MAX_POINTS - len(first))]
    return np.sort(np.concatenate([np.array(first[:MAX_POINTS], dtype=int), drawn]))


def _to_json(
    texts: Sequence[str], clusters: Clusters, shown: np.ndarray, places: np.ndarray
) -> str:
    """Lay out the points as columns, which take half the room of rows."""
    at = {int(number): position for position, number in enumerate(shown)}
    sizes = np.bincount(clusters.numbers[clusters.numbers >= 0])
    grid = np.rint(places * _GRID).astype(int)
    data: dict[str, Any] = {
        "x": grid[:, 0].tolist(),
        "y": grid[:, 1].tolist(),
        "cluster": clusters.numbers[shown].tolist(),
        "text": _cut([texts[number] for number in shown]),
        "sizes": sizes.tolist(),
        "representatives": [
            [at[text] for text in group if text in at] for group in clusters.representatives
        ],
        "rare": [at[text] for text in clusters.rare if text in at],
    }
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _cut(texts: list[str]) -> list[str]:
    """Cut texts to a length with which all of them fit."""
    length = _MAX_LENGTH
    while True:
        cut = [text if len(text) <= length else f"{text[: length - 1]}…" for text in texts]
        if sum(len(escape_json(text).encode("utf8")) for text in cut) <= _MAX_BYTES:
            return cut
        length //= 2
