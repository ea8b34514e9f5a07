"""Other names in annotated utterances."""

from __future__ import annotations

import json

import populating
import pytest
import test_cli
from conftest import annotate, write_rows
from hypothesis import given
from hypothesis import strategies as st

from spacy_catalog_ner.catalog import Entry
from spacy_catalog_ner.generation.population.augmentation import (
    FAILED,
    NESTED,
    NO_NAMES,
    NOTHING_TO_REPLACE,
    OTHER_LANGUAGE,
    OVERLAPPING,
    Augmentation,
)
from spacy_catalog_ner.generation.population.names import gather_names
from spacy_catalog_ner.io.row import Row

cli = test_cli.cli  # the fixture

NAMES = populating.names()


def augment(rows: list[dict], copies: int = 1, lang: str = "en") -> tuple[list[dict], Augmentation]:
    augmentation = Augmentation(NAMES, lang)
    return copies_of(augmentation, rows, copies), augmentation


def copies_of(augmentation: Augmentation, rows: list[dict], copies: int) -> list[dict]:
    made = augmentation.augment(map(Row.from_dict, rows), copies)
    return [row.to_dict() for row in made]


def surfaces(row: dict) -> list[str]:
    return [row["text"][span["start"] : span["end"]] for span in row["spans"]]


def test_every_name_is_replaced_by_another_of_its_label():
    row = annotate("play madonna in paris please", {"madonna": "ARTIST", "paris": "CITY"})
    rows, augmentation = augment([row], copies=5)
    assert len({copy["text"] for copy in rows}) == 5
    for copy in rows:
        artist, city = surfaces(copy)
        assert copy["text"] == f"play {artist} in {city} please"
        assert artist != "madonna" and city != "paris"
        assert [span["label"] for span in copy["spans"]] == ["ARTIST", "CITY"]
        assert copy["meta"]["original"] == row["text"]
    assert augmentation.replaced == 10


def test_a_region_is_no_other_language():
    row = annotate("play madonna", {"madonna": "ARTIST"}) | {"lang": "en-US"}
    rows, augmentation = augment([row])
    assert len(rows) == 1
    assert not augmentation.counts[OTHER_LANGUAGE]


def test_names_are_as_the_rest_of_the_utterance_is():
    spoken, _ = augment([annotate("play madonna", {"madonna": "ARTIST"})], copies=10)
    assert all(row["text"] == row["text"].lower() for row in spoken)
    written, _ = augment([annotate("Play Madonna!", {"Madonna": "ARTIST"})], copies=10)
    assert all(surfaces(row)[0] in populating.ARTISTS for row in written)


def test_articles_agree_with_the_new_name():
    entries = [Entry(name, "ARTIST") for name in ("Adele", "Queen", "The Who")]
    augmentation = Augmentation(gather_names(entries, "en", {"ARTIST"}), "en")
    rows = copies_of(augmentation, [annotate("A Madonna song", {"Madonna": "ARTIST"})], 3)
    assert {row["text"] for row in rows} == {"An Adele song", "A Queen song", "The Who song"}


def test_the_same_seed_gives_the_same_copies():
    rows = [annotate("play madonna", {"madonna": "ARTIST"})]
    assert augment(rows, 3)[0] == augment(rows, 3)[0]


def test_a_row_with_overlapping_spans_is_kept_as_it_is():
    row = annotate("new york city bar", {"new york city": "CITY", "city bar": "ARTIST"})
    rows, augmentation = augment([row], copies=3)
    assert rows == [row] and augmentation.counts[OVERLAPPING] == 1


def test_a_span_with_two_labels_is_kept_as_it_is():
    row = annotate("play boston", {"boston": "ARTIST"})
    row["spans"].append({**row["spans"][0], "label": "CITY"})
    rows, augmentation = augment([row])
    assert rows == [row] and augmentation.counts[OVERLAPPING] == 1


def test_of_nested_spans_the_outermost_is_replaced_and_the_others_left_out():
    row = annotate("play boston symphony", {"boston symphony": "ARTIST", "boston": "CITY"})
    rows, augmentation = augment([row])
    assert [span["label"] for span in rows[0]["spans"]] == ["ARTIST"]
    assert augmentation.counts[NESTED] == 1


def test_a_name_of_a_label_without_names_stays():
    row = annotate("open spotify and play madonna", {"spotify": "APP", "madonna": "ARTIST"})
    rows, augmentation = augment([row])
    assert surfaces(rows[0])[0] == "spotify" and surfaces(rows[0])[1] != "madonna"
    assert augmentation.counts[NO_NAMES] == 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"text": "never mind", "spans": []}, NOTHING_TO_REPLACE),
        (annotate("open spotify", {"spotify": "APP"}), NOTHING_TO_REPLACE),
        ({**annotate("pon madonna", {"madonna": "ARTIST"}), "lang": "es"}, OTHER_LANGUAGE),
    ],
)
def test_a_row_that_cannot_be_changed_is_kept_once(row, reason):
    rows, augmentation = augment([row], copies=3)
    assert rows == [row] and augmentation.counts[reason] == 1


def test_copies_that_cannot_be_made_are_counted():
    row = annotate("play xmadonna", {"madonna": "ARTIST"})  # not on token boundaries
    rows, augmentation = augment([row], copies=2)
    assert rows == [] and augmentation.counts[FAILED] == 2


@given(
    st.lists(
        st.tuples(st.text(max_size=8), st.text(min_size=1, max_size=8)), min_size=1, max_size=4
    ),
    st.sampled_from(["en", "es"]),
)
def test_spans_are_exactly_the_new_names_whatever_stands_around_them(pieces, lang):
    text, spans = "", []
    for literal, name in pieces:
        text += literal
        spans.append({"start": len(text), "end": len(text) + len(name), "label": "CITY"})
        text += name
    form = str if text != text.lower() else str.lower
    for copy in augment([{"text": text, "spans": spans}], 2, lang)[0]:
        assert len(copy["spans"]) == len(spans)
        assert set(surfaces(copy)) <= set(map(form, populating.CITIES))


def test_the_command_writes_copies_and_says_what_was_not_augmented(cli, tmp_path):
    rows = [
        annotate("play madonna", {"madonna": "ARTIST"}),
        {"text": "stop", "spans": []},
        {"text": "play madonna", "spans": [{"start": 5, "end": 99, "label": "ARTIST"}]},
    ]
    source = write_rows(tmp_path / "in.jsonl", rows)
    entries = write_rows(tmp_path / "entries.jsonl", [e.to_row() for e in populating.ENTRIES])
    labels = tmp_path / "labels.yml"
    labels.write_text("ARTIST: a singer\n")
    output = tmp_path / "out.jsonl"
    options = ["--entries", entries, "--labels", labels, "--copies", 2]
    result = cli("generate", "augment", source, "-o", output, *options)
    assert result.code == 0 and f"{source}:3: span 5..99" in result.err
    summary = json.loads(result.out)
    assert summary == {
        "read": 3,
        "written": 4,
        "names_replaced": 2,
        "not_augmented": {NOTHING_TO_REPLACE: 2},
    }
    assert len(output.read_text().splitlines()) == 4
