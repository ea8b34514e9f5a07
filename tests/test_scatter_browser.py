"""The scatter plot in a real browser, from a file, without any network."""

from __future__ import annotations

import time

import pytest
import test_browser
from test_browser import CONTRASTS
from test_scatter import HOSTILE, make_clusters

from spacy_catalog_ner.generation.clusters.scatter import render_scatter

browser, open_report = test_browser.browser, test_browser.open_report  # the fixtures


@pytest.fixture(scope="module")
def plot() -> str:
    texts, clusters = make_clusters([60, 8, *[5] * 60], 40)
    return render_scatter(texts, clusters, title="Clusters of traffic.jsonl", lang="en")


def status(page) -> str:
    return page.get_by_role("status").inner_text()


def test_the_keyboard_goes_from_one_utterance_to_the_next(open_report, plot):
    page = open_report(plot)
    page.locator("#canvas").focus()
    seen = []
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        seen.append(page.locator("#current").inner_text())
    assert len(set(seen)) == 3
    assert all("cluster" in text for text in seen)
    page.keyboard.press("Escape")
    assert page.locator("#current").inner_text() == ""


def test_an_utterance_is_shown_on_hover(open_report):
    texts, clusters = make_clusters([5], 0)
    page = open_report(render_scatter(texts, clusters, title="x"))
    canvas = page.locator("#canvas")
    box = canvas.bounding_box()
    canvas.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()
    places = page.evaluate("JSON.parse(document.getElementById('data').textContent)")
    x = 12 + (box["width"] - 24) * places["x"][3] / 9999
    y = 12 + (box["height"] - 24) * places["y"][3] / 9999
    canvas.hover(position={"x": x, "y": y})
    assert page.locator("#tip").text_content() == "say 3 to cluster 0(cluster 0)"


def test_utterances_are_found_by_text_kind_and_cluster(open_report, plot):
    page = open_report(plot)
    assert status(page) == "408 of 408 utterances match."
    page.get_by_label("Text").fill("STRAY")
    assert status(page) == "40 of 408 utterances match."
    assert page.locator("#text-list > li").count() == 40
    page.get_by_label("Show", exact=True).select_option("rare")
    assert status(page) == "1 of 408 utterances match."
    page.get_by_role("button", name="Clear").click()
    button = page.get_by_role("button", name="Cluster 1", exact=True).first
    button.click()
    assert status(page) == "8 of 408 utterances match."
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    assert status(page) == "408 of 408 utterances match."


def test_clusters_are_listed_fifty_at_a_time_with_size_and_utterance(open_report, plot):
    page = open_report(plot)
    items = page.locator("#cluster-list > li")
    assert items.count() == 50
    assert items.first.inner_text().split("\n") == ["Cluster 0", "60", "say 0 to cluster 0"]
    page.get_by_role("button", name="Next").first.click()
    assert items.count() == 12


def test_an_utterance_of_the_list_is_shown_in_the_plot(open_report, plot):
    page = open_report(plot)
    page.get_by_label("Text").fill("stray 405")
    page.get_by_role("button", name="Show in the plot: a stray 405").click()
    assert page.locator("#current").inner_text() == "a stray 405 (no cluster)"
    assert page.locator("#tip").is_visible()


def test_hostile_text_is_shown_as_text(open_report):
    texts, clusters = make_clusters([5, 5], 1)
    texts[0] = HOSTILE
    page = open_report(render_scatter(texts, clusters, title=HOSTILE))
    assert page.locator("img").count() == 0
    assert page.locator("h1").text_content() == HOSTILE
    assert HOSTILE in page.locator("#cluster-list > li").first.text_content()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_can_read_all_of_it_in_light_and_dark(open_report, scheme):
    texts, clusters = make_clusters([5, 5], 1)
    texts[0] = "x" * 300
    page = open_report(render_scatter(texts, clusters, title="x" * 300), width=390, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate(CONTRASTS)[0][0] >= 4.5


def test_everything_is_reached_by_tab(open_report, plot):
    page = open_report(plot)
    ids = []
    for _ in range(9):
        page.keyboard.press("Tab")
        ids.append(page.evaluate("document.activeElement.id || document.activeElement.innerText"))
    assert ids[0] == "Skip to the content"
    assert ids[1:4] == ["by-text", "by-kind", "by-cluster"]
    assert ids[4:] == ["Clear", "canvas", "closer", "farther", "whole"]


@pytest.mark.slow
def test_a_hundred_thousand_utterances_are_usable(open_report):
    texts, clusters = make_clusters([25] * 2000, 50_000)
    html = render_scatter([f"{text} and what else one says" for text in texts], clusters, title="x")
    size = len(html.encode("utf8"))
    assert size < 20_000_000
    start = time.perf_counter()
    page = open_report(html)
    assert status(page) == "100,000 of 100,000 utterances match."
    opened = time.perf_counter()
    page.get_by_label("Text").fill("say 4999 to")
    assert status(page) == "1 of 100,000 utterances match."
    found = time.perf_counter()
    print(f"{size / 1e6:.1f} MB, open {opened - start:.2f} s, search {found - opened:.2f} s")
