"""`catalog_matcher` in real pipelines: what it finds, and how it is saved and shared."""

from __future__ import annotations

import copy
import json
import pickle
import shutil
import subprocess
import sys

import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example

from spacy_catalog_ner.catalog import Entry, compile_catalog
from spacy_catalog_ner.errors import CatalogNERError


def matching(*entries: dict, lang: str = "en") -> spacy.language.Language:
    """Make a pipeline that matches entries added in code."""
    nlp = spacy.blank(lang)
    nlp.add_pipe("catalog_matcher").add_entries(entries)
    return nlp


def name(text: str, label: str = "X", **more) -> dict:
    return {"text": text, "label": label, **more}


def texts(doc: Doc) -> list[str]:
    return [span.text for span in doc.spans["candidates"]]


def candidates(doc: Doc) -> list[tuple[str, str, str]]:
    return [(span.text, span.label_, span.kb_id_) for span in doc.spans["candidates"]]


EXPECTED = [
    ("Hello", "SONG", "song/hello"),
    ("Boston", "CITY", "city/boston"),
    ("Boston", "ARTIST", "artist/boston"),
]
"""Candidates of "Hello Boston" for the catalog of conftest.py."""


@pytest.fixture
def nlp(mini_catalog) -> spacy.language.Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher", config={"catalog": str(mini_catalog)})
    return nlp


def test_a_name_of_the_compiled_catalog_becomes_a_candidate(nlp):
    doc = nlp("play blinding lights please")
    assert candidates(doc) == [("blinding lights", "SONG", "song/blinding-lights")]


def test_a_name_added_in_code_becomes_a_candidate():
    nlp = matching(name("The Weeknd", "ARTIST", id="artist/the-weeknd"))
    assert candidates(nlp("play the weeknd")) == [("the weeknd", "ARTIST", "artist/the-weeknd")]


def test_an_entry_object_may_be_added_too():
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher").add_entries([Entry("Dune", "MOVIE", aliases=("Dune 2",))])
    assert texts(nlp("watch dune 2")) == ["dune 2", "dune"]


def test_a_name_added_later_is_found_in_the_next_document():
    nlp = matching(name("Dune"))
    assert texts(nlp("watch arrival")) == []
    nlp.get_pipe("catalog_matcher").add_entries([name("Arrival")])
    assert texts(nlp("watch arrival")) == ["arrival"]


def test_compiled_and_added_names_are_matched_together(nlp):
    nlp.get_pipe("catalog_matcher").add_entries([name("Anti-Hero", "SONG")])
    assert texts(nlp("play Anti-Hero and Hello")) == ["Anti-Hero", "Hello"]


def test_an_added_entry_comes_before_the_compiled_ones_of_the_same_span(nlp):
    nlp.get_pipe("catalog_matcher").add_entries([name("Boston", "TEAM", weight=0)])
    assert [label for _, label, _ in candidates(nlp("Boston"))] == ["TEAM", "CITY", "ARTIST"]


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


def test_offsets_are_into_the_original_text_whatever_normalisation_does_to_its_length():
    doc = matching(name("final"))("\ufb03 \u00bd \u0130 the \ufb01nal \ufb03")
    (span,) = doc.spans["candidates"]
    assert doc.text[span.start_char : span.end_char] == "\ufb01nal"


def test_spanish_names_are_found_with_spanish_punctuation():
    nlp = matching(name("Rosal\u00eda", "ARTIST"), name("Despacito", "SONG"), lang="es")
    assert texts(nlp("\u00bfPuedes poner \u00abDESPACITO\u00bb?")) == ["DESPACITO"]
    assert texts(nlp("\u00a1pon a rosal\u00eda!")) == ["rosal\u00eda"]


def test_a_spanish_article_that_is_part_of_a_name_is_part_of_the_candidate():
    nlp = matching(name("La Casa de Papel", "TV_SHOW"), lang="es")
    assert texts(nlp("quiero ver la casa de papel esta noche")) == ["la casa de papel"]


def test_candidates_go_to_another_group_where_one_is_named():
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher", config={"spans_key": "names"}).add_entries([name("Dune")])
    doc = nlp("Dune")
    assert [span.text for span in doc.spans["names"]] == ["Dune"]
    assert "candidates" not in doc.spans


def test_running_twice_replaces_the_candidates(nlp):
    doc = nlp("Hello Boston")
    assert candidates(nlp.get_pipe("catalog_matcher")(doc)) == EXPECTED


def test_labels_are_those_of_compiled_and_added_entries(nlp):
    matcher = nlp.get_pipe("catalog_matcher")
    matcher.add_entries([name("Dune", "BOOK")])
    assert matcher.labels == ("ALBUM", "ARTIST", "BOOK", "CITY", "MOVIE", "SONG")


def test_the_content_version_differs_when_other_names_are_matched(nlp):
    matcher = nlp.get_pipe("catalog_matcher")
    before = matcher.content_version
    assert matcher.content_version == before
    matcher.add_entries([name("Arrival")])
    assert matcher.content_version != before


def test_a_matcher_without_any_name_says_what_to_do():
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher")
    with pytest.raises(CatalogNERError, match="catalog_matcher has no names to match: set its"):
        nlp("play hello")


def test_a_missing_catalog_is_reported_with_its_path_at_the_first_text(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher", config={"catalog": str(tmp_path / "none.catalog")})
    with pytest.raises(CatalogNERError, match=r"none\.catalog: no compiled catalog here"):
        nlp("play hello")


def test_a_broken_entry_is_refused_and_none_is_added():
    nlp = matching(name("Dune"))
    with pytest.raises(CatalogNERError, match="without a letter or digit"):
        nlp.get_pipe("catalog_matcher").add_entries([name("Arrival"), name("?!")])
    assert texts(nlp("arrival")) == []


def test_a_stream_is_processed_in_order(nlp):
    docs = nlp.pipe(["Adele", "nobody", "Dune"])
    assert [texts(doc) for doc in docs] == [["Adele"], [], ["Dune"]]


def test_two_forked_processes_find_what_one_finds(nlp):
    nlp.get_pipe("catalog_matcher").add_entries([name("Arrival", "MOVIE")])
    stream = ["Hello Boston", "watch arrival", "nobody"] * 3
    one = [candidates(doc) for doc in nlp.pipe(stream)]
    docs = list(nlp.pipe(stream, n_process=2, batch_size=2))
    assert [candidates(doc) for doc in docs] == one
    assert docs[0]._.catalog_ner == {"candidates": 3}


SPAWN = """
import json, multiprocessing, sys
import spacy

if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    nlp = spacy.load(sys.argv[1])
    docs = nlp.pipe(["Hello Boston", "watch arrival"] * 2, n_process=2, batch_size=1)
    print(json.dumps([
        [(s.text, s.label_, s.kb_id_) for s in doc.spans["candidates"]] for doc in docs
    ]))
"""


def test_two_spawned_processes_find_what_one_finds(nlp, tmp_path):
    nlp.get_pipe("catalog_matcher").add_entries([name("Arrival", "MOVIE")])
    nlp.to_disk(tmp_path / "pipeline")
    script = tmp_path / "script.py"
    script.write_text(SPAWN)
    result = subprocess.run(
        [sys.executable, script, tmp_path / "pipeline"], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    arrival = [["arrival", "MOVIE", ""]]
    assert json.loads(result.stdout) == [[list(item) for item in EXPECTED], arrival] * 2


def test_a_pipeline_saved_and_moved_brings_its_names_along(tmp_path):
    catalog = compile_catalog([Entry("Dune", "MOVIE")], tmp_path / "c")
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher", config={"catalog": str(catalog.path)}).add_entries(
        [name("Arrival", "MOVIE", id="m/1", aliases=["Arrival (2016)"])]
    )
    nlp.to_disk(tmp_path / "pipeline")
    shutil.rmtree(catalog.path)
    shutil.move(tmp_path / "pipeline", tmp_path / "elsewhere")
    again = spacy.load(tmp_path / "elsewhere")
    assert texts(again("Dune, then arrival")) == ["Dune", "arrival"]
    matcher = again.get_pipe("catalog_matcher")
    assert matcher.catalog.path == tmp_path / "elsewhere" / "catalog_matcher" / "catalog"
    assert matcher.content_version == nlp.get_pipe("catalog_matcher").content_version


def test_a_pipeline_saved_onto_itself_stays_whole(nlp, tmp_path):
    nlp.to_disk(tmp_path / "pipeline")
    again = spacy.load(tmp_path / "pipeline")
    again.get_pipe("catalog_matcher").add_entries([name("Arrival")])
    again.to_disk(tmp_path / "pipeline")
    doc = spacy.load(tmp_path / "pipeline")("Dune, then arrival")
    assert texts(doc) == ["Dune", "arrival"]


def test_a_packaged_pipeline_reads_its_catalog_from_the_package(nlp, tmp_path):
    nlp.meta["name"] = "names"
    nlp.to_disk(tmp_path / "pipeline")
    spacy.cli.package(tmp_path / "pipeline", tmp_path, create_sdist=False, silent=True)
    shutil.rmtree(tmp_path / "pipeline")
    package = spacy.load(tmp_path / "en_names-0.0.0" / "en_names" / "en_names-0.0.0")
    assert candidates(package("Hello Boston")) == EXPECTED


def test_bytes_carry_the_compiled_catalog_and_the_added_entries(nlp):
    nlp.get_pipe("catalog_matcher").add_entries([name("Arrival")])
    again = spacy.blank("en")
    again.add_pipe("catalog_matcher")
    again.from_bytes(nlp.to_bytes())
    assert candidates(again("Hello Boston")) == EXPECTED
    assert texts(again("arrival")) == ["arrival"]
    assert again.get_pipe("catalog_matcher").catalog.path is None


def test_a_catalog_that_came_as_bytes_can_be_saved(nlp, tmp_path):
    again = spacy.blank("en")
    again.add_pipe("catalog_matcher")
    again.from_bytes(nlp.to_bytes())
    again.to_disk(tmp_path / "pipeline")
    assert candidates(spacy.load(tmp_path / "pipeline")("Hello Boston")) == EXPECTED


def test_the_catalog_may_be_left_out_of_bytes(nlp):
    matcher = nlp.get_pipe("catalog_matcher")
    matcher.add_entries([name("Arrival")])
    again = spacy.blank("en").add_pipe("catalog_matcher")
    again.from_bytes(matcher.to_bytes(exclude=["catalog"]))
    assert again.catalog is None
    assert again.labels == ("X",)


def test_the_entries_may_be_left_out_while_loading_bytes(nlp):
    matcher = nlp.get_pipe("catalog_matcher")
    matcher.add_entries([name("Arrival")])
    again = spacy.blank("en").add_pipe("catalog_matcher")
    again.from_bytes(matcher.to_bytes(), exclude=["entries"])
    assert len(again.catalog) == len(matcher.catalog)
    assert "X" not in again.labels


def test_what_is_excluded_on_disk_is_neither_written_nor_read(nlp, tmp_path):
    matcher = nlp.get_pipe("catalog_matcher")
    matcher.add_entries([name("Arrival")])
    matcher.to_disk(tmp_path / "one", exclude=["catalog"])
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["entries.jsonl"]
    matcher.to_disk(tmp_path / "two")
    again = spacy.blank("en").add_pipe("catalog_matcher")
    again.from_disk(tmp_path / "two", exclude=["catalog"])
    assert again.labels == ("X",)


def test_the_whole_component_may_be_excluded_from_loading(nlp, tmp_path):
    nlp.to_disk(tmp_path / "pipeline")
    assert spacy.load(tmp_path / "pipeline", exclude=["catalog_matcher"]).pipe_names == []


def in_memory(matcher):
    return spacy.blank("en").add_pipe("catalog_matcher").from_bytes(matcher.to_bytes())


@pytest.mark.parametrize("clone", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy])
@pytest.mark.parametrize("origin", [lambda matcher: matcher, in_memory])
def test_a_copy_matches_like_the_original_and_goes_its_own_way(nlp, clone, origin):
    matcher = origin(nlp.get_pipe("catalog_matcher"))
    matcher.add_entries([name("Arrival")])
    again = clone(matcher)
    again.add_entries([name("Tenet")])
    text = "Hello Boston, arrival, tenet"
    doc, other = matcher(nlp.make_doc(text)), again(nlp.make_doc(text))
    assert candidates(doc) == [*EXPECTED, ("arrival", "X", "")]
    assert texts(other) == [*texts(doc), "tenet"]
    assert (again.name, again.spans_key) == ("catalog_matcher", "candidates")


def test_a_pickle_of_a_mapped_catalog_holds_its_path_and_not_its_contents(tmp_path):
    names = [Entry(f"name {number}", "X") for number in range(5000)]
    compile_catalog(names, tmp_path / "c")
    matcher = spacy.blank("en").add_pipe("catalog_matcher", config={"catalog": str(tmp_path / "c")})
    assert len(matcher.catalog) == 5000
    assert len(pickle.dumps(matcher)) < 2000


def test_candidates_survive_the_bytes_of_a_doc(nlp):
    doc = nlp("Hello Boston")
    again = Doc(nlp.vocab).from_bytes(doc.to_bytes())
    assert candidates(again) == EXPECTED
    assert again._.catalog_ner == {"candidates": 3}


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


def test_analyze_pipes_knows_what_the_matcher_assigns(nlp):
    nlp.add_pipe("constraint_post_processor")
    analysis = nlp.analyze_pipes()
    assert analysis["summary"]["catalog_matcher"]["assigns"] == ["doc.spans", "doc._.catalog_ner"]
    assert analysis["problems"]["constraint_post_processor"] == []
