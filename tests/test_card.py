"""The data card: counts, diversity, overlap, and what is wrong."""

from __future__ import annotations

import json

import pytest
import test_cli
from conftest import annotate, write_rows
from hypothesis import given
from hypothesis import strategies as st

from spacy_catalog_ner.cli.common import make_tokenizer
from spacy_catalog_ner.generation.population.card import (
    NOT_ON_TOKENS,
    Card,
    make_card,
    measure_diversity,
    render_card,
)

cli = test_cli.cli  # the fixture

LABELS = {"ARTIST", "CITY"}
TOKENIZE = make_tokenizer("en")


def made(row: dict, pattern: str, form: str, noise: list[str]) -> dict:
    meta = {"pattern": pattern, "source": "llm", "form": form, "noise": noise}
    return {**row, "lang": "en", "meta": meta}


TRAIN = [
    made(annotate("play Adele", {"Adele": "ARTIST"}), "p1", "written", []),
    made(annotate("play uh queen now", {"queen": "ARTIST"}), "p1", "spoken", ["hesitation"]),
    made(annotate("never mind", {}), "p2", "spoken", []),
]
TEST = [
    made(annotate("adele in paris", {"adele": "ARTIST", "paris": "CITY"}), "p3", "spoken", []),
    made(annotate("Never mind", {}), "p2", "written", []),
]


@pytest.fixture(scope="module")
def card() -> Card:
    return make_card({"train": TRAIN, "test": TEST}, LABELS, "en", TOKENIZE)


def test_the_card_counts_what_the_paper_counts(card):
    assert card.to_dict()["languages"] == {
        "en": {
            "utterances": 5,
            "patterns": 3,
            "average_length": 2.6,
            "entity_types": 2,
            "entities": 4,
            "entities_per_utterance": 0.8,
            "without_entity": 2,
        }
    }
    assert card.splits["test"].utterances == 2
    assert card.labels == {
        "ARTIST": {"mentions": 3, "distinct": 2},
        "CITY": {"mentions": 1, "distinct": 1},
    }


def test_the_card_tells_what_two_sets_share_whatever_the_case(card):
    assert card.overlap == {"train and test": {"texts": 1, "names": 1, "patterns": 1}}


def test_the_card_tells_how_rows_were_made(card):
    assert card.made == {
        "source": {"llm": 5},
        "form": {"spoken": 3, "written": 2},
        "noise": {"hesitation": 1},
    }


def test_sound_rows_have_no_problems(card):
    assert card.validation == {"rows": 5, "spans": 4, "problems": {}}


@pytest.mark.parametrize(
    ("span", "problem"),
    [
        ({"start": 5, "end": 8, "label": "ARTIST"}, NOT_ON_TOKENS),
        ({"start": 5, "end": 80, "label": "ARTIST"}, "span out of range"),
        ({"start": 5, "end": 10, "label": "APP"}, "unknown label"),
        ("Adele", "broken span"),
    ],
)
def test_what_is_wrong_is_counted(span, problem):
    rows = [{"text": "play Adele", "spans": [span]}, {"text": "play"}]
    card = make_card({"all": rows}, LABELS, "en", TOKENIZE)
    assert card.validation["problems"] == {problem: 1, "no spans": 1}
    assert card.languages["en"].entities == 0


def test_a_set_without_rows_has_a_card():
    card = make_card({"empty": []}, LABELS, "en", TOKENIZE)
    assert card.splits["empty"].utterances == 0
    assert "| empty | 0 |" in render_card(card, "nothing")


# Diversity


def test_distinct_is_the_share_of_n_grams_that_differ():
    figures = {"texts": 2, "distinct_1": 0.6, "distinct_2": 0.6667, "distinct_3": 1.0}
    assert measure_diversity(["play it", "play  it now"]) == figures
    assert measure_diversity(["play it"])["distinct_3"] is None


@given(st.lists(st.text(alphabet="abc ", max_size=12), max_size=8))
def test_figures_of_any_texts_are_shares(texts):
    figures = measure_diversity(texts)
    assert figures.pop("texts") == len(texts)
    assert all(value is None or 0 <= value <= 1 for value in figures.values())


# Markdown and the command


def test_markdown_has_all_tables_and_escapes_what_comes_from_data(card):
    text = render_card(card, "my <b>set</b>")
    assert text.startswith("# my &lt;b>set&lt;/b>\n")
    assert "| en | 5 | 3 | 2.6 | 2 | 4 | 0.8 | 2 |" in text
    assert "| ARTIST | 3 | 2 |" in text
    assert "| train and test | 1 | 1 | 1 |" in text
    assert "Problems: none." in text


def test_the_command_describes_any_annotated_sets(cli, tmp_path):
    train = write_rows(tmp_path / "train.jsonl", [{"text": "play Adele", "spans": []}])
    test = write_rows(
        tmp_path / "test.jsonl",
        [annotate("play Adeles", {"Adele": "ARTIST"}), {"spans": []}],
    )
    labels = tmp_path / "labels.yml"
    labels.write_text("ARTIST: a singer\n")
    output, markdown = tmp_path / "card.json", tmp_path / "card.md"
    options = ["--labels", labels, "-o", output, "--markdown", markdown]
    result = cli("generate", "card", train, test, *options)
    assert result.code == 0
    assert f'{test}:2: no "text"; row skipped' in result.err
    assert "1 problems in 1 spans" in result.err
    assert json.loads(result.out) == json.loads(output.read_text())
    assert "| train | 1 |" in markdown.read_text()


def test_two_sets_of_one_name_are_refused(cli, tmp_path):
    path = write_rows(tmp_path / "train.jsonl", [{"text": "play", "spans": []}])
    labels = tmp_path / "labels.yml"
    labels.write_text("ARTIST: a singer\n")
    result = cli("generate", "card", path, path, "--labels", labels, "-o", tmp_path / "card.json")
    assert result.code == 2 and "two sets have the same file name" in result.error
