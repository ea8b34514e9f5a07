"""The evaluation report as one HTML file, and as Markdown: what is in them, and that it is safe."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.displacy.render import DEFAULT_LABEL_COLORS

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.evaluation.alignment import Pair, align_rows
from spacy_catalog_ner.evaluation.comparison import compare
from spacy_catalog_ner.evaluation.html import render_html
from spacy_catalog_ner.evaluation.markdown import render_result_markdown
from spacy_catalog_ner.evaluation.metrics import evaluate_pairs
from spacy_catalog_ner.evaluation.stages import attribute

HOSTILE = "</script><img src=x onerror=alert(1)><!-- <script> & \u2028"

ADELE, HELLO = (14, 19, "ARTIST"), (5, 10, "SONG")
TEXT = "play hello by adele"


def row(text: str, *spans: tuple[int, int, str], score: float | None = None, **more) -> dict:
    keys = ("start", "end", "label")
    items = [dict(zip(keys, span, strict=True)) for span in spans]
    if score is not None:
        items = [{**item, "score": score} for item in items]
    return {"text": text, "spans": items, **more}


def pair_up(gold: list[dict], predicted: list[dict]) -> list[Pair]:
    return align_rows(predicted, gold, Problems())


def evaluate(pairs: list[Pair], **options) -> dict:
    return evaluate_pairs(pairs, samples=20, **options)


def render(pairs: list[Pair], *, title: str = "Test", train=None, **options) -> str:
    result = evaluate(pairs, train=train)
    attributed = attribute(pairs, compare(pairs))
    return render_html(result, pairs, title=title, attributed=attributed, **options)


class Page(HTMLParser):
    """The elements of a page, its visible text, and the JSON in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.data: dict = {}
        self._open: tuple[str, str | None] = ("", None)
        self.feed(html)
        self.close()
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self._open = (tag, dict(attrs).get("id"))

    def handle_endtag(self, tag):
        self._open = ("", None)

    def handle_comment(self, data):
        self.tags.append("comment")

    def handle_data(self, data):
        if self._open == ("script", "data"):
            self.data = json.loads(data)
        elif self._open[0] not in ("script", "style"):
            self.texts.append(data)


@pytest.fixture
def pairs() -> list[Pair]:
    """One artist missed, a song taken for an artist, one text all right."""
    gold = [row(TEXT, HELLO, ADELE), row("play hello", HELLO), row("play hello", HELLO)]
    predicted = [
        row(TEXT, HELLO, score=0.9),
        row("play hello", (5, 10, "ARTIST"), score=0.6),
        row("play hello", HELLO, score=0.8),
    ]
    return pair_up(gold, predicted)


# What is shown


def test_the_summary_has_every_figure_with_its_interval(pairs):
    result = evaluate(pairs)
    text = Page(render(pairs)).text
    low, high = result["micro"]["intervals"]["f1"]
    assert f"F1 {result['micro']['f1']:.3f} {low:.3f} to {high:.3f}" in text
    assert f"Macro F1 {result['macro_f1']:.3f}" in text
    assert f"Type accuracy {result['type_accuracy']:.3f}" in text
    assert "3 texts, 4 gold entities, 3 predicted, 2 of them right" in text


def test_a_baseline_stands_beside_with_the_difference(pairs):
    gold = [pair.gold for pair in pairs]
    nothing = pair_up(gold, [row(pair.gold["text"]) for pair in pairs])
    html = render(pairs, baseline=evaluate(nothing), baseline_pairs=nothing)
    f1 = evaluate(pairs)["micro"]["f1"]
    assert f"baseline 0.000 (+{f1:.3f})" in Page(html).text
    assert Page(html).data["texts"][0][6] == []
    assert "aseline" not in Page(render(pairs)).text


def test_sections_without_figures_are_left_out(pairs):
    without = Page(render(pair_up([row(TEXT, ADELE)], [row(TEXT)]))).text
    assert "Calibration" not in without and "unseen" not in without
    text = Page(render(pairs, train=[row("adele", (0, 5, "ARTIST"))])).text
    assert "Expected calibration error" in text and "unseen" in text


def test_texts_with_errors_are_embedded_with_kind_and_stage(pairs):
    data = Page(render(pairs)).data
    first, second = data["texts"]
    assert data["labels"] == ["ARTIST", "SONG"]
    assert first[:5] == ["row 1", TEXT, "", [[5, 10, 1], [14, 19, 0]], [[5, 10, 1]]]
    [(side, span, kind, stage)] = first[5]
    assert (side, span, data["kinds"][kind], data["stages"][stage]) == (0, 1, "missed", "student")
    assert [data["kinds"][kind] for _, _, kind, _ in second[5]] == ["type", "type"]


def test_labels_have_the_colours_of_displacy():
    pairs = pair_up(
        [row("adele in paris", (0, 5, "ARTIST"), (9, 14, "GPE"))], [row("adele in paris")]
    )
    artist, gpe = Page(render(pairs)).data["colours"]
    assert gpe == DEFAULT_LABEL_COLORS["GPE"]
    assert artist in DEFAULT_LABEL_COLORS.values()


def test_an_evaluation_without_errors_or_entities_is_rendered():
    assert "There are none." in Page(render(pair_up([row(TEXT)], [row(TEXT)]))).text


# Size


def test_errors_beyond_the_limit_are_left_out_and_counted(pairs):
    page = Page(render(pairs, max_errors=1))
    assert len(page.data["texts"]) == 1
    assert "Shown are the first 1 of the 2 texts with errors." in page.text


def test_long_texts_never_make_a_page_of_10_megabytes():
    texts = ["é" * 400_000 + str(number) for number in range(20)]
    pairs = pair_up([row(text, (0, 5, "A")) for text in texts], [row(text) for text in texts])
    html = render(pairs)
    assert len(html.encode("utf8")) < 10_000_000
    assert "of the 20 texts with errors" in Page(html).text


def test_of_hundreds_of_labels_the_most_confused_are_shown():
    rows = [row(f"text {number}", (0, 4, f"L{number:03}")) for number in range(300)]
    predicted = [row(f"text {number}") if number > 297 else rows[number] for number in range(300)]
    page = Page(render(pair_up(rows, predicted)))
    assert "Shown are the 60 labels of 300 with the most errors." in page.text
    assert "gold L299, predicted nothing: 1" in [value for _, value in page.attributes]


# Safe and self-contained


def test_nothing_is_fetched_from_anywhere(pairs):
    html = render(pairs)
    assert "default-src 'none'" in html
    assert not re.search(r"https?://|@import|url\(", html)
    links = [value for name, value in Page(html).attributes if name in ("src", "href")]
    assert all(link.startswith(("#", "data:")) for link in links)


def test_hostile_titles_labels_and_names_stay_text():
    gold = [row(TEXT, (5, 10, HOSTILE), id=HOSTILE)]
    pairs = pair_up(gold, [row(TEXT, (0, 4, HOSTILE + "2"), id=HOSTILE)])
    page = Page(render(pairs, title=HOSTILE))
    assert "img" not in page.tags and "comment" not in page.tags
    assert page.data["texts"][0][0] == HOSTILE
    assert "".join(page.text.split()).count("".join(HOSTILE.split())) >= 4


@settings(max_examples=50, deadline=None)
@given(text=st.text(min_size=1) | st.sampled_from([HOSTILE, "<!--<script>", "]]>", "&lt;"]))
def test_no_text_can_change_the_page(text):
    pairs = pair_up([row(text, (0, 1, "A"))], [row(text)])
    plain = Page(render(pair_up([row("x" * len(text), (0, 1, "A"))], [row("x" * len(text))])))
    page = Page(render(pairs))
    assert page.tags == plain.tags
    assert page.data["texts"][0][1] == text


@settings(max_examples=50, deadline=None)
@given(data=st.data(), text=st.text("aé😀🎵\n", min_size=1, max_size=12))
def test_offsets_are_those_of_javascript(data, text):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    page = Page(render(pair_up([row(text, (start, end, "A"))], [row(text)])))
    [(first, last, _)] = page.data["texts"][0][3]
    units = text.encode("utf-16-le")
    assert units[2 * first : 2 * last].decode("utf-16-le") == text[start:end]


def test_a_baseline_of_other_texts_is_an_error(pairs):
    with pytest.raises(CatalogNERError, match="baseline predictions are for other texts"):
        render(pairs, baseline=evaluate(pairs), baseline_pairs=pairs[:1])


# Markdown


def test_markdown_has_summary_labels_stages_and_errors(pairs):
    result = evaluate(pairs)
    text = render_result_markdown(result, "My test")
    low, high = result["micro"]["intervals"]["f1"]
    assert text.startswith("# My test\n")
    assert f"| F1 | {result['micro']['f1']:.3f} | {low:.3f} to {high:.3f} |" in text
    assert "| SONG | 0.800 |" in text
    assert "| student | 2 | 1 | 1.000 |" in text
    assert "| missed | 1 |" in text


def test_every_markdown_row_has_as_many_cells_as_its_head():
    gold = row(TEXT, (0, 4, "A|B"), (5, 10, "*<b>*"))
    text = render_result_markdown(evaluate(pair_up([gold], [row(TEXT)])), "# a\nb")
    assert "| A\\|B |" in text and "| \\*&lt;b>\\* |" in text
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
