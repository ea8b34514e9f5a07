"""Settings of `catalog_matcher` that keep names out; each is off by default."""

from __future__ import annotations

import pytest
from matching import blank, candidates, matching, name, texts
from spacy.language import Language

from spacy_catalog_ner.catalog import Entry, NoiseControls, compile_catalog
from spacy_catalog_ner.errors import CatalogNERError


@pytest.fixture
def nlp_with(mini_catalog):
    """Make a pipeline over the catalog of conftest.py with some settings."""

    def make(**config) -> Language:
        nlp = blank()
        nlp.add_pipe("catalog_matcher", config={"catalog": str(mini_catalog), **config})
        return nlp

    return make


def test_names_shorter_than_min_length_are_left_out(nlp_with):
    assert texts(nlp_with()("Up Dune")) == ["Up", "Dune"]
    assert texts(nlp_with(min_length=3)("Up Dune")) == ["Dune"]
    assert texts(nlp_with(min_length=4)("Up Dune")) == ["Dune"]
    assert texts(nlp_with(min_length=5)("Up Dune")) == []


def test_min_length_counts_the_characters_of_the_normal_form():
    nlp = matching(name("\ufb03"), name("U  2"), min_length=3)
    assert texts(nlp("\ufb03")) == ["\ufb03"]  # one character that folds to "ffi"
    assert texts(nlp("U   2")) == ["U   2"]
    assert texts(matching(name("U  2"), min_length=4)("U   2")) == []


@pytest.mark.parametrize("stop", ["hello", "HELLO", " Hello "])
def test_names_of_the_stop_list_are_left_out_in_any_case(nlp_with, stop):
    assert texts(nlp_with(stop_list=[stop])("Hello hello Dune")) == ["Dune"]


def test_the_stop_list_is_compared_in_the_normal_form_of_the_catalog(tmp_path):
    entries = [Entry("Él", "SONG"), Entry("Dune", "MOVIE")]
    path = compile_catalog(
        entries, tmp_path / "c", normalization="nfkc-casefold-no-diacritics"
    ).path
    nlp = matching(catalog=str(path), stop_list=["\u00e9l"])
    assert texts(nlp("el \u00e9l dune")) == ["dune"]


def test_a_stop_word_is_left_out_as_a_name_and_not_within_a_longer_one(nlp_with):
    nlp = nlp_with(stop_list=["Lights", "weeknd"])
    assert texts(nlp("blinding lights by the weeknd")) == ["blinding lights", "the weeknd"]


def test_only_candidates_of_the_labels_named_are_made(nlp_with):
    nlp = nlp_with(labels=["CITY", "MOVIE", "BOOK"])
    assert candidates(nlp("Hello Boston")) == [("Boston", "CITY", "city/boston")]
    assert nlp.get_pipe("catalog_matcher").labels == ("CITY", "MOVIE")


def test_no_label_named_makes_no_candidates(nlp_with):
    assert texts(nlp_with(labels=[])("Hello Boston")) == []


def test_max_per_span_keeps_the_most_popular_candidates(nlp_with):
    nlp = nlp_with(max_per_span=1)
    assert candidates(nlp("Boston")) == [("Boston", "CITY", "city/boston")]
    nlp.get_pipe("catalog_matcher").add_entries([name("Boston", "TEAM", weight=50)])
    assert [label for _, label, _ in candidates(nlp("Boston"))] == ["TEAM"]


def test_max_per_span_counts_only_the_labels_named(nlp_with):
    nlp = nlp_with(max_per_span=1, labels=["ARTIST"])
    assert candidates(nlp("Boston")) == [("Boston", "ARTIST", "artist/boston")]


def test_all_settings_hold_for_added_names_too():
    nlp = matching(
        name("Up", "MOVIE"),
        name("Hello", "SONG"),
        name("Dune", "MOVIE"),
        name("Dune", "BOOK"),
        name("Paris", "CITY"),
        min_length=3,
        stop_list=["hello"],
        labels=["MOVIE", "BOOK"],
        max_per_span=1,
    )
    assert candidates(nlp("Up Hello Dune Paris")) == [("Dune", "MOVIE", "")]


NESTED = [name("New York City", "CITY"), name("New York", "CITY"), name("York", "CITY")]


def test_without_drop_nested_every_name_is_a_candidate():
    assert texts(matching(*NESTED)("new york city")) == ["new york city", "new york", "york"]


def test_drop_nested_leaves_the_longest_of_a_chain_of_one_label():
    assert texts(matching(*NESTED, drop_nested=True)("new york city")) == ["new york city"]


def test_drop_nested_keeps_a_name_within_one_of_another_label():
    nlp = matching(*NESTED, name("York", "SHIP"), drop_nested=True)
    found = [(text, label) for text, label, _ in candidates(nlp("new york city"))]
    assert found == [("new york city", "CITY"), ("york", "SHIP")]


def test_drop_nested_keeps_names_that_only_overlap():
    nlp = matching(name("a b"), name("b c"), name("c d"), drop_nested=True)
    assert texts(nlp("a b c d")) == ["a b", "b c", "c d"]


def test_drop_nested_keeps_every_id_of_one_span():
    nlp = matching(name("Nirvana", id="us"), name("Nirvana", id="uk"), drop_nested=True)
    assert candidates(nlp("nirvana")) == [("nirvana", "X", "us"), ("nirvana", "X", "uk")]


def test_drop_nested_keeps_every_id_of_a_span_that_overlaps_the_one_before():
    nlp = matching(name("a b"), name("b c", id="1"), name("b c", id="2"), drop_nested=True)
    assert candidates(nlp("a b c")) == [("a b", "X", ""), ("b c", "X", "1"), ("b c", "X", "2")]


def test_drop_nested_drops_names_at_either_end_and_in_the_middle():
    nlp = matching(*map(name, ["a b c d", "a b", "b c", "c d", "d", "d e"]), drop_nested=True)
    assert texts(nlp("a b c d e")) == ["a b c d", "d e"]


def test_drop_nested_finds_a_long_name_behind_a_shorter_one_that_ends_later():
    nlp = matching(name("a b c"), name("b"), name("c d"), name("c"), drop_nested=True)
    assert texts(nlp("a b c d")) == ["a b c", "c d"]


@pytest.mark.parametrize("setting", ["min_length", "max_per_span"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_number_below_one_is_a_one_line_error(setting, value):
    with pytest.raises(CatalogNERError, match=f"^{setting}: expected .*at least 1") as error:
        blank().add_pipe("catalog_matcher", config={setting: value})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"min_length": "3"},
        {"min_length": None},
        {"max_per_span": 1.5},
        {"stop_list": "the"},
        {"stop_list": (1, 2)},
        {"labels": "CITY"},
    ],
)
def test_a_setting_of_another_kind_is_a_one_line_error(settings):
    (name,) = settings
    with pytest.raises(CatalogNERError, match=f"^{name}: expected ") as error:
        NoiseControls(**settings)
    assert "\n" not in str(error.value)


def test_a_number_that_is_text_in_a_config_is_a_one_line_error():
    with pytest.raises(
        CatalogNERError, match=r"^min_length: expected a number of at least 1, got '3'"
    ):
        blank().add_pipe("catalog_matcher", config={"min_length": "3"})


@pytest.mark.parametrize(
    "config", [{"min_length": "x"}, {"stop_list": "the"}, {"labels": "CITY"}, {"max_per_span": 1.5}]
)
def test_a_setting_of_another_kind_in_a_config_is_named_by_spacy(config):
    (setting,) = config
    with pytest.raises(ValueError, match=f"catalog_matcher -> {setting}"):
        blank().add_pipe("catalog_matcher", config=config)


def test_two_matchers_with_other_settings_have_other_content_versions(nlp_with):
    configs = ({}, {"min_length": 2}, {"stop_list": ["up"]}, {"labels": ["CITY"]})
    more = ({"max_per_span": 1}, {"drop_nested": True})
    versions = {
        nlp_with(**config).get_pipe("catalog_matcher").content_version
        for config in (*configs, *more)
    }
    assert len(versions) == 6
