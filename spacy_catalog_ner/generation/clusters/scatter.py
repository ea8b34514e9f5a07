"""Clusters as one HTML file with a scatter plot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from spacy_catalog_ner.generation.clusters.clustering import Clusters
from spacy_catalog_ner.reporting.page import escape_json, render_page

MAX_POINTS = 100_000
"""Texts in a plot: more cannot be told apart."""

MAX_TSNE = 5000
"""Texts that are laid out by t-SNE, which takes twenty seconds for so many."""

_MAX_BYTES = 12_000_000  # of texts, so that the page stays below 20 MB
_MAX_LENGTH = 300  # of a text, in characters
_GRID = 9999  # coordinates are whole numbers from 0 to this
_PERPLEXITY = 30.0  # the default of scikit-learn; smaller where the texts are few
_FEW = 10  # with fewer texts t-SNE says no more than the first two components


def render_scatter(
    texts: Sequence[str], clusters: Clusters, *, title: str, lang: str = "", seed: int = 0
) -> str:
    """Render clusters of texts as a scatter plot in one self-contained HTML file.

    Long texts are cut. Of more than `MAX_POINTS` the representatives and a random sample of the
    others are shown, and the page says so.
    """
    chosen = [text for group in clusters.representatives for text in group] + clusters.rare
    shown = _sample(len(texts), chosen, seed)
    points = lay_out(clusters.reduced[shown], seed)
    return render_page(
        __package__,
        "scatter",
        title=title,
        data=_to_json(texts, clusters, shown, points),
        lang=lang,
        texts=len(texts),
        shown=len(shown),
        noise=int((clusters.numbers < 0).sum()),
        clusters=len(clusters.representatives),
        representatives=len(chosen),
        rare=len(clusters.rare),
        is_tsne=len(shown) <= MAX_TSNE,
    )


def lay_out(points: np.ndarray, seed: int) -> np.ndarray:
    """Lay out points, given by their principal components, in two dimensions from 0 to 1.

    By t-SNE (van der Maaten and Hinton 2008), or by the first two components if there are more
    than `MAX_TSNE`.
    """
    if _FEW <= len(points) <= MAX_TSNE:
        from sklearn.manifold import TSNE
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        perplexity = min(_PERPLEXITY, (len(points) - 1) / 3)
        model = TSNE(perplexity=perplexity, init="pca", max_iter=500, random_state=seed)
        # Threads add up in any order, and the layout would be another each time
        with threadpool_limits(1):
            flat = model.fit_transform(points.astype(np.float32))
    else:
        flat = np.zeros((len(points), 2))
        flat[:, : points.shape[1]] = points[:, :2]
    low, high = flat.min(axis=0), flat.max(axis=0)
    scaled: np.ndarray = (flat - low) / np.where(high > low, high - low, 1.0)
    return scaled


def _sample(count: int, first: Sequence[int], seed: int) -> np.ndarray:
    """Return the sorted positions of the texts to show: all of `first`, and some of the others."""
    if count <= MAX_POINTS:
        return np.arange(count)
    others = np.setdiff1d(np.arange(count), first)
    drawn = np.random.default_rng(seed).permutation(others)[: max(0, MAX_POINTS - len(first))]
    return np.sort(np.concatenate([np.array(first[:MAX_POINTS], dtype=int), drawn]))


def _to_json(
    texts: Sequence[str], clusters: Clusters, shown: np.ndarray, points: np.ndarray
) -> str:
    """Return the points as columns, which take half the room of rows."""
    at = {int(number): position for position, number in enumerate(shown)}
    grid = np.rint(points * _GRID).astype(int)
    data: dict[str, Any] = {
        "x": grid[:, 0].tolist(),
        "y": grid[:, 1].tolist(),
        "cluster": clusters.numbers[shown].tolist(),
        "text": _cut([texts[number] for number in shown]),
        "sizes": clusters.sizes.tolist(),
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
