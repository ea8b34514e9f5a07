"""What a catalog covers of annotated text, at what noise, and which names are the noise."""

from __future__ import annotations

import msgspec
import pytest
import spacy
from conftest import annotate

from spacy_catalog_ner.catalog import Catalog, Entry, Variants, compile_catalog
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.row import Row
from spacy_catalog_ner.matching.ambiguity import SharedName, find_noisy_names, find_shared_names
from spacy_catalog_ner.matching.catalog_matcher import CatalogMatcher
from spacy_catalog_ner.matching.coverage import measure_coverage

ENTRIES = [
    Entry("The Weeknd", "ARTIST", "artist/weeknd", weight=5),
    Entry("Boston", "ARTIST", "artist/boston"),
    Entry("Boston", "CITY", "city/boston"),
    Entry("Up", "MOVIE", "movie/up"),
]
RULES = Variants(
    {
        "rules": {
            "leading_article": {"replace": [["^the ", ""]]},
            "shouting": {"replace": [["$", "!"]]},
        }
    }
)
ROWS = [
    annotate("play the weeknd", {"the weeknd": "singer"}),
    annotate("play weeknd now", {"weeknd": "singer"}),
    annotate("turn it up in boston", {"boston": "place"}),
    annotate("play adele", {"adele": "singer"}),
]


@pytest.fixture(scope="module")
def nlp():
    return spacy.blank("en")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory) -> Catalog:
    return compile_catalog(ENTRIES, tmp_path_factory.mktemp("c") / "media.catalog", variants=RULES)


# Coverage


def measured(*arguments) -> dict:
    """Do as `measure_coverage`, and return it as the JSON has it."""
    return msgspec.to_builtins(measure_coverage(*arguments))


def test_a_mention_is_covered_if_a_name_has_its_exact_span(catalog, nlp):
    result = measured(ROWS, catalog, nlp)
    assert (result["texts"], result["mentions"], result["covered"]) == (4, 4, 3)
    assert result["coverage"] == 0.75
    assert result["per_label"]["singer"]["coverage"] == pytest.approx(2 / 3, abs=1e-4)


def test_noise_is_the_number_of_candidates_that_the_matcher_gives(catalog, nlp):
    matcher = CatalogMatcher(catalog=catalog.path)
    given = sum(len(matcher(nlp(row["text"])).spans["candidates"]) for row in ROWS)
    # "the weeknd" and in it "weeknd", "weeknd", "up", "boston" twice
    assert given == 6
    assert measured(ROWS, catalog, nlp)["candidates_per_text"] == given / 4


def test_with_labels_given_a_candidate_needs_the_right_one(catalog, nlp):
    result = measured(ROWS, catalog, nlp, {"place": {"MOVIE"}})
    assert (result["mentions"], result["covered"]) == (1, 0)
    result = measured(ROWS, catalog, nlp, {"place": {"MOVIE", "CITY"}})
    assert (result["mentions"], result["covered"]) == (1, 1)


def test_with_labels_given_noise_is_told_by_label(catalog, nlp):
    labels = {"place": ["CITY"], "singer": ["ARTIST"]}
    result = measured(ROWS, catalog, nlp, labels)
    assert result["per_label"]["place"]["candidates_per_text"] == 0.25
    assert result["per_label"]["singer"]["candidates_per_text"] == 1
    assert result["candidates_per_text"] == 1.5  # all of them, "up" too
    unmapped = measured(ROWS, catalog, nlp)
    assert unmapped["per_label"]["place"]["candidates_per_text"] is None


def test_a_rule_is_worth_what_would_be_lost_without_it(catalog, nlp):
    result = measured(ROWS, catalog, nlp)
    assert result["without_rule"] == {
        "leading_article": {
            "mentions_lost": 1,
            "coverage_lost": 0.25,
            "candidates_per_text_lost": 0.5,
        },
        "shouting": {"mentions_lost": 0, "coverage_lost": 0.0, "candidates_per_text_lost": 0.0},
    }


def test_a_form_of_two_rules_depends_on_each_of_them(catalog, nlp):
    result = measured([annotate("weeknd!", {"weeknd!": "singer"})], catalog, nlp)
    lost = {rule: row["mentions_lost"] for rule, row in result["without_rule"].items()}
    assert lost == {"leading_article": 1, "shouting": 1}


def test_figures_without_rules_are_those_of_a_catalog_without_them(catalog, nlp, tmp_path):
    plain = measured(ROWS, compile_catalog(ENTRIES, tmp_path / "plain.catalog"), nlp)
    assert plain["without_rule"] == {}
    without = measured(ROWS, catalog, nlp)["without_rules"]
    assert without == {key: plain[key] for key in ("coverage", "candidates_per_text")}


def test_a_candidate_that_is_also_a_name_of_its_own_depends_on_no_rule(nlp, tmp_path):
    entries = [
        Entry("The Weeknd", "ARTIST", "artist/weeknd"),
        Entry("Weeknd", "ARTIST", "artist/weeknd", lang="de"),
    ]
    catalog = compile_catalog(entries, tmp_path / "c.catalog", variants=RULES)
    result = measured([annotate("weeknd", {"weeknd": "singer"})], catalog, nlp)
    assert result["without_rule"]["leading_article"]["mentions_lost"] == 0
    assert result["without_rules"]["coverage"] == 1


def test_of_no_text_nothing_is_covered(catalog, nlp):
    result = measured([], catalog, nlp)
    assert (result["texts"], result["coverage"], result["candidates_per_text"]) == (0, 0, 0)


def test_a_catalog_in_memory_is_refused(catalog, nlp):
    with pytest.raises(CatalogNERError, match="to_disk"):
        measured(ROWS, Catalog.from_bytes(*catalog.to_bytes()), nlp)


# Ambiguous names


def test_names_of_several_labels_come_by_number_of_labels_then_of_entries(tmp_path):
    names = {"Thriller": ["SONG", "ALBUM", "MOVIE"], "Boston": ["CITY", "CITY", "CITY", "ARTIST"]}
    names |= {"Up": ["SONG", "MOVIE"], "Springfield": ["CITY"] * 5, "Dune": ["MOVIE"]}
    entries = [
        Entry(name, label, f"{name}/{number}")
        for name, labels in names.items()
        for number, label in enumerate(labels)
    ]
    count, rows = find_shared_names(compile_catalog(entries, tmp_path / "c.catalog"), limit=2)
    assert count == 3
    assert rows == [
        SharedName("thriller", 3, {"ALBUM": 1, "MOVIE": 1, "SONG": 1}),
        SharedName("boston", 4, {"CITY": 3, "ARTIST": 1}),
    ]
    assert list(rows[1].labels) == ["CITY", "ARTIST"]  # most entries first


def test_a_catalog_of_one_label_shares_no_name(tmp_path):
    catalog = compile_catalog([Entry("Up", "MOVIE"), Entry("Dune", "MOVIE")], tmp_path / "c")
    assert find_shared_names(catalog, limit=9) == (0, [])


def test_names_come_by_the_wrong_candidates_they_give(catalog, nlp):
    rows = [
        annotate("what is up in boston", {"boston": "place"}),
        annotate("play boston", {}),
        annotate("turn up the heat", {}),
        annotate("i want to watch up", {"up": "film"}),
    ]
    result = find_noisy_names(map(Row.from_dict, rows), catalog, nlp, limit=9)
    assert result.texts == 4
    up, boston = result.noisy[::-1]
    assert msgspec.to_builtins(boston) == {
        "name": "boston",
        "occurrences": 2,
        "per_1000_texts": 500,
        "labels": {"ARTIST": 1, "CITY": 1},
        "candidates": 2,
        "gold_share": 0.5,
        "expected_noise": 500,  # two candidates in one of the four texts
    }
    assert (up.occurrences, up.gold_share, up.expected_noise) == (3, 0.3333, 500)
    assert result.expected_noise == 1000


def test_without_annotations_every_candidate_may_be_noise(catalog, nlp):
    result = find_noisy_names([{"text": "up in boston"}, {"text": "up"}], catalog, nlp, limit=1)
    (row,) = result.noisy
    assert (row.name, row.gold_share, row.expected_noise) == ("boston", None, 1000)
    assert result.expected_noise == 2000  # of all names, not only of those shown
