"""Patterns and their files: what a row holds comes back, and people's last answer counts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.generation.patterns import Pattern
from spacy_catalog_ner.generation.review.decisions import iter_decisions, read_patterns

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SOME_TEXT = TEXTS.filter(str.strip)


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf8")
    return path


@given(
    st.builds(
        Pattern,
        SOME_TEXT.map(lambda text: " ".join(text.split())),
        SOME_TEXT,
        source=SOME_TEXT,
        seed=TEXTS,
        cluster=st.none() | st.integers(),
        meta=st.dictionaries(TEXTS, st.integers()),
    )
)
def test_a_pattern_comes_back_from_its_row(pattern):
    row = json.loads(json.dumps(pattern.to_row()))
    again = Pattern.from_row(row)
    assert again == pattern
    assert again.meta == pattern.meta
    assert again.id == pattern.id == row["id"]


def test_a_pattern_knows_its_placeholders_and_the_text_around_them():
    pattern = Pattern("put on <SONG> by <ARTIST>, no, by <ARTIST>", "en")
    assert pattern.labels == ("SONG", "ARTIST", "ARTIST")
    assert pattern.literals == ("put on ", " by ", ", no, by ", "")


@given(st.lists(st.sampled_from(["play ", "<ARTIST>", "<TV_SHOW>", "<", ">", "<a b>"]), min_size=1))
def test_literals_and_placeholders_together_are_the_text(parts):
    pattern = Pattern("".join(parts), "en")
    labels = [f"<{label}>" for label in pattern.labels] + [""]
    joined = "".join(a + b for a, b in zip(pattern.literals, labels, strict=True))
    assert joined == pattern.text


def test_the_id_is_that_of_text_and_language_whatever_the_case():
    assert Pattern("Play <SONG>", "en").id == Pattern("play <song>", "en", source="llm").id
    assert Pattern("play <SONG>", "en").id != Pattern("play <SONG>", "es").id


def test_white_space_is_folded_and_the_language_of_the_command_fills_in():
    pattern = Pattern.from_row({"pattern": " play \n <SONG> "}, "es")
    assert (pattern.text, pattern.lang, pattern.source) == ("play <SONG>", "es", "written")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, 'expected a "pattern", got None'),
        ({"pattern": " "}, 'expected a "pattern"'),
        ({"pattern": 5, "lang": "en"}, 'expected a "pattern", got 5'),
        ({"pattern": "play <SONG>"}, 'no "lang" in the row'),
        ({"pattern": "play <SONG>", "lang": 5}, "lang: expected text, got 5"),
        ({"pattern": "play <SONG>", "lang": "en", "seed": []}, None),
        ({"pattern": "play <SONG>", "lang": "en", "seed": ["x"]}, "seed: expected text"),
        ({"pattern": "play <SONG>", "lang": "en", "cluster": "3"}, "cluster: expected a whole"),
        ({"pattern": "play <SONG>", "lang": "en", "cluster": True}, "cluster: expected a whole"),
        ({"pattern": "play <SONG>", "lang": "en", "meta": "x"}, "meta: expected an object"),
    ],
)
def test_a_row_of_another_form_says_what_is_wrong(row, message):
    if message is None:
        assert Pattern.from_row(row).seed == ""
        return
    with pytest.raises(CatalogNERError, match=message):
        Pattern.from_row(row)


def test_broken_rows_of_a_file_are_reported_with_their_line(tmp_path):
    path = write(
        tmp_path / "patterns.jsonl",
        {"pattern": "play <SONG>"},
        {"pattern": ""},
        {"pattern": "stop <SONG>", "answer": "perhaps"},
    )
    problems = Problems()
    assert [line for line, _ in iter_decisions(path, problems, "en")] == [1]
    assert problems.counts == {"broken row": 2}
    assert problems.messages[0].startswith(f"{path}:2: expected a")
    assert problems.messages[1].startswith(f'{path}:3: answer: expected "accept" or "reject"')


def test_of_several_answers_to_a_pattern_the_last_counts(tmp_path):
    path = write(
        tmp_path / "decisions.jsonl",
        {"pattern": "play <SONG>", "answer": "reject"},
        {"pattern": "stop <SONG>", "answer": "accept"},
        {"pattern": "Play <SONG>", "answer": "accept"},
        {"pattern": "stop <SONG>", "answer": "ignore"},
        {"pattern": "skip <SONG>"},
    )
    patterns, unreviewed = read_patterns(path, Problems(), "en")
    assert [pattern.text for pattern in patterns] == ["Play <SONG>", "skip <SONG>"]
    assert unreviewed == 1
