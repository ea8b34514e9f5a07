"""Names by label, splits without a common entity, and drawing by popularity."""

from __future__ import annotations

from collections import Counter

import pytest
from conftest import ENTRIES, write_rows
from hypothesis import given
from hypothesis import strategies as st

from spacy_catalog_ner.catalog import Entry
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.generation.population.names import (
    NameSampler,
    gather_names,
    read_names,
    split_names,
)

SHARES = {"train": 0.7, "dev": 0.1, "test": 0.2}
LABELS = {"SONG", "ALBUM"}


def songs(weights: list[float]) -> dict:
    entries = [Entry(f"song {n}", "SONG", weight=weight) for n, weight in enumerate(weights)]
    return gather_names(entries, "en", LABELS)


# Gathering


def test_names_are_read_of_files_and_folders(tmp_path):
    write_rows(tmp_path / "one.jsonl", ENTRIES)
    names = read_names([tmp_path, tmp_path / "one.jsonl"], "en", {"CITY"}, Problems())
    assert {label: [name.text for name in listed] for label, listed in names.items()} == {
        "CITY": ["Boston", "Paris"]
    }


def test_names_of_another_language_are_left_out():
    entries = [Entry("Hello", "SONG", lang="en"), Entry("Hola", "SONG", lang="es")]
    entries.append(Entry("99", "SONG"))
    names = gather_names(entries, "es", LABELS)
    assert {name.text for name in names["SONG"]} == {"Hola", "99"}


def test_aliases_are_no_names():
    names = gather_names([Entry("Hello", "SONG", aliases=("that adele one",))], "en", LABELS)
    assert [name.text for name in names["SONG"]] == ["Hello"]


def test_entries_of_one_name_are_one_as_popular_as_all_of_them():
    entries = [Entry("Hello", "SONG", "a", 2.0), Entry("hello!", "SONG", "b", 3.0)]
    (name,) = gather_names(entries, "en", LABELS)["SONG"]
    assert (name.text, name.id, name.weight) == ("hello!", "b", 5.0)


# Splits


def splits_of(names: dict) -> dict[str, set[str]]:
    return {
        split: {name.key for listed in by_label.values() for name in listed}
        for split, by_label in split_names(names, SHARES, 0).items()
    }


@given(
    st.lists(
        st.builds(
            Entry,
            st.sampled_from(["Hello", "Bad", "Thriller", "Up", "Help!", "help", "Héroes"]),
            st.sampled_from(["SONG", "ALBUM"]),
            id=st.sampled_from(["", "1", "2", "3"]),
            weight=st.floats(0, 10),
            aliases=st.lists(st.sampled_from(["Hi", "bad", "heroes"]), max_size=2).map(tuple),
            lang=st.just(""),
        )
    )
)
def test_no_name_no_alias_and_no_id_is_in_two_splits(entries):
    names = gather_names(entries, "en", LABELS)
    one, two, three = splits_of(names).values()
    assert not (one & two or one & three or two & three)
    groups = [
        {name.group for listed in by_label.values() for name in listed}
        for by_label in split_names(names, SHARES, 0).values()
    ]
    assert not (groups[0] & groups[1] or groups[0] & groups[2] or groups[1] & groups[2])


def test_entries_that_share_an_alias_go_to_the_same_split():
    entries = [Entry(f"song {n}", "SONG", aliases=("the song",)) for n in range(10)]
    sizes = [len(keys) for keys in splits_of(gather_names(entries, "en", LABELS)).values()]
    assert sorted(sizes) == [0, 0, 10]


def test_every_split_has_popular_and_rare_names():
    names = songs([100.0] * 50 + [1.0] * 50)
    for split, by_label in split_names(names, SHARES, 0).items():
        popular = sum(name.weight == 100 for name in by_label["SONG"])
        assert popular == len(by_label["SONG"]) / 2 == SHARES[split] * 50


def test_splits_follow_the_seed():
    names = songs([1.0] * 40)
    assert split_names(names, SHARES, 1) == split_names(names, SHARES, 1)
    assert split_names(names, SHARES, 1) != split_names(names, SHARES, 2)


# Drawing


def shares_of(names: dict, temper: float, draws: int = 4000) -> list[float]:
    sampler = NameSampler(names, temper, "seed")
    counts = Counter(sampler.draw(["SONG"])[0].text for _ in range(draws))
    return [counts[name.text] / draws for name in names["SONG"]]


@pytest.mark.parametrize(
    ("temper", "expected"), [(0, [1 / 3] * 3), (0.5, [0.5, 0.25, 0.25]), (1, [2 / 3, 1 / 6, 1 / 6])]
)
def test_popular_names_are_drawn_more_often_as_the_temper_says(temper, expected):
    assert shares_of(songs([4.0, 1.0, 1.0]), temper) == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0, 0.0], [1e300, 1e300]])
def test_names_of_any_weight_can_be_drawn(weights):
    assert shares_of(songs(weights), 2) == pytest.approx([0.5, 0.5], abs=0.04)


def test_no_name_is_drawn_twice_for_one_utterance_whatever_its_label():
    entries = [Entry(name, label) for label in LABELS for name in ("Thriller", "Bad", "Dangerous")]
    sampler = NameSampler(gather_names(entries, "en", LABELS), 0.5, "seed")
    for _ in range(100):
        names = sampler.draw(["SONG", "ALBUM", "SONG"])
        assert names is not None and len({name.key for name in names}) == 3


def test_names_that_are_taken_are_not_drawn():
    sampler = NameSampler(songs([1.0, 1.0]), 0.5, "seed")
    names = songs([1.0, 1.0])["SONG"]
    assert sampler.draw(["SONG"], taken=[names[0].key]) == [names[1]._replace()]
    assert sampler.draw(["SONG"], taken=[name.key for name in names]) is None


def test_a_negative_temper_is_refused():
    with pytest.raises(CatalogNERError, match="temper: expected 0 or more, got -1"):
        NameSampler({}, -1, "seed")
