"""The evaluation report in a real browser, from a file, without any network."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from playwright import sync_api
from test_html_report import HOSTILE, change, evaluate, pair_up, render, row

from spacy_catalog_ner.evaluation.result import Comparison

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# The contrast of every visible text with what is behind it, the smallest first.
CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const paint = (colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)
      .map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    const skipped = "script, noscript, .hidden, [aria-disabled=true]";
    if (!walker.currentNode.data.trim() || parent.closest(skipped)) continue;
    const backs = [];
    for (let node = parent; node; node = node.parentElement) {
      backs.unshift(getComputedStyle(node).backgroundColor);
    }
    const style = getComputedStyle(parent);
    const front = parent.closest("svg") ? style.fill : style.color;
    const back = ["Canvas", ...backs];
    const [low, high] = [paint(back), paint([...back, front])].sort((a, b) => a - b);
    found.push([(high + 0.05) / (low + 0.05), walker.currentNode.data.trim().slice(0, 40)]);
  }
  return found.sort((a, b) => a[0] - b[0]);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    """A headless Chromium of the system."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        message = "no chromium or google-chrome on the PATH"
        if os.environ.get("CI"):
            pytest.fail(f"{message}; install it for the browser tests")
        pytest.skip(message)
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_report(browser, tmp_path):
    """Open a report; nothing may go wrong in it, nor anything but the file be asked for."""
    problems: list[str] = []
    requests: list[str] = []
    contexts = []
    path = tmp_path / "report.html"

    def open_page(html: str, *, width: int = 1280, scheme: str = "light") -> sync_api.Page:
        path.write_text(html, encoding="utf8")
        size = {"width": width, "height": 900}
        context = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: problems.append(dialog.message))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []
    assert set(requests) - {"data:,"} == {path.as_uri()}


@pytest.fixture(scope="module")
def pairs():
    """120 texts of three stages: one artist never a candidate, one not selected, songs right."""
    gold, predicted = [], []
    for number in range(120):
        text = f"play hello by adele {number}"
        song, artist = (5, 10, "SONG"), (14, 19, "ARTIST")
        gold.append(row(text, song, artist))
        names = [song, artist] if number % 3 else [song]
        predicted.append(
            row(text, song, score=0.9, candidates=row(text, *names)["spans"], selected=[])
        )
    text = "book a table in paris"
    gold.append(row(text, (16, 21, "CITY")))
    predicted.append(row(text, (7, 12, "SONG"), (16, 21, "ARTIST"), (16, 21, "CITY"), score=0.4))
    return pair_up(gold, predicted)


@pytest.fixture(scope="module")
def report(pairs):
    """A report with every section."""
    nothing = pair_up([pair.gold for pair in pairs], [row(pair.gold.text) for pair in pairs])
    points = change(72.3, 68.1, 76.2)
    labels = dict.fromkeys(("ARTIST", "CITY", "SONG"), points)
    comparison = Comparison(points, labels, p_value=0.0001, baseline="old/" + "x" * 300)
    options = {
        "baseline": evaluate(nothing),
        "baseline_pairs": nothing,
        "comparison": comparison,
    }
    return render(pairs, title="Browser test", train=[pairs[0].gold], **options)


def status(page) -> str:
    return page.get_by_role("status").inner_text()


def test_the_figures_are_those_of_the_result(open_report, report, pairs):
    page = open_report(report)
    assert page.title() == "Browser test"
    tile = page.locator(".tiles > div", has=page.get_by_text("F1", exact=True))
    assert tile.locator("b").inner_text() == f"{evaluate(pairs).micro.f1:.3f}"


def test_errors_are_shown_fifty_at_a_time(open_report, report):
    page = open_report(report)
    assert status(page) == "121 of 121 texts match; 1 to 50 shown."
    assert page.locator("#error-list > li").count() == 50
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Next").click()
    assert status(page) == "121 of 121 texts match; 101 to 121 shown."
    assert page.locator("#error-list > li").count() == 21
    assert page.locator("#page").inner_text() == "Page 3 of 3"
    assert page.get_by_role("button", name="Next").get_attribute("aria-disabled") == "true"
    page.get_by_role("button", name="Previous").click()
    assert page.locator("#page").inner_text() == "Page 2 of 3"


def test_errors_are_found_by_label_kind_stage_and_text(open_report, report):
    page = open_report(report)
    page.get_by_label("Stage", exact=True).select_option("catalog")
    assert status(page) == "40 of 121 texts match; 1 to 40 shown."
    page.get_by_label("Label", exact=True).select_option("SONG")
    assert status(page) == "0 of 121 texts match."
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Label", exact=True).select_option("SONG")
    assert status(page) == "1 of 121 texts match; 1 to 1 shown."
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Kind", exact=True).select_option("spurious")
    assert status(page).startswith("1 of 121")
    page.get_by_label("Kind", exact=True).select_option("all")
    page.get_by_label("Text or row").fill("BY ADELE 11")
    assert status(page) == "11 of 121 texts match; 1 to 11 shown."
    page.get_by_label("Text or row").fill("row 121")
    assert status(page) == "1 of 121 texts match; 1 to 1 shown."


def test_gold_predicted_and_baseline_stand_side_by_side(open_report, report):
    page = open_report(report)
    page.get_by_label("Text or row").fill("paris")
    views = page.locator(".views > div")
    assert [view.locator("dt").inner_text() for view in views.all()] == [
        "Gold",
        "Predicted",
        "Baseline",
    ]
    gold, predicted, baseline = views.all()
    assert gold.locator("mark.entity").all_inner_texts() == ["parisCITY"]
    # Overlapping entities go onto lines of their own.
    assert predicted.locator(".entities").count() == 2
    assert predicted.locator("mark.wrong").count() == 2
    assert baseline.locator("mark").count() == 0
    left, middle, right = (view.bounding_box()["x"] for view in (gold, predicted, baseline))
    assert left < middle < right
    described = page.locator(".found li").all_inner_texts()
    assert described[0].startswith("spurious: predicted SONG") and "stage student" in described[0]


def test_labels_are_sorted_by_any_column(open_report, report):
    page = open_report(report)
    table = page.get_by_role("region", name="Scores per label").locator("table")
    labels = table.locator("tbody th")
    assert labels.all_inner_texts() == ["ARTIST", "CITY", "SONG"]
    button = table.get_by_role("button", name="Gold")
    button.click()
    assert labels.all_inner_texts()[-1] == "CITY"
    button.click()
    assert labels.all_inner_texts()[0] == "CITY"
    assert table.locator("[aria-sort]").inner_text().startswith("Gold")


def test_offsets_behind_an_emoji_are_right(open_report):
    gold = [row("🎵🎵 adele", (3, 8, "ARTIST"))]
    page = open_report(render(pair_up(gold, [row("🎵🎵 adele")])))
    assert page.locator("mark").first.inner_text().startswith("adele")


def test_hostile_text_is_shown_as_text(open_report):
    gold = [row(HOSTILE, (0, 9, HOSTILE), id=HOSTILE)]
    page = open_report(render(pair_up(gold, [row(HOSTILE, id=HOSTILE)]), title=HOSTILE))
    assert status(page) == "1 of 1 texts match; 1 to 1 shown."
    assert page.locator("img").count() == 0
    for place in ("h1", "h3", ".entities", ".found li"):
        assert (
            "<img src=x onerror=alert(1)><!-- <script> &" in page.locator(place).last.text_content()
        )


def test_a_phone_has_nothing_to_scroll_sideways(open_report, report):
    long = "x" * 300
    gold = [row(f"{long} {long}", (0, 300, "A" * 60))]
    for html in (report, render(pair_up(gold, [row(gold[0]["text"])]), title=long)):
        page = open_report(html, width=390)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_in_light_and_dark(open_report, report, scheme):
    page = open_report(report, scheme=scheme)
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in back[4:-1].split(",")) / 3
    assert brightness < 64 if scheme == "dark" else brightness > 192
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 500
    assert contrasts[0][0] >= 4.5, contrasts[:5]


def test_everything_is_reached_by_tab_and_has_a_name(open_report, report):
    page = open_report(report)
    controls = "a[href], button, select, input, [tabindex='0']"
    expected = page.locator(controls).count()
    names = []
    for _ in range(expected):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate("""() => {
                const at = document.activeElement;
                if (!getComputedStyle(at).outlineStyle.match(/solid|auto/)) return "no outline";
                return at.ariaLabel || at.labels?.[0]?.innerText || at.innerText;
            }""")
            .split("\n")[0]
            .strip()
        )
    assert names[0] == "Skip to the content"
    assert "" not in names and "no outline" not in names
    for name in ("Labels", "Confusion matrix", "Difference", "Stage", "Text or row", "Next"):
        assert name in names
    page.keyboard.press("Enter")  # on "Next", the last one
    assert page.locator("#page").inner_text() == "Page 2 of 3"
    assert page.evaluate("document.activeElement.id") == "next"


def test_landmarks_headings_and_tables_are_those_of_a_document(open_report, report):
    page = open_report(report)
    for role in ("banner", "navigation", "main", "contentinfo", "search"):
        assert page.get_by_role(role).count() == 1, role
    levels = page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4')].map((h) => +h.tagName[1])"
    )
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.locator("table:not(:has(caption))").count() == 0
    assert page.locator("th:not([scope])").count() == 0
    assert page.locator("svg:not([aria-hidden]):not([role=img][aria-label])").count() == 0


@pytest.mark.slow
def test_ten_thousand_errors_open(open_report):
    gold, predicted = [], []
    labels = [f"LABEL_{number}" for number in range(22)]
    for number in range(10_000):
        text = f"please play the song number {number} by some artist in the living room at noon"
        spans = [(12, 20, labels[number % 22]), (28, 32, "SONG"), (45, 51, "ARTIST")]
        gold.append(row(text, *spans))
        predicted.append(row(text, *spans[:-1], score=0.9))
    pairs = pair_up(gold, predicted)
    html = render(pairs, baseline=evaluate(pairs), baseline_pairs=pairs)
    size = len(html.encode("utf8"))
    assert size < 10_000_000
    start = time.perf_counter()
    page = open_report(html)
    assert status(page) == "10,000 of 10,000 texts match; 1 to 50 shown."
    opened = time.perf_counter()
    page.get_by_label("Text or row").fill("number 9999")
    assert status(page) == "1 of 10,000 texts match; 1 to 1 shown."
    found = time.perf_counter()
    print(f"{size / 1e6:.1f} MB, open {opened - start:.2f} s, search {found - opened:.2f} s")
