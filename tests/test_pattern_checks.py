"""Checks of patterns: each has its reason, and what is good passes unchanged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from spacy_catalog_ner.catalog import Catalog, Entry, compile_catalog
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.generation.patterns import Pattern
from spacy_catalog_ner.generation.patterns.checks import PatternChecker
from spacy_catalog_ner.generation.patterns.leftover_names import LeftoverNames, find_other_language
from spacy_catalog_ner.generation.patterns.near_duplicates import NearDuplicates
from spacy_catalog_ner.generation.patterns.pattern import Rejected, Tags

ASSETS = Path(__file__).parent.parent / "assets" / "media"
LABELS = {"ARTIST": "a singer", "SONG": "a song", "MOVIE": "a film", "GAME": "a game"}
NAMES = [
    ("Adele", "ARTIST"),
    ("The Weeknd", "ARTIST"),
    ("Blinding Lights", "SONG"),
    ("Time", "SONG"),
    ("Closing Time", "SONG"),
    ("Time After Time", "SONG"),
    ("Time to Pretend", "SONG"),
    ("So What", "SONG"),
    ("Vuelvo a Verte", "SONG"),
    ("Up", "MOVIE"),
]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory) -> Catalog:
    path = tmp_path_factory.mktemp("catalog") / "names.catalog"
    compile_catalog((Entry(text, label) for text, label in NAMES), path)
    return Catalog.open(path)


def make_checker(catalog, lang="en", edits=0.85, annotated=(), ordinary=(), **limits):
    return PatternChecker(
        Tags(LABELS, catalog.labels),
        LeftoverNames(catalog, lang, annotated, ordinary),
        NearDuplicates(edits, 1.0, None),
        **limits,
    )


@pytest.fixture(scope="module")
def checker(catalog) -> PatternChecker:
    return make_checker(catalog)


def reason(checker, text: str, lang: str = "en") -> tuple[str, str]:
    with pytest.raises(Rejected) as caught:
        checker.check(Pattern(text, lang))
    return caught.value.kind, str(caught.value)


# One by one


@pytest.mark.parametrize(
    "text",
    [
        "put on something by <ARTIST>",
        "um, that one, you know, <SONG>?",
        "<ARTIST> please",
        "play <ARTIST>'s <SONG>",
    ],
)
def test_a_good_pattern_passes_as_it_is(catalog, text):
    pattern = Pattern(text, "en", cluster=3)
    assert make_checker(catalog, min_words=2).check(pattern) == pattern


def test_tags_are_written_as_the_labels_are(checker):
    assert checker.check(Pattern("play it by <artist>", "en")).text == "play it by <ARTIST>"


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("play it again", "no placeholder", "no placeholder such as <LABEL>"),
        ("play <SONG by <ARTIST>", "malformed", "'<' belongs to no placeholder"),
        ("play it > by <ARTIST>", "malformed", "'>' belongs to no placeholder"),
        ("play <song name> by <ARTIST>", "malformed", "'<' belongs to no placeholder"),
        ("<SONG> <ARTIST>!", "only placeholders", "no word in it besides placeholders"),
        ("see you on <DATE> then", "unknown label", "<DATE>: expected one of ARTIST, SONG, MOVIE"),
        ("let us play <GAME>", "label without a catalog", "placeholder for a label with no"),
        ("play <SONG>", "length", "expected 3 to 40 words, got 2"),
        ("play <SONG> " + "again " * 50, "length", "got 52"),
        ("pon la canción <SONG> que me gusta tanto", "language", "expected 'en', looks like 'es'"),
        ("play <SONG> by the weeknd", "name left in", "the catalog has 'the weeknd'"),
    ],
)
def test_a_bad_pattern_is_rejected_with_its_reason(checker, text, kind, message):
    found = reason(checker, text)
    assert found[0] == kind
    assert message in found[1]


@given(st.text(st.sampled_from("<>ARTIST ab,"), max_size=40))
def test_whatever_it_is_it_passes_or_has_a_reason(checker, text):
    try:
        checked = checker.check(Pattern(" ".join(text.split()), "en"))
    except Rejected as found:
        assert found.kind
        assert str(found)
    else:
        assert checked.labels


def test_lengths_can_be_set_but_not_the_wrong_way_round(catalog):
    assert make_checker(catalog, min_words=2).check(Pattern("play <SONG>", "en"))
    with pytest.raises(CatalogNERError, match="got 5 and 4"):
        make_checker(catalog, min_words=5, max_words=4)


# Names


@pytest.mark.parametrize(
    ("literal", "names"),
    [
        ("by adele", ["adele"]),  # one word, and part of no other name
        ("blinding lights by", ["blinding lights"]),  # several words
        ("what time is it", []),  # a word that other names are made of
        ("put on Time by", ["Time"]),  # the same with a capital
        ("Time to go", []),  # which says nothing where a sentence begins
        ("no. Time to go", []),
        ("turn it up", []),  # a stop word
        ("so what", []),  # of stop words alone
    ],
)
def test_names_are_told_from_words_that_happen_to_be_titles(catalog, literal, names):
    assert LeftoverNames(catalog, "en").find([literal, ""]) == names


def test_no_name_reaches_across_a_placeholder(catalog):
    assert LeftoverNames(catalog, "en").find(["blinding ", " lights"]) == []


def test_annotated_utterances_decide_of_a_single_word(catalog):
    def find(*annotated) -> list[str]:
        return LeftoverNames(catalog, "en", annotated).find(["play time by adele", ""])

    assert find() == ["adele"]
    assert find((["time"], ["play "])) == ["time", "adele"]
    assert find((["time"], ["play "]), ([], ["what time is it"])) == ["adele"]
    assert find(([], ["a friend called adele"])) == []


def test_words_that_are_listed_are_no_names(catalog):
    names = LeftoverNames(catalog, "en", (), ["Adele", "blinding lights"])
    assert names.find(["adele saw blinding lights", ""]) == []
    assert LeftoverNames(catalog, "en", (), ["lights"]).find(["blinding lights"]) != []


def test_ordinary_speech_is_not_taken_for_the_titles_of_a_real_catalog(tmp_path):
    rows = (json.loads(line) for line in (ASSETS / "catalogs" / "song.jsonl").open(encoding="utf8"))
    compile_catalog((Entry.from_row(row) for row in rows), tmp_path / "songs.catalog")
    names = LeftoverNames(Catalog.open(tmp_path / "songs.catalog"), "en")
    ordinary = ["what time is it", "let it go then", "i want to go home", "come on do it"]
    assert sum(bool(names.find([text])) for text in ordinary) == 0
    assert names.find(["play bohemian rhapsody by"]) == ["bohemian rhapsody"]


# Language


@pytest.mark.parametrize(
    ("text", "lang", "other"),
    [
        ("what is the weather like in the city", "es", "en"),
        ("pon la canción que me gusta de", "en", "es"),
        ("können wir das noch einmal hören", "en", "de"),
        ("pon la canción que me gusta de", "es", None),
        ("what is the weather like in", "en", None),
        ("play the", "es", None),  # too short to tell
        ("radio no a de la", "pt", None),  # related languages share words
        ("what is the weather like in", "xx", None),  # a language without stop words
    ],
)
def test_another_language_is_told_by_its_commonest_words(text, lang, other):
    assert find_other_language(text, lang) == other


def test_annotated_utterances_of_the_assets_are_in_their_language():
    for lang in ("en", "es"):
        rows = (ASSETS / f"test.{lang}.jsonl").read_text(encoding="utf8").splitlines()
        assert not any(find_other_language(json.loads(row)["text"], lang) for row in rows)


# Duplicates


def check_all(checker, *texts):
    kept, rejected = checker.check_all(Pattern(text, "en") for text in texts)
    return [pattern.text for pattern in kept], [reason.to_row() for _, reason in rejected]


def test_of_two_that_differ_in_case_the_first_is_kept(checker):
    kept, rejected = check_all(checker, "put on <SONG>", "Put on <song>")
    assert kept == ["put on <SONG>"]
    assert rejected == [{"reason": "duplicate", "message": "there is one like it: put on <SONG>"}]


def test_near_duplicates_by_edits_are_rejected_with_the_one_that_they_are_like(checker):
    one = "could you put on something by <ARTIST>"
    kept, rejected = check_all(checker, one, "could you put on something from <ARTIST>", one + "?")
    assert kept == [one]
    assert [row["reason"] for row in rejected] == ["near-duplicate"] * 2
    assert rejected[1]["message"].endswith(f"like: {one}")


def test_the_same_words_around_other_labels_are_no_duplicates(checker):
    assert check_all(checker, "can you play <SONG>", "can you play <ARTIST>")[1] == []


def test_what_is_like_a_rejected_one_only_is_kept():
    finder = NearDuplicates(0.8, 1.0, None)
    texts = ["aaaaaaaaaa <SONG>", "aaaaaaaabb <SONG>", "aaaaaabbbb <SONG>"]
    assert finder.find([Pattern(text, "en") for text in texts]) == {
        1: (0, pytest.approx(0.83, abs=0.01))
    }


def test_embeddings_find_what_says_the_same_in_other_words(mini_embedder):
    texts = ["please play <SONG> for me", "please play me <SONG>", "what year is <SONG> from"]
    patterns = [Pattern(text, "en") for text in texts]
    assert NearDuplicates(0.95, 1.0, mini_embedder).find(patterns) == {}
    assert list(NearDuplicates(0.95, 0.8, mini_embedder).find(patterns)) == [1]


def test_blocks_find_what_comparing_one_by_one_finds():
    chooser = np.random.default_rng(0)
    words = ["play", "put", "on", "the", "one", "by", "again", "please"]
    texts = [" ".join(chooser.choice(words, 5)) for _ in range(700)]
    kept: list[str] = []
    near = set()
    for place, text in enumerate(texts):
        # As the placeholder is compared: a space and one character
        if any(Levenshtein.normalized_similarity(f"{text} x", f"{k} x") >= 0.9 for k in kept):
            near.add(place)
        else:
            kept.append(text)
    patterns = [Pattern(f"{text} <SONG>", "en") for text in texts]
    assert set(NearDuplicates(0.9, 1.0, None).find(patterns)) == near
    assert 0 < len(near) < 700


@pytest.mark.parametrize("value", [0, 1.1, -1])
def test_a_similarity_out_of_range_is_refused(value):
    with pytest.raises(CatalogNERError, match="expected more than 0 and at most 1"):
        NearDuplicates(value, 1.0, None)
