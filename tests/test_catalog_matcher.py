"""`catalog_matcher` in real pipelines: what it finds in a text."""

from __future__ import annotations

import pytest
from matching import EXPECTED, blank, candidates, matching, name, texts
from spacy.tokens import Doc
from spacy.training import Example

from spacy_catalog_ner.catalog import Entry, compile_catalog
from spacy_catalog_ner.errors import CatalogNERError


def test_a_name_of_the_compiled_catalog_becomes_a_candidate(nlp):
    doc = nlp("play blinding lights please")
    assert candidates(doc) == [("blinding lights", "SONG", "song/blinding-lights")]


def test_a_name_added_in_code_becomes_a_candidate():
    nlp = matching(name("The Weeknd", "ARTIST", id="artist/the-weeknd"))
    assert candidates(nlp("play the weeknd")) == [("the weeknd", "ARTIST", "artist/the-weeknd")]


def test_an_entry_object_may_be_added_too():
    nlp = blank()
    nlp.add_pipe("catalog_matcher").add_entries([Entry("Dune", "MOVIE", aliases=("Dune 2",))])
    assert texts(nlp("watch dune 2")) == ["dune 2", "dune"]


def test_compiled_and_added_names_are_matched_together(nlp):
    nlp.get_pipe("catalog_matcher").add_entries([name("Anti-Hero", "SONG")])
    assert texts(nlp("play Anti-Hero and Hello")) == ["Anti-Hero", "Hello"]


def test_candidates_of_a_span_come_by_weight_whether_compiled_or_added(nlp):
    nlp.get_pipe("catalog_matcher").add_entries(
        [name("Boston", "TEAM", weight=5), name("Boston", "SHIP", weight=50)]
    )
    labels = [label for _, label, _ in candidates(nlp("Boston"))]
    assert labels == ["SHIP", "CITY", "TEAM", "ARTIST"]


@pytest.mark.parametrize("weight", [0, 0.1, 0.7, 1, 16_777_217])
def test_of_equal_weight_an_added_entry_comes_before_the_compiled_ones(tmp_path, weight):
    compile_catalog([Entry("Dune", "MOVIE", weight=weight)], tmp_path / "c")
    nlp = matching(name("Dune", "BOOK", weight=weight), catalog=str(tmp_path / "c"))
    assert [label for _, label, _ in candidates(nlp("Dune"))] == ["BOOK", "MOVIE"]


def test_an_entry_both_compiled_and_added_gives_one_candidate(nlp):
    nlp.get_pipe("catalog_matcher").add_entries([name("Dune", "MOVIE", id="movie/dune")])
    assert candidates(nlp("Dune")) == [("Dune", "MOVIE", "movie/dune")]


def test_a_text_without_names_has_no_candidates(nlp):
    doc = nlp("nothing to see here")
    assert len(doc.spans["candidates"]) == 0
    assert doc._.catalog_ner == {"candidates": 0}


@pytest.mark.parametrize("text", ["", " ", "\n\t ", "...", "?!"])
def test_a_text_without_words_has_no_candidates(nlp, text):
    assert candidates(nlp(text)) == []


def test_overlapping_names_are_all_candidates_in_reading_order_longer_first():
    nlp = matching(name("New York"), name("York"), name("New York City"), name("City Hall"))
    doc = nlp("from new york city hall")
    assert texts(doc) == ["new york city", "new york", "york", "city hall"]


def test_a_name_of_several_labels_gives_a_candidate_for_each_the_most_popular_first(nlp):
    assert candidates(nlp("Hello Boston")) == EXPECTED


def test_a_name_of_several_ids_gives_a_candidate_for_each():
    nlp = matching(
        name("Nirvana", "ARTIST", id="uk", weight=1), name("Nirvana", "ARTIST", id="us", weight=5)
    )
    assert candidates(nlp("nirvana")) == [("nirvana", "ARTIST", "us"), ("nirvana", "ARTIST", "uk")]


def test_an_alias_gives_the_id_of_its_entry(nlp):
    assert candidates(nlp("play weeknd")) == [("weeknd", "ARTIST", "artist/weeknd")]


@pytest.mark.parametrize("text", ["uptown", "cup", "up2date", "dunes", "Bostonian", "adele99"])
def test_a_name_within_a_word_is_no_candidate(nlp, text):
    assert candidates(nlp(text)) == []


@pytest.mark.parametrize("text", ["Adele's", "Adele\u2019s", "(Adele)", "Adele!", '"Adele"'])
def test_a_name_beside_punctuation_or_a_possessive_is_found(nlp, text):
    assert texts(nlp(text)) == ["Adele"]


@pytest.mark.parametrize("text", ["THE WEEKND", "the weeknd", "tHe WeEkNd", "The\n  Weeknd"])
def test_a_name_is_found_in_any_case_and_spacing(nlp, text):
    assert ("ARTIST", "artist/weeknd") in {item[1:] for item in candidates(nlp(text))}
    assert texts(nlp(text))[0] == text


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("Guns N' Roses", "guns n\u2019 roses"),
        ("Guns N\u2019 Roses", "guns n' roses"),
        ("Jay-Z", "jay\u2013z"),
        ("Jay\u2014Z", "jay-z"),
        ("Spider-Man", "spider\u2010man"),
        ("Stra\u00dfe", "STRASSE"),
        (
            "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2",
            "\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c3",
        ),
        ("Beyonc\u00e9", "beyonce\u0301"),
        ("\ufb01nal", "Final"),
        ("ABBA", "\uff41\uff42\uff42\uff41"),
    ],
)
def test_case_apostrophes_dashes_and_compatibility_forms_make_no_difference(entry, text):
    assert texts(matching(name(entry))(text)) == [text]


def test_an_accent_makes_a_difference():
    assert texts(matching(name("Beyonc\u00e9"))("beyonce")) == []


@pytest.mark.parametrize("entry", ["P!nk", "AC/DC", "Wham!", "R.E.M.", "C++", "$uicideboy$", "U2"])
def test_a_name_with_punctuation_is_found_in_a_sentence(entry):
    assert texts(matching(name(entry))(f"play {entry} now")) == [entry]


@pytest.mark.parametrize("words", [["Beyonce", "\u0301"], ["Beyonc", "e", "\u0301"]])
def test_a_combining_mark_belongs_to_the_token_before_it(words):
    doc = Doc(blank().vocab, words=words, spaces=[False] * len(words))
    matcher = matching(name("Beyonc\u00e9"), name("Beyonce")).get_pipe("catalog_matcher")
    assert texts(matcher(doc)) == ["Beyonce\u0301"]


@pytest.mark.parametrize(
    "words", [["Beyonce", "\u0301"], list("be\u0301yonce"), list("Beyonce\u0301")]
)
def test_a_combining_mark_belongs_to_the_token_before_it_also_without_diacritics(tmp_path, words):
    entries = [Entry("Beyonc\u00e9", "ARTIST")]
    compile_catalog(entries, tmp_path / "c", normalization="nfkc-casefold-no-diacritics")
    doc = Doc(blank().vocab, words=words, spaces=[False] * len(words))
    matcher = matching(catalog=str(tmp_path / "c")).get_pipe("catalog_matcher")
    assert texts(matcher(doc)) == ["".join(words)]


def test_a_hangul_vowel_or_final_belongs_to_the_token_before_it():
    words = ["\u1112", "\u1161", "\u11ab", "\uad6d"]  # the three parts of a syllable, and another
    doc = Doc(blank("xx").vocab, words=words, spaces=[False] * 4)
    matcher = matching(name("\ud55c\uad6d"), name("\ud558")).get_pipe("catalog_matcher")
    assert texts(matcher(doc)) == ["\u1112\u1161\u11ab\uad6d"]


def test_a_combining_mark_after_white_space_stands_alone():
    doc = Doc(blank().vocab, words=["Dune", "\u0301"], spaces=[True, False])
    assert texts(matching(name("Dune")).get_pipe("catalog_matcher")(doc)) == ["Dune"]


def test_offsets_are_into_the_original_text_whatever_normalisation_does_to_its_length():
    doc = matching(name("final"))("\ufb03 \u00bd \u0130 the \ufb01nal \ufb03")
    (span,) = doc.spans["candidates"]
    assert doc.text[span.start_char : span.end_char] == "\ufb01nal"


@pytest.mark.parametrize(
    "words", [["\u6771\u4eac", "\u90fd", "\u306b"], list("\u6771\u4eac\u90fd\u306b")]
)
def test_names_are_found_in_a_text_without_spaces_where_its_tokens_begin_and_end(words):
    names = [
        "\u6771\u4eac",
        "\u6771\u4eac\u90fd",
        "\u4eac\u90fd",
        "\u6771 \u4eac",
    ]  # Tokyo, its prefecture, Kyoto
    doc = Doc(blank("xx").vocab, words=words, spaces=[False] * len(words))
    found = texts(matching(*map(name, names)).get_pipe("catalog_matcher")(doc))
    assert found == ["\u6771\u4eac\u90fd", "\u6771\u4eac", "\u4eac\u90fd"][: len(words) - 1]


def test_spanish_names_are_found_with_spanish_punctuation():
    nlp = matching(name("Rosal\u00eda", "ARTIST"), name("Despacito", "SONG"), lang="es")
    assert texts(nlp("\u00bfPuedes poner \u00abDESPACITO\u00bb?")) == ["DESPACITO"]
    assert texts(nlp("\u00a1pon a rosal\u00eda!")) == ["rosal\u00eda"]


def test_a_spanish_article_that_is_part_of_a_name_is_part_of_the_candidate():
    nlp = matching(name("La Casa de Papel", "TV_SHOW"), lang="es")
    assert texts(nlp("quiero ver la casa de papel esta noche")) == ["la casa de papel"]


def test_candidates_go_to_another_group_where_one_is_named():
    nlp = blank()
    nlp.add_pipe("catalog_matcher", config={"spans_key": "names"}).add_entries([name("Dune")])
    doc = nlp("Dune")
    assert [span.text for span in doc.spans["names"]] == ["Dune"]
    assert "candidates" not in doc.spans


def test_running_twice_replaces_the_candidates(nlp):
    doc = nlp("Hello Boston")
    assert candidates(nlp.get_pipe("catalog_matcher")(doc)) == EXPECTED


def test_a_matcher_without_any_name_says_what_to_do():
    nlp = blank()
    nlp.add_pipe("catalog_matcher")
    with pytest.raises(CatalogNERError, match="catalog_matcher has no names to match: set its"):
        nlp("play hello")


def test_a_missing_catalog_is_reported_with_its_path_at_the_first_text(tmp_path):
    nlp = blank()
    nlp.add_pipe("catalog_matcher", config={"catalog": str(tmp_path / "none.catalog")})
    with pytest.raises(CatalogNERError, match=r"none\.catalog: no compiled catalog here"):
        nlp("play hello")


def test_evaluation_gives_the_share_of_gold_entities_among_the_candidates(nlp):
    gold = {"entities": [(0, 5, "SONG"), (9, 15, "ARTIST"), (19, 24, "ARTIST")]}
    example = Example.from_dict(nlp.make_doc("Hello by Boston or Cohen"), gold)
    scores = nlp.evaluate([example])
    assert scores["spans_candidates_p"] == pytest.approx(2 / 3)
    assert scores["spans_candidates_r"] == pytest.approx(2 / 3)
    assert scores["spans_candidates_f"] == pytest.approx(2 / 3)
    assert scores["spans_candidates_per_type"]["SONG"]["f"] == pytest.approx(1)
    assert scores["spans_candidates_per_type"]["ARTIST"]["r"] == pytest.approx(1 / 2)
    assert scores["spans_candidates_per_type"]["CITY"]["p"] == 0


def test_evaluation_without_gold_entities_gives_no_scores(nlp):
    doc = nlp.make_doc("Hello")
    scores = nlp.evaluate([Example(doc, nlp.make_doc("Hello"))])
    assert scores["spans_candidates_f"] is None
