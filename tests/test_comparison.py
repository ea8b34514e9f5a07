"""How one catalog differs from another: what was added, removed and changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacy_catalog_ner.catalog import Catalog, Entry, comparison, compile_catalog
from spacy_catalog_ner.catalog.comparison import Change, compare_catalogs

ADELE = Entry("Adele", "ARTIST", "artist/adele", weight=5)
SADE = Entry("Sade", "ARTIST", "artist/sade", weight=2)
PARIS = Entry("Paris", "CITY", weight=3)  # as most lists have it: without an id


@pytest.fixture
def changes(tmp_path):
    """Compile two lists of entries and return what differs, as a set."""

    def compare(before: list[Entry], after: list[Entry], **options) -> set[Change]:
        one = compile_catalog(before, tmp_path / "before.catalog")
        two = compile_catalog(after, tmp_path / "after.catalog", **options)
        found = list(compare_catalogs(one, two))
        assert len(found) == len(set(found))
        return set(found)

    return compare


def test_a_catalog_does_not_differ_from_itself(changes):
    assert changes([ADELE, SADE, PARIS], [PARIS, SADE, ADELE]) == set()


def test_entries_come_and_go(changes):
    expected = {Change("added", PARIS), Change("removed", SADE)}
    assert changes([ADELE, SADE], [ADELE, PARIS]) == expected


@pytest.mark.parametrize("entry", [ADELE, PARIS], ids=["with id", "without id"])
@pytest.mark.parametrize(
    "value", [{"weight": 9}, {"aliases": ("Adkins",)}, {"lang": "en"}], ids=str
)
def test_a_known_entry_with_another_value_is_changed(changes, entry, value):
    new = entry._replace(**value)
    assert changes([entry, SADE], [new, SADE]) == {Change("changed", new, entry)}


def test_an_entry_with_an_id_can_be_renamed(changes):
    new = ADELE._replace(text="Adele Adkins")
    assert changes([ADELE], [new]) == {Change("changed", new, ADELE)}


def test_without_an_id_another_name_is_another_entry(changes):
    new = PARIS._replace(text="Lutetia")
    assert changes([PARIS], [new]) == {Change("removed", PARIS), Change("added", new)}


def test_with_another_label_it_is_another_entry(changes):
    new = ADELE._replace(label="PERSON")
    assert changes([ADELE], [new]) == {Change("removed", ADELE), Change("added", new)}


def test_translations_share_an_id_and_only_the_new_one_is_added(changes):
    english = Entry("Munich", "CITY", "city/1", lang="en")
    german = Entry("München", "CITY", "city/1", lang="de")
    assert changes([english], [english, german]) == {Change("added", german)}


def test_of_several_names_the_one_in_the_same_language_is_renamed(changes):
    english = Entry("Bombay", "CITY", "city/1", lang="en")
    german = Entry("Bombay (Indien)", "CITY", "city/1", lang="de")
    new_german = Entry("Mumbai (Indien)", "CITY", "city/1", lang="de")
    new_english = Entry("Mumbai", "CITY", "city/1", lang="en")
    assert changes([english, german], [new_german, new_english]) == {
        Change("changed", new_english, english),
        Change("changed", new_german, german),
    }


def test_the_order_of_aliases_is_no_difference(changes):
    one, two = ADELE._replace(aliases=("a", "b")), ADELE._replace(aliases=("b", "a"))
    assert changes([one], [two]) == set()


def test_a_weight_that_comes_back_from_a_catalog_is_the_one_that_went_in(changes):
    assert changes([ADELE._replace(weight=0.1)], [ADELE._replace(weight=0.1)]) == set()


def test_catalogs_of_other_normalisation_are_compared_by_what_was_written(changes):
    entry = Entry("Beyoncé", "ARTIST", "artist/b")
    options = {"normalization": "nfkc-casefold-no-diacritics"}
    assert changes([entry], [entry], **options) == set()


def test_progress_adds_up_to_the_entries_of_both(tmp_path):
    catalog = compile_catalog([ADELE, SADE, PARIS], tmp_path / "c.catalog")
    steps: list[int] = []
    assert list(compare_catalogs(catalog, catalog, steps.append)) == []
    assert sum(steps) == 6


def test_a_change_is_a_row(changes):
    (change,) = changes([ADELE], [ADELE._replace(weight=6)])
    assert change.to_row() == {
        "change": "changed",
        "entry": {**ADELE.to_row(), "weight": 6.0},
        "before": ADELE.to_row(),
    }
    assert "before" not in Change("added", ADELE).to_row()


def test_equal_hashes_are_no_equal_entries(changes, monkeypatch):
    """Hashes only bring together what may belong together."""
    monkeypatch.setattr(comparison, "_hash_keys", lambda c: np.zeros(len(c), dtype=np.uint64))
    new = ADELE._replace(text="Adele Adkins")
    assert changes([ADELE, SADE, PARIS], [new, PARIS]) == {
        Change("changed", new, ADELE),
        Change("removed", SADE),
    }


some_entries = st.lists(
    st.builds(
        Entry,
        text=st.sampled_from(["Up", "up", "UP!", "Dune", "Ü"]),
        label=st.sampled_from(["MOVIE", "SONG"]),
        id=st.sampled_from(["", "1", "2", "Up"]),  # "Up": an id that reads like a name
        weight=st.sampled_from([1.0, 2.0]),
        aliases=st.just(()),
        lang=st.sampled_from(["", "en", "de"]),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda entry: (entry.text, entry.label, entry.id),
)


@given(before=some_entries, after=some_entries)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_changes_lead_from_one_catalog_to_the_other(before, after, changes):
    found = changes(before, after)
    kinds = {kind: {c for c in found if c.kind == kind} for kind in ("added", "removed", "changed")}
    added, removed, changed = kinds.values()
    gone = {c.entry for c in removed} | {c.before for c in changed}
    come = {c.entry for c in added} | {c.entry for c in changed}
    assert (set(before) - gone) | come == set(after)
    assert gone <= set(before) and not gone & set(after)
    assert come <= set(after) and not come & set(before)
    # An entity that was there and still is has not come or gone.
    entities = {(c.entry.label, c.entry.id) for c in removed if c.entry.id}
    assert not entities & {(c.entry.label, c.entry.id) for c in added}
    assert all((c.entry.label, c.entry.id) == (c.before.label, c.before.id) for c in changed)


def test_a_catalog_in_memory_is_compared_too(tmp_path):
    one = compile_catalog([ADELE], tmp_path / "c.catalog")
    two = compile_catalog([ADELE, SADE], tmp_path / "d.catalog")
    assert list(compare_catalogs(one, Catalog.from_bytes(*two.to_bytes()))) == [
        Change("added", SADE)
    ]
