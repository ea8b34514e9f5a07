"""Compiling a catalog and looking names up in it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from spacy_catalog_ner.catalog import Catalog, Entry, compile_catalog
from spacy_catalog_ner.catalog.compiled import hash_ids
from spacy_catalog_ner.errors import CatalogNERError, Problems

BOSTON_BAND = Entry("Boston", "ARTIST", "artist/boston", weight=2)
BOSTON_CITY = Entry("Boston", "CITY", "city/boston", weight=9)
WEEKND = Entry("The Weeknd", "ARTIST", "artist/weeknd", weight=5, aliases=("Abel Tesfaye",))


@pytest.fixture
def catalog(tmp_path) -> Catalog:
    return compile_catalog([BOSTON_BAND, WEEKND, BOSTON_CITY], tmp_path / "media.catalog")


def test_a_name_is_looked_up_in_any_case_and_spacing(catalog):
    assert [entry.id for entry in catalog.lookup("  the   WEEKND ")] == ["artist/weeknd"]


def test_an_alias_stands_for_the_entry(catalog):
    (entry,) = catalog.lookup("abel tesfaye")
    assert (entry.text, entry.label, entry.weight) == ("The Weeknd", "ARTIST", 5)


def test_the_more_popular_entry_of_a_name_comes_first(catalog):
    assert [entry.id for entry in catalog.lookup("boston")] == ["city/boston", "artist/boston"]


def test_entries_of_equal_weight_come_in_alphabetical_order(tmp_path):
    entries = [Entry("Up", label, f"{label}/1") for label in ("SONG", "ALBUM", "MOVIE")]
    catalog = compile_catalog(entries, tmp_path / "c")
    assert [entry.label for entry in catalog.lookup("up")] == ["ALBUM", "MOVIE", "SONG"]


@pytest.mark.parametrize("name", ["unknown", "bost", "bostonia", "", "the"])
def test_a_name_that_is_not_there_stands_for_nothing(catalog, name):
    assert catalog.lookup(name) == []


def test_length_labels_and_iteration_describe_the_entries(catalog):
    assert len(catalog) == 3
    assert catalog.labels == ["ARTIST", "CITY"]
    assert {entry.id for entry in catalog} == {"city/boston", "artist/weeknd", "artist/boston"}
    assert catalog.meta["entries_per_label"] == {"ARTIST": 2, "CITY": 1}


def test_an_entry_comes_back_as_it_went_in(tmp_path):
    entry = Entry("Shakira", "ARTIST", "a/1", 7.5, ("Shaki", "Shakira Isabel"), "es")
    assert list(compile_catalog([entry], tmp_path / "c")) == [entry]


def test_max_length_is_that_of_the_longest_surface_form(catalog):
    assert catalog.max_length == len("abel tesfaye")


def test_the_largest_weight_that_an_entry_takes_comes_back(tmp_path):
    catalog = compile_catalog([Entry("Boston", "CITY", weight=1e300)], tmp_path / "c")
    assert catalog.lookup("boston")[0].weight == 1e300


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"text": 5}, "expected a name, got 5"),
        ({"label": 5}, "no label"),
        ({"id": 5}, "id: expected a string, got 5"),
        ({"id": None}, "id: expected a string, got None"),
        ({"lang": b"en"}, "lang: expected a string, got b'en'"),
        ({"weight": "5"}, "weight: expected a number from 0 to 1e[+]300, got '5'"),
        ({"weight": True}, "weight: expected a number .*, got True"),
        ({"weight": float("nan")}, "weight: expected a number .*, got nan"),
        ({"aliases": "AC/DC"}, "aliases: expected a tuple, got 'AC/DC'"),
        ({"aliases": (5,)}, "expected a name, got 5"),
    ],
)
def test_an_entry_of_values_of_another_type_is_refused(values, message):
    with pytest.raises(CatalogNERError, match=message):
        Entry(**{"text": "Boston", "label": "CITY", **values})


def test_aliases_may_be_a_list():
    assert Entry("Boston", "CITY", aliases=["Beantown"]).aliases == ("Beantown",)


def test_a_weight_may_be_any_real_number():
    assert Entry("Boston", "CITY", weight=np.int64(2)).weight == 2


def test_a_weight_that_a_compiled_catalog_cannot_hold_is_refused():
    with pytest.raises(CatalogNERError, match="weight: expected a number from 0"):
        Entry("Boston", "CITY", weight=1e301)


def test_repeated_entries_are_merged_with_all_aliases_and_the_larger_weight(tmp_path):
    entries = [
        Entry("Prince", "ARTIST", "p", weight=3, aliases=("The Artist",)),
        Entry("Prince", "ARTIST", "p", weight=7, aliases=("Love Symbol",)),
    ]
    catalog = compile_catalog(entries, tmp_path / "c")
    assert len(catalog) == 1
    for name in ("prince", "the artist", "love symbol"):
        (entry,) = catalog.lookup(name)
        assert (entry.weight, entry.aliases) == (7, ("Love Symbol", "The Artist"))


def test_the_same_name_with_another_id_is_another_entry(tmp_path):
    entries = [Entry("Nirvana", "ARTIST", "us"), Entry("Nirvana", "ARTIST", "uk")]
    catalog = compile_catalog(entries, tmp_path / "c")
    assert {entry.id for entry in catalog.lookup("nirvana")} == {"us", "uk"}


def located(problems: Problems, rows: list[Entry]):
    """Yield entries as a reader does that says where each of them stands."""
    for line, entry in enumerate(rows, start=1):
        problems.at = ("names.jsonl", line)
        yield entry


def test_a_repeated_entry_is_reported_with_both_lines(tmp_path):
    problems = Problems()
    rows = [BOSTON_CITY, WEEKND, BOSTON_CITY]
    compile_catalog(located(problems, rows), tmp_path / "c", problems=problems)
    assert problems.counts == {"repeated entry": 1}
    assert problems.messages == [
        "names.jsonl:3: 'Boston' repeats names.jsonl:1; the two are merged"
    ]


def test_an_id_that_two_labels_have_is_reported_with_both_lines(tmp_path):
    problems = Problems()
    rows = [WEEKND, Entry("Boston", "CITY", "42"), Entry("Dune", "MOVIE", "42")]
    catalog = compile_catalog(located(problems, rows), tmp_path / "c", problems=problems)
    assert problems.counts == {"conflicting id": 1}
    assert problems.messages == [
        "names.jsonl:3: 'Dune' has the id '42', as names.jsonl:2 under another label; both are kept"
    ]
    assert len(catalog) == 3


def test_translations_that_share_an_id_are_no_problem(tmp_path):
    problems = Problems()
    rows = [Entry("Munich", "CITY", "q1726", lang="en"), Entry("München", "CITY", "q1726")]
    compile_catalog(rows, tmp_path / "c", problems=problems)
    assert len(problems) == 0


def test_an_entry_is_got_by_its_id(catalog):
    assert catalog.get("artist/weeknd") == WEEKND


@pytest.mark.parametrize("identifier", ["artist/nobody", "", "artist"])
def test_an_id_that_no_entry_has_gets_nothing(catalog, identifier):
    assert catalog.get(identifier) is None


def test_entries_are_found_by_their_label(catalog):
    for label in catalog.labels:
        numbers = [n for n in range(len(catalog)) if catalog.entry(n).label == label]
        assert catalog.numbers_of_label(label).tolist() == numbers != []
    assert catalog.numbers_of_label("NOTHING").tolist() == []


def test_of_entries_that_share_an_id_the_most_popular_is_got(tmp_path):
    names = [Entry("München", "CITY", "q1726", weight=1), Entry("Munich", "CITY", "q1726", 3)]
    assert compile_catalog(names, tmp_path / "c").get("q1726").text == "Munich"


def test_ids_whose_hashes_are_equal_are_told_apart(tmp_path):
    numbers = [str(number) for number in range(200_000)]
    first_of = {}
    one, two = next(
        (first_of[h], n)
        for n, h in zip(numbers, hash_ids(numbers).tolist(), strict=True)
        if first_of.setdefault(h, n) != n
    )
    catalog = compile_catalog([Entry("One", "X", one), Entry("Two", "X", two)], tmp_path / "c")
    assert (catalog.get(one).text, catalog.get(two).text) == ("One", "Two")


def test_a_catalog_may_have_no_ids_at_all(tmp_path):
    catalog = compile_catalog([Entry("Boston", "CITY"), Entry("Dune", "MOVIE")], tmp_path / "c")
    assert [entry.id for entry in catalog.lookup("dune")] == [""]
    assert catalog.get("1") is None


def test_a_catalog_may_have_a_single_entry_of_a_single_character(tmp_path):
    catalog = compile_catalog([Entry("X", "BRAND")], tmp_path / "c")
    assert [entry.label for entry in catalog.lookup("x")] == ["BRAND"]


def test_names_in_any_script_come_back_as_they_were_written(tmp_path):
    names = ["Björk", "東京", "Москва", "Straße", "İstanbul", "P!nk", "\U0001d518nicode", "🎵 Song"]
    catalog = compile_catalog([Entry(name, "X", name) for name in names], tmp_path / "c")
    for name in names:
        assert [entry.text for entry in catalog.lookup(name)] == [name]
        assert catalog.get(name).text == name


def test_without_diacritics_a_name_is_looked_up_with_and_without_accents(tmp_path):
    catalog = compile_catalog(
        [Entry("Beyoncé", "ARTIST")], tmp_path / "c", normalization="nfkc-casefold-no-diacritics"
    )
    assert [entry.text for entry in catalog.lookup("beyonce")] == ["Beyoncé"]
    assert [entry.text for entry in catalog.lookup("BEYONCÉ")] == ["Beyoncé"]


def test_the_order_of_the_input_makes_no_difference(tmp_path):
    entries = [
        BOSTON_BAND,
        WEEKND,
        BOSTON_CITY,
        Entry("the weeknd", "ARTIST", "artist/weeknd"),
        Entry("The Weeknd", "ARTIST", "artist/weeknd", weight=6, aliases=("Starboy",), lang="en"),
    ]
    catalogs = [
        compile_catalog(rows, tmp_path / str(number), name="same")
        for number, rows in enumerate(itertools.permutations(entries))
        if number % 7 == 0
    ]
    assert len({catalog.meta["content_version"] for catalog in catalogs}) == 1
    assert all(list(catalog) == list(catalogs[0]) for catalog in catalogs)


@pytest.mark.parametrize(
    "other",
    [
        Entry("Boston", "CITY", "city/boston", weight=10),
        Entry("Boston", "CITY", "city/2", weight=9),
        Entry("Boston", "TOWN", "city/boston", weight=9),
        Entry("Boston", "CITY", "city/boston", weight=9, aliases=("Beantown",)),
        Entry("Boston", "CITY", "city/boston", weight=9, lang="en"),
    ],
)
def test_other_content_has_another_content_version(tmp_path, other):
    one = compile_catalog([BOSTON_CITY], tmp_path / "one", name="same")
    two = compile_catalog([other], tmp_path / "two", name="same")
    assert one.meta["content_version"] != two.meta["content_version"]


def test_the_catalog_is_named_after_its_folder_unless_told(tmp_path):
    assert compile_catalog([WEEKND], tmp_path / "media.catalog").meta["name"] == "media"
    assert compile_catalog([WEEKND], tmp_path / "c", name="Our media").meta["name"] == "Our media"


def test_an_unknown_normalization_is_a_one_line_error(tmp_path):
    with pytest.raises(CatalogNERError, match="unknown normalization 'soundex'; there are nfkc"):
        compile_catalog([WEEKND], tmp_path / "c", normalization="soundex")


def test_more_labels_than_a_catalog_can_hold_are_a_one_line_error(tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_catalog_ner.catalog.compiler._MAX_LABELS", 2)
    names = [Entry("Boston", label) for label in ("c1", "c2", "c3")]
    with pytest.raises(CatalogNERError, match="more than 2 labels; is an id taken for the label"):
        compile_catalog(names, tmp_path / "c")


def test_each_step_after_reading_is_announced(tmp_path):
    steps = []
    compile_catalog([WEEKND], tmp_path / "c", progress=steps.append)
    assert steps[0] == "building the trie"
    assert steps[-1] == "writing"


def test_opening_maps_the_arrays_instead_of_reading_them(catalog):
    assert all(isinstance(array, np.memmap) for array in catalog.arrays.values())


def test_bytes_give_back_the_same_catalog(catalog):
    again = Catalog.from_bytes(*catalog.to_bytes())
    assert again.path is None
    assert again.meta == catalog.meta
    assert list(again) == list(catalog)
    assert again.lookup("Abel Tesfaye") == catalog.lookup("Abel Tesfaye")
    assert again.get("city/boston") == BOSTON_CITY
