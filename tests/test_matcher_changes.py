"""Names that change while a pipeline runs: added, removed, reloaded."""

from __future__ import annotations

import copy
import pickle

import pytest
import spacy
from matching import EXPECTED, blank, candidates, matching, name, texts

from spacy_catalog_ner.catalog import Entry, Variants, compile_catalog
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.matching.catalog_matcher import CatalogMatcher

NO_DIACRITICS = "nfkc-casefold-no-diacritics"


@pytest.fixture
def matcher(nlp) -> CatalogMatcher:
    return nlp.get_pipe("catalog_matcher")


@pytest.fixture
def movies(tmp_path):
    """The folder of a catalog that has "Dune" as a movie of another id, and "Arrival"."""
    entries = [Entry("Dune", "MOVIE", "imdb/1"), Entry("Arrival", "MOVIE", "imdb/2")]
    return compile_catalog(entries, tmp_path / "movies.catalog").path


def test_a_name_added_later_is_found_in_the_next_document():
    nlp = matching(name("Dune"))
    assert texts(nlp("watch arrival")) == []
    nlp.get_pipe("catalog_matcher").add_entries([name("Arrival")])
    assert texts(nlp("watch arrival")) == ["arrival"]


def test_names_added_one_by_one_are_found_like_names_added_at_once():
    names = [name(f"name {number}", id=str(number)) for number in range(20)]
    one_by_one = matching()
    for row in names:
        one_by_one.get_pipe("catalog_matcher").add_entries([row])
    text = " ".join(row["text"] for row in names)
    assert candidates(one_by_one(text)) == candidates(matching(*names)(text))


def test_a_broken_entry_is_refused_and_none_is_added():
    nlp = matching(name("Dune"))
    with pytest.raises(CatalogNERError, match="without a letter or digit"):
        nlp.get_pipe("catalog_matcher").add_entries([name("Arrival"), name("?!")])
    assert texts(nlp("arrival")) == []


@pytest.mark.parametrize(
    ("row", "left"),
    [
        ({"id": "city/boston"}, ["ARTIST"]),
        ({"text": "BOSTON"}, []),
        ({"text": "Boston", "label": "CITY"}, ["ARTIST"]),
        ({"text": "Boston", "id": "artist/boston"}, ["CITY"]),
        ({"text": "Boston", "label": "SONG"}, ["CITY", "ARTIST"]),
    ],
)
def test_a_compiled_entry_is_removed_by_id_by_text_and_by_both_with_a_label(
    nlp, matcher, row, left
):
    matcher.remove_entries([row])
    assert [label for _, label, _ in candidates(nlp("Boston"))] == left


def test_a_removed_entry_is_found_by_none_of_its_names(nlp, matcher):
    matcher.remove_entries([{"text": "The Weeknd"}])
    assert texts(nlp("the weeknd, weeknd")) == []


def test_an_added_entry_is_removed_like_a_compiled_one(nlp, matcher):
    matcher.add_entries([name("Arrival", id="1"), name("Arrival", "MOVIE", id="2")])
    matcher.remove_entries([{"id": "1"}])
    assert candidates(nlp("arrival")) == [("arrival", "MOVIE", "2")]


def test_an_entry_object_is_removed_by_its_name_label_and_id(nlp, matcher):
    matcher.remove_entries([Entry("Boston", "CITY", "city/boston")])
    assert candidates(nlp("Boston")) == [("Boston", "ARTIST", "artist/boston")]


def test_removing_what_is_not_there_changes_nothing(nlp, matcher):
    matcher.remove_entries([{"text": "Arrival"}, {"id": "nobody"}])
    assert candidates(nlp("Hello Boston")) == EXPECTED


def test_a_removal_without_text_or_id_is_refused_and_nothing_is_removed(nlp, matcher):
    with pytest.raises(CatalogNERError, match='an entry to remove has "text" or "id"'):
        matcher.remove_entries([{"text": "Boston"}, {"label": "SONG"}])
    assert candidates(nlp("Hello Boston")) == EXPECTED


def test_a_removed_entry_comes_back_when_it_is_added_again(nlp, matcher):
    matcher.remove_entries([{"text": "Boston"}])
    matcher.add_entries([name("Boston", "CITY", id="city/boston")])
    assert candidates(nlp("Boston")) == [("Boston", "CITY", "city/boston")]


def test_once_every_added_name_is_removed_there_are_no_candidates():
    nlp = matching(name("Dune"))
    nlp.get_pipe("catalog_matcher").remove_entries([{"text": "Dune"}])
    assert texts(nlp("dune")) == []
    assert [texts(doc) for doc in nlp.pipe(["dune", ""])] == [[], []]


def test_names_may_be_removed_before_there_are_any():
    nlp = blank()
    nlp.add_pipe("catalog_matcher").remove_entries([{"text": "Dune"}])
    nlp.get_pipe("catalog_matcher").add_entries([name("Arrival")])
    assert texts(nlp("dune, then arrival")) == ["arrival"]


def test_reload_opens_another_catalog(nlp, matcher, movies):
    assert texts(nlp("Dune or Hello")) == ["Dune", "Hello"]
    matcher.reload(movies)
    assert candidates(nlp("Dune or Hello")) == [("Dune", "MOVIE", "imdb/1")]
    assert matcher.catalog.path == movies


def test_reload_before_the_first_text_is_not_undone_by_it(nlp, matcher, movies):
    matcher.reload(movies)
    assert candidates(nlp("Dune or Hello")) == [("Dune", "MOVIE", "imdb/1")]


def test_a_catalog_that_is_gone_can_be_replaced_before_the_first_text(tmp_path, movies):
    matcher = CatalogMatcher(catalog=tmp_path / "gone.catalog")
    matcher.reload(movies)
    doc = matcher(blank().make_doc("Dune"))
    assert texts(doc) == ["Dune"]


def test_reload_without_a_path_opens_the_newer_version_in_the_same_folder(nlp, matcher, movies):
    matcher.reload(movies)
    compile_catalog([Entry("Tenet", "MOVIE", "imdb/3")], movies)
    assert texts(nlp("Dune, Tenet")) == ["Dune"]
    matcher.reload()
    assert texts(nlp("Dune, Tenet")) == ["Tenet"]


def test_reload_gives_a_matcher_of_added_names_its_first_catalog(movies):
    nlp = matching(name("Tenet"))
    nlp.get_pipe("catalog_matcher").reload(movies)
    assert texts(nlp("Dune, Tenet")) == ["Dune", "Tenet"]


def test_what_was_added_and_removed_survives_a_reload(nlp, matcher, movies):
    matcher.add_entries([name("Tenet")])
    matcher.remove_entries([{"text": "Dune"}])
    matcher.reload(movies)
    assert texts(nlp("Dune, Arrival, Tenet")) == ["Arrival", "Tenet"]


def test_reload_without_the_changes_forgets_what_was_added_and_removed(nlp, matcher, movies):
    matcher.add_entries([name("Tenet")])
    matcher.remove_entries([{"text": "Dune"}])
    matcher.reload(movies, keep_changes=False)
    assert texts(nlp("Dune, Arrival, Tenet")) == ["Dune", "Arrival"]


def test_a_reload_that_fails_keeps_the_old_catalog_and_the_changes(nlp, matcher, movies):
    matcher.add_entries([name("Tenet")])
    before = matcher.content_version
    (movies / "meta.json").write_text("{}")
    for path in (movies, movies / "none"):
        with pytest.raises(CatalogNERError, match=r"meta\.json: compiled with|no compiled catalog"):
            matcher.reload(path, keep_changes=False)
    assert candidates(nlp("Hello Boston")) == EXPECTED
    assert texts(nlp("Tenet")) == ["Tenet"]
    assert matcher.content_version == before


def test_reload_without_a_catalog_on_disk_asks_for_a_path(nlp):
    in_memory = (
        blank().add_pipe("catalog_matcher").from_bytes(nlp.get_pipe("catalog_matcher").to_bytes())
    )
    for matcher in (in_memory, CatalogMatcher()):
        with pytest.raises(CatalogNERError, match="has no catalog on disk: give `path`"):
            matcher.reload()


def test_added_names_are_compared_in_the_normal_form_of_the_catalog_reloaded(matcher, tmp_path):
    matcher.add_entries([name("Beyonc\u00e9")])
    matcher.remove_entries([{"text": "R\u00f6yksopp"}])
    make_doc = blank().make_doc
    assert texts(matcher(make_doc("beyonce"))) == []
    entries = [Entry("Royksopp", "ARTIST"), Entry("Sigur R\u00f3s", "ARTIST")]
    catalog = compile_catalog(entries, tmp_path / "c", normalization=NO_DIACRITICS)
    matcher.reload(catalog.path)
    doc = matcher(make_doc("beyonce, royksopp, sigur ros"))
    assert texts(doc) == ["beyonce", "sigur ros"]


def test_added_names_get_the_variants_of_the_catalog_reloaded(nlp, matcher, tmp_path):
    matcher.add_entries([name("AC/DC")])
    assert texts(nlp("ac dc")) == []
    catalog = compile_catalog(
        [Entry("Blink-182", "ARTIST")], tmp_path / "c", variants=Variants.load("en")
    )
    matcher.reload(catalog.path)
    assert texts(nlp("ac dc, blink 182")) == ["ac dc", "blink 182"]


def saved(nlp, folder):
    nlp.to_disk(folder)
    return spacy.load(folder)


def as_bytes(nlp, folder):
    again = blank()
    again.add_pipe("catalog_matcher")
    return again.from_bytes(nlp.to_bytes())


def with_matcher(clone):
    def way(nlp, folder):
        again = blank()
        matcher = clone(nlp.get_pipe("catalog_matcher"))
        again.add_pipe("catalog_matcher")
        again._components[0] = ("catalog_matcher", matcher)
        return again

    return way


@pytest.mark.parametrize(
    "way",
    [
        saved,
        as_bytes,
        with_matcher(copy.deepcopy),
        with_matcher(lambda matcher: pickle.loads(pickle.dumps(matcher))),
    ],
    ids=["disk", "bytes", "deepcopy", "pickle"],
)
def test_what_was_added_and_removed_is_saved_and_copied(nlp, matcher, tmp_path, way):
    matcher.remove_entries([{"text": "Hello"}, {"id": "city/boston"}])
    matcher.add_entries([name("Tenet", "MOVIE", id="imdb/3", aliases=["Tenet (2020)"])])
    again = way(nlp, tmp_path / "pipeline")
    text = "Hello Boston, Tenet"
    assert candidates(again(text)) == candidates(nlp(text))
    assert texts(again(text)) == ["Boston", "Tenet"]
    assert again.get_pipe("catalog_matcher").content_version == matcher.content_version


def test_the_content_version_differs_when_other_names_are_matched(matcher, movies):
    versions = [matcher.content_version]
    for change in (
        lambda: matcher.add_entries([name("Arrival")]),
        lambda: matcher.remove_entries([{"text": "Hello"}]),
        lambda: matcher.reload(movies),
        lambda: matcher.reload(keep_changes=False),
    ):
        change()
        assert matcher.content_version == matcher.content_version
        versions.append(matcher.content_version)
    assert len(set(versions)) == 5


def test_labels_are_those_of_compiled_and_added_entries(matcher, movies):
    matcher.add_entries([name("Dune", "BOOK")])
    assert matcher.labels == ("ALBUM", "ARTIST", "BOOK", "CITY", "MOVIE", "SONG")
    matcher.reload(movies)
    assert matcher.labels == ("BOOK", "MOVIE")
