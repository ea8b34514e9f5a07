"""The scatter plot of clusters as a file."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from spacy_catalog_ner.generation.clusters import scatter
from spacy_catalog_ner.generation.clusters.clustering import Clusters
from spacy_catalog_ner.generation.clusters.scatter import lay_out, render_scatter

HOSTILE = "</script><img src=x onerror=alert(1)><!-- <script> &\u2028\"'"


def make_clusters(sizes: list[int], noise: int, seed: int = 0) -> tuple[list[str], Clusters]:
    """Make texts in clusters of these sizes, and noise, the first of which is rare."""
    numbers = np.repeat([*range(len(sizes)), -1], [*sizes, noise])
    texts = [
        f"say {number} to cluster {cluster}" if cluster >= 0 else f"a stray {number}"
        for number, cluster in enumerate(numbers)
    ]
    chooser = np.random.default_rng(seed)
    points = chooser.normal(size=(len(numbers), 6))
    points[np.arange(len(numbers)), numbers % 6] += 8
    starts = np.cumsum([0, *sizes])
    representatives = [[int(start), int(start) + 1] for start in starts[:-1]]
    rare = [int(starts[-1])] if noise else []
    return texts, Clusters(numbers, representatives, rare, points)


def data_of(html: str) -> dict:
    return json.loads(re.search(r'id="data">(.*?)</script>', html, re.S)[1])


def test_every_text_has_a_place_and_a_cluster():
    texts, clusters = make_clusters([6, 5], 3)
    data = data_of(render_scatter(texts, clusters, title="x"))
    assert data["text"] == texts
    assert data["cluster"] == clusters.numbers.tolist()
    assert data["sizes"] == [6, 5]
    assert data["representatives"] == [[0, 1], [6, 7]] and data["rare"] == [11]
    assert min(data["x"]) == 0 and max(data["x"]) == 9999


def test_the_same_seed_gives_the_same_file(monkeypatch):
    monkeypatch.setattr(scatter, "MAX_POINTS", 20)
    texts, clusters = make_clusters([20, 15], 5)
    first, again, other = (render_scatter(texts, clusters, title="x", seed=n) for n in (0, 0, 1))
    assert first == again
    assert first != other


@pytest.mark.parametrize("count", [1, 2, 3, 9, 10, 11, 60])
def test_any_number_of_texts_is_laid_out(count):
    points = np.random.default_rng(0).normal(size=(count, min(count, 4)))
    places = lay_out(points, 0)
    assert places.shape == (count, 2)
    assert np.isfinite(places).all() and places.min() >= 0 and places.max() <= 1


@pytest.mark.parametrize("limit", [1000, 100])
def test_texts_are_near_their_like_however_many_there_are(monkeypatch, limit):
    monkeypatch.setattr(scatter, "MAX_TSNE", limit)
    _, clusters = make_clusters([150, 150], 0)
    first, second = np.split(lay_out(clusters.reduced, 0), 2)
    apart = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))
    assert max(first.std(), second.std()) < apart


def test_of_too_many_texts_the_representatives_are_kept(monkeypatch):
    monkeypatch.setattr(scatter, "MAX_POINTS", 12)
    texts, clusters = make_clusters([20, 20], 20)
    html = render_scatter(texts, clusters, title="x")
    data = data_of(html)
    assert len(data["text"]) == 12
    kept = [data["text"][at] for group in data["representatives"] for at in group]
    assert kept == [texts[number] for number in (0, 1, 20, 21)]
    assert "a random sample of the others are shown, 12 in all" in html


def test_long_texts_are_cut_so_that_the_page_stays_small(monkeypatch):
    texts, clusters = make_clusters([5, 5], 0)
    texts[0] = "<" * 50_000
    assert len(data_of(render_scatter(texts, clusters, title="x"))["text"][0]) == 300
    monkeypatch.setattr(scatter, "_MAX_BYTES", 1000)
    data = data_of(render_scatter(texts, clusters, title="x"))
    assert data["text"][0].endswith("…") and data["text"][1:] == texts[1:]
    assert len(json.dumps(data["text"])) < 1000


def test_nothing_in_a_text_is_markup():
    texts, clusters = make_clusters([5, 5], 1)
    texts[0] = HOSTILE
    html = render_scatter(texts, clusters, title=HOSTILE)
    assert html.count("</script>") == 2
    assert "<img" not in html
    assert data_of(html)["text"][0] == HOSTILE


def test_the_page_asks_for_nothing():
    texts, clusters = make_clusters([5, 5], 1)
    html = render_scatter(texts, clusters, title="x")
    assert "default-src 'none'" in html
    assert not re.search(r"https?://|@import|url\(", html)
