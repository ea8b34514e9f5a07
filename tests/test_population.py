"""Populating patterns: exact spans, balance, splits without a common entity, and the command."""

from __future__ import annotations

import json
import multiprocessing
import signal
import time
from collections import Counter
from pathlib import Path

import populating
import pytest
import test_cli
from conftest import write_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from populating import PATTERNS

from spacy_catalog_ner.catalog import Entry
from spacy_catalog_ner.cli.common import make_tokenizer
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.generation.patterns import Pattern
from spacy_catalog_ner.generation.population.data_set import parse_shares
from spacy_catalog_ner.generation.population.names import gather_names, name_key
from spacy_catalog_ner.generation.population.population import Population, Style
from spacy_catalog_ner.generation.population.row_checks import ELSEWHERE, NO_BOUNDARY, RowChecker
from spacy_catalog_ner.wording.spoken_form import spoken_form

cli = test_cli.cli  # the fixture


def populate(patterns: list[Pattern], count: int = 100, lang: str = "en", **style) -> list[dict]:
    return made(Population(lang, Style(**style)), patterns, populating.names(lang), count)


def made(population: Population, patterns: list[Pattern], names: dict, count: int) -> list[dict]:
    return [row.to_dict() for row in population.populate(patterns, names, count)]


def surfaces(row: dict) -> list[str]:
    return [row["text"][span["start"] : span["end"]] for span in row["spans"]]


# Rows


def test_a_row_tells_how_it_was_made():
    (row,) = populate([PATTERNS[3]], 1)
    (span,) = row["spans"]
    assert row["lang"] == "en" and span["label"] == "CITY" and span["id"].startswith("CITY/")
    assert row["meta"] == {
        "pattern": PATTERNS[3].id,
        "source": "written",
        "form": "spoken",
        "noise": [],
    }


def test_written_rows_have_names_as_the_catalog_has_them():
    rows = populate(PATTERNS, form="written")
    assert {name for row in rows for name in surfaces(row)} <= {
        entry.text for entry in populating.ENTRIES
    }


def test_spoken_rows_are_in_lower_case_without_punctuation():
    for row in populate(PATTERNS, form="spoken"):
        assert row["text"] == spoken_form(row["text"], "en")


def test_mixed_rows_are_of_both_forms():
    forms = Counter(row["meta"]["form"] for row in populate(PATTERNS, form="mixed"))
    assert forms["spoken"] > 30 and forms["written"] > 30


def test_noise_is_named_and_never_in_a_name():
    rows = populate(PATTERNS, form="mixed", noise=0.8)
    assert {kind for row in rows for kind in row["meta"]["noise"]} == {
        "hesitation",
        "repetition",
        "no_punctuation",
    }
    known = {name_key(entry.text, "en") for entry in populating.ENTRIES}
    assert {name_key(name, "en") for row in rows for name in surfaces(row)} <= known


def test_no_name_is_twice_in_an_utterance_and_no_text_twice_in_a_set():
    rows = populate(PATTERNS, 300)
    assert all(len(set(surfaces(row))) == len(row["spans"]) for row in rows)
    assert len({row["text"].lower() for row in rows}) == len(rows) == 300


def test_words_agree_with_names():
    patterns = [Pattern("a <CITY> show", "en")]
    names = gather_names(
        [Entry(name, "CITY") for name in ("Oslo", "Rome", "The Hague")], "en", {"CITY"}
    )
    rows = made(Population("en", Style(form="written")), patterns, names, 3)
    assert {row["text"] for row in rows} == {"an Oslo show", "a Rome show", "The Hague show"}


def test_the_same_seed_gives_the_same_rows():
    style = {"form": "mixed", "noise": 0.5}
    assert populate(PATTERNS, seed=1, **style) == populate(PATTERNS, seed=1, **style)
    assert populate(PATTERNS, seed=1, **style) != populate(PATTERNS, seed=2, **style)


@settings(max_examples=200)
@given(
    pieces=st.lists(st.text(max_size=12), min_size=3, max_size=3),
    texts=st.lists(
        st.text(min_size=1, max_size=12).filter(
            lambda text: any(map(str.isalnum, text)) and "\0" not in text
        ),
        min_size=1,
        max_size=5,
    ),
    form=st.sampled_from(["spoken", "written"]),
    noise=st.sampled_from([0.0, 1.0]),
    lang=st.sampled_from(["en", "es"]),
)
def test_spans_are_exactly_the_names_whatever_patterns_and_names_hold(
    pieces, texts, form, noise, lang
):
    pattern = Pattern(f"{pieces[0]}<X>{pieces[1]}<X>{pieces[2]}", lang)
    names = gather_names([Entry(text, "X") for text in texts], lang, {"X"})
    if len(names["X"]) < 2 or pattern.labels != ("X", "X"):
        return
    expected = {text if form == "written" else spoken_form(text, lang) for text in texts}
    population = Population(lang, Style(form=form, noise=noise))
    for row in made(population, [pattern], names, 5):
        first, second = row["spans"]
        assert set(surfaces(row)) <= expected
        assert 0 <= first["start"] < first["end"] <= second["start"] < second["end"]
        assert second["end"] <= len(row["text"])


# Balance


def test_all_patterns_are_used_equally_often():
    patterns = [Pattern(f"{word} <CITY> or <ARTIST>", "en") for word in ("a", "b", "c", "d")]
    used = Counter(row["meta"]["pattern"] for row in populate(patterns, 80))
    assert set(used.values()) == {20}


def test_patterns_of_rare_labels_have_a_second_turn():
    patterns = [Pattern(f"{word} <ARTIST>", "en") for word in "abcdefghij"]
    rare = Pattern("what's on in <CITY>", "en")
    used = Counter(row["meta"]["pattern"] for row in populate([*patterns, rare], 100))
    others = [used[pattern.id] for pattern in patterns]
    assert max(others) - min(others) <= 1
    assert used[rare.id] > 1.5 * max(others)


def test_a_pattern_without_placeholders_is_used_once():
    used = Counter(row["text"] for row in populate(PATTERNS, 60))
    assert used["turn it down a bit"] == used["never mind"] == 1


def test_fewer_rows_than_asked_for_when_nothing_new_comes():
    assert 15 <= len(populate([PATTERNS[3]], 1000)) <= 20  # there are 20 cities


# Checks


def test_a_name_glued_to_a_word_is_dropped_and_counted():
    population = Population("en", Style())
    patterns = [Pattern("two <ARTIST>s", "en"), PATTERNS[3]]
    rows = made(population, patterns, populating.names(), 15)
    assert {row["meta"]["pattern"] for row in rows} == {PATTERNS[3].id}
    assert population.dropped[NO_BOUNDARY] == 20


def test_a_name_that_is_also_elsewhere_in_the_text_is_dropped():
    population = Population("en", Style(form="written"))
    rows = made(population, [Pattern("not queen but <ARTIST>", "en")], populating.names(), 100)
    assert "not queen but Queen" not in {row["text"] for row in rows}
    assert population.dropped[ELSEWHERE]


@pytest.mark.parametrize(
    ("text", "name", "fault"),
    [
        ("play Adele's song", "Adele", ""),
        ("play (Adele)", "Adele", ""),
        ("play Adeles", "Adele", NO_BOUNDARY),
        ("play Adele.com", "Adele", NO_BOUNDARY),
        ("up and Up", "up", ELSEWHERE),
        ("upper up", "up", ""),
    ],
)
def test_boundaries_are_those_of_the_tokens(text, name, fault):
    start = text.rindex(name) if fault != ELSEWHERE else 0
    span = (start, start + len(name))
    assert RowChecker(make_tokenizer("en")).find_fault(text, [span], [name]) == fault


# Too few names


def test_too_few_names_for_a_pattern_are_one_line():
    names = gather_names([Entry("Paris", "CITY")], "en", {"CITY"})
    with pytest.raises(
        CatalogNERError, match=r"CITY: 1 names, and the pattern .* needs 2"
    ) as error:
        list(Population("en", Style()).populate([Pattern("<CITY> or <CITY>", "en")], names, 5))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["0.7,0.3", "0.7,0.1,0.1", "a,b,c", "1.5,-0.5,0", ""])
def test_shares_that_are_none_are_one_line(text):
    with pytest.raises(CatalogNERError, match="splits: expected shares of train, dev and test"):
        parse_shares(text)


def test_a_split_of_share_0_is_left_out():
    assert parse_shares("0,0,1") == {"test": 1.0}


# The command


@pytest.fixture
def inputs(tmp_path) -> list:
    patterns = write_rows(tmp_path / "patterns.jsonl", [p.to_row() for p in PATTERNS])
    entries = write_rows(tmp_path / "entries.jsonl", [e.to_row() for e in populating.ENTRIES])
    labels = tmp_path / "labels.yml"
    labels.write_text("".join(f"{k}: {v}\n" for k, v in populating.LABELS.items()))
    return [patterns, "--entries", entries, "--labels", labels]


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def test_the_command_writes_splits_that_share_no_name_and_a_card(cli, inputs, tmp_path):
    output = tmp_path / "out"
    options = ["--count", 60, "--splits", "0.5,0.2,0.3", "--form", "mixed", "--noise", 0.2]
    result = cli("generate", "populate", *inputs, *options, "-o", output)
    assert result.code == 0
    assert "6 patterns nobody has reviewed" in result.err
    summary = json.loads(result.out)
    rows = {split: read(output / f"{split}.jsonl") for split in ("train", "dev", "test")}
    assert summary["utterances"] == {"train": 30, "dev": 12, "test": 18}
    assert {split: len(part) for split, part in rows.items()} == summary["utterances"]
    assert summary["utterances_per_second"] > 0 and summary["problems"] == {}
    names = [
        {name_key(name, "en") for row in part for name in surfaces(row)} for part in rows.values()
    ]
    assert not (names[0] & names[1] or names[0] & names[2] or names[1] & names[2])
    card = json.loads((output / "card.json").read_text())
    assert all(shared["names"] == shared["texts"] == 0 for shared in card["overlap"].values())
    assert (output / "card.md").read_text().startswith("# out\n")


def test_decisions_that_reject_are_not_used(cli, inputs, tmp_path):
    answers = ["accept", "reject", "accept", "accept", "ignore", "reject"]
    rows = [{**p.to_row(), "answer": answer} for p, answer in zip(PATTERNS, answers, strict=True)]
    write_rows(inputs[0], rows)
    result = cli("generate", "populate", *inputs, "--count", 20, "-o", tmp_path / "out")
    assert "nobody has reviewed" not in result.err
    assert json.loads(result.out)["patterns"] == 3


def test_a_pattern_of_a_label_without_names_is_reported_and_left_out(cli, inputs, tmp_path):
    patterns = [*PATTERNS, Pattern("open <APP>", "en"), Pattern("abre <APP>", "es")]
    write_rows(inputs[0], [pattern.to_row() for pattern in patterns])
    result = cli("generate", "populate", *inputs, "--count", 20, "-o", tmp_path / "out")
    assert "1 patterns left out: no names of APP in the catalog" in result.err
    assert "1 patterns of another language left out" in result.err
    summary = json.loads(result.out)
    assert summary["without_names"] == {"APP": 1} and summary["patterns"] == 6


def test_no_usable_pattern_is_one_line(cli, inputs, tmp_path):
    write_rows(inputs[0], [Pattern("open <APP>", "en").to_row()])
    result = cli("generate", "populate", *inputs, "-o", tmp_path / "out")
    assert result.code == 2
    assert "no pattern to populate: 1 given, 1 of them in 'en'" in result.error
    assert not (tmp_path / "out").exists()


def test_too_few_names_for_three_splits_are_one_line(cli, inputs, tmp_path):
    entries = [Entry(name, "CITY").to_row() for name in ("Paris", "Rome")]
    write_rows(inputs[2], entries)
    write_rows(inputs[0], [PATTERNS[3].to_row()])
    result = cli("generate", "populate", *inputs, "-o", tmp_path / "out")
    assert result.code == 2 and "CITY: 0 names in dev" in result.error


def test_fewer_utterances_than_asked_for_are_reported(cli, inputs, tmp_path):
    write_rows(inputs[0], [PATTERNS[3].to_row()])
    result = cli("generate", "populate", *inputs, "--count", 100, "-o", tmp_path / "out")
    made = sum(json.loads(result.out)["utterances"].values())
    assert made <= 20 and f"{made} utterances instead of 100" in result.err


def test_a_kill_half_way_leaves_the_old_set_and_a_rerun_gives_the_same_bytes(cli, inputs, tmp_path):
    patterns = [Pattern(f"number {n} is <CITY> or <ARTIST> {n}", "en") for n in range(500)]
    write_rows(inputs[0], [pattern.to_row() for pattern in patterns])
    arguments = ["generate", "populate", *map(str, inputs), "--count", "2000"]
    output, whole = tmp_path / "out", tmp_path / "elsewhere" / "out"
    cli("generate", "populate", *inputs, "--count", 30, "-o", output)
    old = (output / "train.jsonl").read_bytes()
    # Forked, so that it is at work at once
    process = multiprocessing.get_context("fork").Process(
        target=cli, args=(*arguments, "-o", output)
    )
    process.start()
    while not list(tmp_path.glob(".out.*/.train.jsonl.*")):
        assert process.is_alive()
        time.sleep(0.001)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert (output / "train.jsonl").read_bytes() == old
    cli(*arguments, "-o", output)
    cli(*arguments, "-o", whole)
    for name in ("train.jsonl", "dev.jsonl", "test.jsonl", "card.json", "card.md"):
        assert (output / name).read_bytes() == (whole / name).read_bytes()


def test_nothing_depends_on_the_order_of_sets(mini_python):
    code = f"""
import sys
sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parent.parent)!r}]
from populating import PATTERNS, names
from spacy_catalog_ner.generation.population.names import split_names
from spacy_catalog_ner.generation.population.population import Population, Style
split = split_names(names(), {{"train": 0.7, "test": 0.3}}, 0)["train"]
print(list(Population("en", Style(form="mixed", noise=0.5)).populate(PATTERNS, split, 50)))
"""
    one, other = (mini_python(code, PYTHONHASHSEED=seed) for seed in ("1", "2"))
    assert one.stdout == other.stdout != "" and not one.stderr
