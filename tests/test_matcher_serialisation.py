"""`catalog_matcher` saved, packaged, pickled and loaded again."""

from __future__ import annotations

import copy
import pickle
import shutil

import pytest
import spacy
from matching import EXPECTED, blank, candidates, name, texts
from spacy.tokens import Doc, DocBin

from spacy_catalog_ner.catalog import Entry, NoiseControls, compile_catalog
from spacy_catalog_ner.matching.catalog_matcher import CatalogMatcher


@pytest.fixture
def matcher(nlp) -> CatalogMatcher:
    """The matcher of `nlp`, with one name added and one removed."""
    matcher = nlp.get_pipe("catalog_matcher")
    matcher.add_entries([name("Arrival")])
    matcher.remove_entries([{"text": "Dune"}])
    return matcher


def empty() -> CatalogMatcher:
    return blank().add_pipe("catalog_matcher")


def found_by(matcher: CatalogMatcher, text: str) -> list[str]:
    return texts(matcher(blank().make_doc(text)))


def test_a_pipeline_saved_and_moved_brings_its_names_along(tmp_path):
    catalog = compile_catalog([Entry("Dune", "MOVIE")], tmp_path / "c")
    nlp = blank()
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


def test_a_pipeline_without_a_compiled_catalog_is_saved_too(tmp_path):
    nlp = blank()
    nlp.add_pipe("catalog_matcher").add_entries([name("Arrival")])
    nlp.to_disk(tmp_path / "pipeline")
    assert texts(spacy.load(tmp_path / "pipeline")("arrival")) == ["arrival"]


def test_a_folder_holds_the_catalog_and_what_was_added_and_removed(matcher, tmp_path):
    matcher.to_disk(tmp_path / "matcher")
    assert {path.name for path in (tmp_path / "matcher").iterdir()} == {
        "added.jsonl",
        "removed.jsonl",
        "catalog",
    }
    assert found_by(empty().from_disk(tmp_path / "matcher"), "Hello, Dune, Arrival") == [
        "Hello",
        "Arrival",
    ]


def test_bytes_hold_the_catalog_and_what_was_added_and_removed(matcher):
    again = empty().from_bytes(matcher.to_bytes())
    assert found_by(again, "Hello, Dune, Arrival") == ["Hello", "Arrival"]
    assert again.catalog.path is None


def test_a_catalog_that_came_as_bytes_can_be_saved(matcher, tmp_path):
    empty().from_bytes(matcher.to_bytes()).to_disk(tmp_path / "matcher")
    again = empty().from_disk(tmp_path / "matcher")
    assert found_by(again, "Hello, Dune, Arrival") == ["Hello", "Arrival"]
    assert again.content_version == matcher.content_version


def test_what_is_saved_is_what_is_matched_though_the_catalog_was_replaced_meanwhile(tmp_path):
    catalog = compile_catalog([Entry("Dune", "MOVIE")], tmp_path / "c")
    matcher = CatalogMatcher(catalog=catalog.path)
    assert found_by(matcher, "dune, tenet") == ["dune"]
    compile_catalog([Entry("Tenet", "MOVIE")], tmp_path / "c")
    matcher.to_disk(tmp_path / "matcher")
    assert found_by(empty().from_disk(tmp_path / "matcher"), "dune, tenet") == ["dune"]
    assert found_by(empty().from_bytes(matcher.to_bytes()), "dune, tenet") == ["dune"]


def test_the_catalog_may_be_left_out_of_bytes(matcher):
    again = empty().from_bytes(matcher.to_bytes(exclude=["catalog"]))
    assert again.catalog is None
    assert found_by(again, "Hello, Dune, Arrival") == ["Arrival"]


def test_the_catalog_may_be_left_out_while_loading_bytes(matcher):
    again = empty().from_bytes(matcher.to_bytes(), exclude=["catalog"])
    assert again.catalog is None
    assert found_by(again, "Hello, Dune, Arrival") == ["Arrival"]


def test_the_changes_may_be_left_out_while_loading_bytes(matcher):
    again = empty().from_bytes(matcher.to_bytes(), exclude=["changes"])
    assert found_by(again, "Hello, Dune, Arrival") == ["Hello", "Dune"]


def test_what_is_excluded_on_disk_is_neither_written_nor_read(matcher, tmp_path):
    matcher.to_disk(tmp_path / "one", exclude=["catalog"])
    assert {path.name for path in (tmp_path / "one").iterdir()} == {"added.jsonl", "removed.jsonl"}
    matcher.to_disk(tmp_path / "two")
    again = empty().from_disk(tmp_path / "two", exclude=["catalog"])
    assert found_by(again, "Hello, Dune, Arrival") == ["Arrival"]


def test_the_whole_component_may_be_excluded_from_loading(nlp, tmp_path):
    nlp.to_disk(tmp_path / "pipeline")
    assert spacy.load(tmp_path / "pipeline", exclude=["catalog_matcher"]).pipe_names == []


def in_memory(matcher: CatalogMatcher) -> CatalogMatcher:
    return empty().from_bytes(matcher.to_bytes())


@pytest.mark.parametrize("clone", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy])
@pytest.mark.parametrize("origin", [lambda matcher: matcher, in_memory])
def test_a_copy_matches_like_the_original_and_goes_its_own_way(nlp, matcher, clone, origin):
    original = origin(matcher)
    again = clone(original)
    again.add_entries([name("Tenet")])
    again.remove_entries([{"text": "Hello"}])
    text = "Hello Dune, arrival, tenet"
    assert found_by(original, text) == ["Hello", "arrival"]
    assert found_by(again, text) == ["arrival", "tenet"]
    assert (again.name, again.spans_key) == ("catalog_matcher", "candidates")


def test_a_copy_keeps_its_settings(mini_catalog):
    matcher = CatalogMatcher(
        "mine",
        catalog=mini_catalog,
        spans_key="names",
        controls=NoiseControls(labels=("CITY",), min_length=6),
        drop_nested=True,
    )
    again = pickle.loads(pickle.dumps(matcher))
    doc = again(blank().make_doc("Boston or Paris"))
    assert [(span.text, span.label_) for span in doc.spans["names"]] == [("Boston", "CITY")]
    assert (again.name, again.drop_nested) == ("mine", True)
    assert again.content_version == matcher.content_version


def test_a_pickle_of_a_mapped_catalog_holds_its_path_and_not_its_contents(tmp_path):
    names = [Entry(f"name {number}", "X") for number in range(5000)]
    compile_catalog(names, tmp_path / "c")
    matcher = CatalogMatcher(catalog=tmp_path / "c")
    assert len(matcher.catalog) == 5000
    assert len(pickle.dumps(matcher)) < 2000


def test_a_pickle_of_a_matcher_that_was_never_used_opens_its_catalog_later(tmp_path):
    copied = pickle.loads(pickle.dumps(CatalogMatcher(catalog=tmp_path / "c")))
    compile_catalog([Entry("Dune", "MOVIE")], tmp_path / "c")
    assert found_by(copied, "dune") == ["dune"]


def test_candidates_survive_the_bytes_of_a_doc(nlp):
    doc = nlp("Hello Boston")
    again = Doc(nlp.vocab).from_bytes(doc.to_bytes())
    assert candidates(again) == EXPECTED
    assert again._.catalog_ner == {"candidates": 3}


def test_candidates_survive_a_docbin_read_with_another_vocab(nlp):
    docs = DocBin(store_user_data=True, docs=[nlp("Hello Boston"), nlp("nobody")]).to_bytes()
    one, two = DocBin().from_bytes(docs).get_docs(spacy.blank("en").vocab)
    assert candidates(one) == EXPECTED
    assert candidates(two) == []
    assert one._.catalog_ner == {"candidates": 3}
