"""The evaluation report as one HTML file, and as Markdown: what is in them, and that it is safe."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from spacy.displacy.render import DEFAULT_LABEL_COLORS

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.evaluation import Pair, Result, align_rows, evaluate_pairs
from spacy_catalog_ner.evaluation.html import render_html
from spacy_catalog_ner.evaluation.markdown import render_markdown, render_result_markdown
from spacy_catalog_ner.evaluation.result import Change, Comparison

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


def evaluate(pairs: list[Pair], **options) -> Result:
    return evaluate_pairs(pairs, samples=20, **options)


def render(
    pairs: list[Pair], *, title: str = "Test", train=None, comparison=None, **options
) -> str:
    result = evaluate(pairs, train=train)
    result.comparison = comparison
    return render_html(result, pairs, title=title, **options)


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
    low, high = result.micro.intervals.f1
    assert f"F1 {result.micro.f1:.3f} {low:.3f} to {high:.3f}" in text
    assert f"Macro F1 {result.macro_f1:.3f}" in text
    assert f"Macro precision {result.macro_precision:.3f}" in text
    assert f"Macro recall {result.macro_recall:.3f}" in text
    assert f"Type accuracy {result.type_accuracy:.3f}" in text
    assert "3 texts, 4 gold entities, 3 predicted, 2 of them right" in text


def test_a_baseline_stands_beside_with_the_difference(pairs):
    gold = [pair.gold for pair in pairs]
    nothing = pair_up(gold, [row(pair.gold.text) for pair in pairs])
    html = render(pairs, baseline=evaluate(nothing), baseline_pairs=nothing)
    f1 = evaluate(pairs).micro.f1
    assert f"baseline 0.000 (+{f1:.3f})" in Page(html).text
    assert Page(html).data["texts"][0][6] == []
    assert "aseline" not in Page(render(pairs)).text


def change(points: float, low: float, high: float) -> Change:
    return Change(0.5, 0.6, points, (low, high), evidence=50, is_loss=False)


COMPARISON = Comparison(
    change(16.36, -0.04, 44.7),
    {"ARTIST": change(-2.0, -3.5, -1.0), "SONG": change(3.0, 1.0, 5.0)},
    p_value=0.4906,
    baseline="old <b>.jsonl",
)


def test_a_comparison_is_shown_with_its_interval_and_p(pairs):
    text = Page(render(pairs, baseline=evaluate(pairs), comparison=COMPARISON)).text
    expected = (
        "F1 against the baseline, old <b>.jsonl: +16.4 (+0.0 to +44.7) points, with the 95 %"
        " interval of the difference; p = 0.4906 (paired approximate randomisation)."
    )
    assert expected in text
    assert "-2.0 (-3.5 to -1.0)" in text and "+3.0 (+1.0 to +5.0)" in text
    without = replace(COMPARISON, p_value=None)
    page = Page(render(pairs, baseline=evaluate(pairs), comparison=without))
    assert "of the difference." in page.text and "p =" not in page.text


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
    assert "1 of the 2 texts with errors are left out" in page.text


def test_a_text_too_large_for_the_page_is_left_out_and_the_others_are_shown():
    huge = "x" * 9_000_000
    texts = [huge, "play hello", huge + "y", "play adele"]
    pairs = pair_up([row(text, (0, 4, "A")) for text in texts], [row(text) for text in texts])
    page = Page(render(pairs))
    assert [text for _, text, *_ in page.data["texts"]] == ["play hello", "play adele"]
    assert "2 of the 4 texts with errors are left out" in page.text
    assert "the other 2 can be found here" in page.text


def test_a_text_with_too_many_errors_is_left_out_and_the_others_are_shown():
    gold = [row(TEXT, HELLO, ADELE), row("play hello", HELLO)]
    page = Page(render(pair_up(gold, [row(each["text"]) for each in gold]), max_errors=1))
    assert [text for _, text, *_ in page.data["texts"]] == ["play hello"]


def test_long_texts_never_make_a_page_of_10_megabytes():
    texts = ["é" * 400_000 + str(number) for number in range(20)]
    pairs = pair_up([row(text, (0, 5, "A")) for text in texts], [row(text) for text in texts])
    html = render(pairs)
    assert len(html.encode("utf8")) < 10_000_000
    assert "11 of the 20 texts with errors are left out" in Page(html).text


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


@settings(max_examples=25, deadline=None)
@given(
    # A text has a word, as `read_texts` sees to: the table of lengths counts them
    text=st.text(min_size=1, max_size=8).filter(str.strip)
    | st.sampled_from([HOSTILE, "<!--<script>", "]]>", "&lt;"])
)
def test_no_text_can_change_the_page(text):
    pairs = pair_up([row(text, (0, 1, "A"))], [row(text)])
    plain = Page(render(pair_up([row("x" * len(text), (0, 1, "A"))], [row("x" * len(text))])))
    page = Page(render(pairs))
    assert page.tags == plain.tags
    assert page.data["texts"][0][1] == text


@settings(max_examples=30, deadline=None)
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
    low, high = result.micro.intervals.f1
    assert text.startswith("# My test\n")
    assert f"| F1 | {result.micro.f1:.3f} | {low:.3f} to {high:.3f} |" in text
    assert "| SONG | 0.800 |" in text
    assert "| student | 2 | 1 | 1.000 |" in text
    assert "| missed | 1 |" in text


def test_markdown_has_confusions_length_novelty_and_calibration(pairs):
    result = evaluate(pairs, train=[row("hello", (0, 5, "SONG"))])
    text = render_result_markdown(result, "My test")
    assert "| SONG | ARTIST | 1 |" in text
    assert "| 1 to 4 |" in text and "| words |" in text
    assert "| seen | 0.800 |" in text and "| unseen | 0.000 |" in text
    assert "| 0.8 to 0.9 | 1 | 0.800 | 1.000 |" in text
    error = result.calibration.expected_calibration_error
    assert f"Expected calibration error: {error:.3f}" in text
    assert "baseline" not in text


def test_markdown_has_the_baseline_beside(pairs):
    nothing = evaluate(
        pair_up([pair.gold for pair in pairs], [row(pair.gold.text) for pair in pairs])
    )
    result = evaluate(pairs)
    result.comparison = COMPARISON
    text = render_result_markdown(result, "My test", nothing)
    low, high = result.micro.intervals.f1
    f1 = result.micro.f1
    assert f"| F1 | {f1:.3f} | {low:.3f} to {high:.3f} | 0.000 | +{f1:.3f} |" in text
    assert "| 0.000 | +0.800 | +3.0 (+1.0 to +5.0) |" in text
    assert "| missed | 1 | 4 |" in text
    assert "old &lt;b>.jsonl: +16.4 (+0.0 to +44.7) points" in text
    assert "; p = 0.4906 (paired approximate randomisation)." in text


def test_markdown_has_the_twenty_most_frequent_confusions():
    numbers = range(25)
    gold = [row(f"text {number}", (0, 4, f"A{number:02}")) for number in numbers]
    predicted = [row(f"text {number}", (0, 4, f"B{number:02}")) for number in numbers]
    text = render_result_markdown(evaluate(pair_up(gold, predicted)), "My test")
    assert "| A19 | B19 | 1 |" in text and "| A20 | B20 |" not in text
    assert "The first 20 of 25 pairs of labels." in text
    text = render_result_markdown(evaluate(pair_up(gold, gold)), "My test")
    assert "No label was taken for another." in text


def test_every_markdown_row_has_as_many_cells_as_its_head():
    gold = row(TEXT, (0, 4, "A|B"), (5, 10, "*<b>*"))
    predicted = row(TEXT, (0, 4, "*<b>*"), score=0.5)
    result = evaluate(pair_up([gold], [predicted]), train=[gold])
    text = render_result_markdown(result, "# a\nb", baseline=result)
    assert "| A\\|B |" in text and "| \\*&lt;b>\\* |" in text
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_a_table_of_systems_holds_names_with_bars(pairs):
    result = evaluate(pairs)
    result.seconds_per_text = 0.01234
    text = render_markdown("a_b", {}, {"x|y": result})
    assert text.startswith("# a\\_b\n")
    assert "| x\\|y | 0.667 | 0.500 | 0.571 | 0.400 | 0.0123 |" in text
    assert "| label | gold | x\\|y |" in text
