"""Changes to a catalog in memory: what was added is found, what was removed is not."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest

from spacy_catalog_ner.catalog import Catalog, Entry, Overlay, compile_catalog
from spacy_catalog_ner.catalog.overlay import removal
from spacy_catalog_ner.errors import CatalogNERError

BOSTON_BAND = Entry("Boston", "ARTIST", "artist/boston", weight=2)
BOSTON_CITY = Entry("Boston", "CITY", "city/boston", weight=9)
WEEKND = Entry("The Weeknd", "ARTIST", "artist/weeknd", aliases=("Abel Tesfaye",))
NO_DIACRITICS = "nfkc-casefold-no-diacritics"


def found(overlay: Overlay, text: str) -> set[str]:
    return {text[start:end] for start, end in overlay.stretches(text)}


def hidden(overlay: Overlay, catalog: Catalog) -> set[str]:
    return {catalog.entry(number).id for number in overlay.hidden_in(catalog)}


@pytest.fixture
def catalog(tmp_path) -> Catalog:
    return compile_catalog([BOSTON_BAND, BOSTON_CITY, WEEKND], tmp_path / "c")


def test_an_empty_overlay_finds_nothing():
    overlay = Overlay()
    assert not overlay
    assert overlay.entries == []
    assert found(overlay, "boston") == set()
    assert overlay.lookup("boston") == []


def test_every_form_of_an_added_entry_is_found_wherever_it_stands():
    overlay = Overlay().with_added([WEEKND, BOSTON_BAND])
    assert found(overlay, "abel tesfayexboston the weeknds") == {
        "abel tesfaye",
        "boston",
        "the weeknd",
    }


def test_forms_within_forms_are_found_too():
    overlay = Overlay().with_added([Entry("New York City", "X"), Entry("York", "X")])
    assert found(overlay, "new york city") == {"new york city", "york"}


def test_an_added_entry_is_looked_up_by_each_of_its_forms():
    overlay = Overlay().with_added([WEEKND])
    assert overlay.lookup("the weeknd") == overlay.lookup("abel tesfaye") == [WEEKND]
    assert overlay.lookup("weeknd") == []


def test_adding_gives_a_new_overlay_and_leaves_the_old_one_as_it_was():
    one = Overlay().with_added([BOSTON_BAND])
    two = one.with_added([WEEKND])
    assert one.entries == [BOSTON_BAND]
    assert two.entries == [BOSTON_BAND, WEEKND]


def test_removing_gives_a_new_overlay_and_leaves_the_old_one_as_it_was():
    one = Overlay().with_added([BOSTON_BAND])
    two = one.with_removed([{"text": "Boston"}])
    assert one.lookup("boston") == [BOSTON_BAND]
    assert two.lookup("boston") == []
    assert one.removals == ()


def test_adding_one_by_one_equals_adding_at_once():
    entries = [Entry(f"name {number % 70}", "X", str(number)) for number in range(100)]
    at_once = Overlay().with_added(entries)
    one_by_one = Overlay()
    for entry in entries:
        one_by_one = one_by_one.with_added([entry])
    assert one_by_one.entries == at_once.entries == entries
    for form in {f"name {number}" for number in range(70)}:
        assert one_by_one.lookup(form) == at_once.lookup(form)
        assert found(one_by_one, f"a {form}") == found(at_once, f"a {form}")


def test_entries_added_one_by_one_lie_in_few_segments():
    overlay = Overlay()
    for number in range(200):
        overlay = overlay.with_added([Entry(f"name {number}", "X")])
        sizes = [len(segment.entries) for segment in overlay._segments]
        assert all(one >= 2 * two for one, two in pairwise(sizes))


@pytest.mark.parametrize("others", [0, 1, 10])
def test_adding_an_entry_again_keeps_one(others):
    entries = [WEEKND, *(Entry(f"name {number}", "X") for number in range(others))]
    overlay = Overlay().with_added([*entries, WEEKND]).with_added([WEEKND, WEEKND])
    assert overlay.entries == entries


def test_adding_nothing_changes_nothing():
    assert Overlay().with_added([]).entries == []
    assert not Overlay().with_added([])


@pytest.mark.parametrize(
    ("row", "left"),
    [
        ({"id": "artist/boston"}, [BOSTON_CITY, WEEKND]),
        ({"text": "Boston"}, [WEEKND]),
        ({"text": "  BOSTON "}, [WEEKND]),
        ({"text": "Boston", "label": "CITY"}, [BOSTON_BAND, WEEKND]),
        ({"text": "Boston", "id": "city/boston"}, [BOSTON_BAND, WEEKND]),
        ({"id": "artist/boston", "label": "CITY"}, [BOSTON_BAND, BOSTON_CITY, WEEKND]),
        ({"text": "Abel Tesfaye"}, [BOSTON_BAND, BOSTON_CITY, WEEKND]),
        ({"id": "artist"}, [BOSTON_BAND, BOSTON_CITY, WEEKND]),
    ],
)
def test_what_agrees_with_all_that_a_removal_gives_is_gone(catalog, row, left):
    removed = Overlay().with_added([BOSTON_BAND, BOSTON_CITY, WEEKND]).with_removed([removal(row)])
    assert removed.entries == left
    everything = {BOSTON_BAND.id, BOSTON_CITY.id, WEEKND.id}
    assert hidden(removed, catalog) == everything - {entry.id for entry in left}


def test_an_entry_removed_is_no_longer_found_in_a_text():
    overlay = Overlay().with_added([BOSTON_BAND, WEEKND]).with_removed([{"text": "Boston"}])
    assert found(overlay, "boston the weeknd") == {"the weeknd"}


def test_an_entry_added_after_its_removal_is_there(catalog):
    overlay = Overlay().with_removed([{"text": "Boston"}]).with_added([BOSTON_CITY])
    assert overlay.lookup("boston") == [BOSTON_CITY]
    assert hidden(overlay, catalog) == {"artist/boston", "city/boston"}


def test_entries_added_and_removed_in_turn_leave_what_is_expected(catalog):
    names = [f"name {number}" for number in range(8)]
    chooser = random.Random(0)
    overlay, expected = Overlay(), []
    for _ in range(300):
        entry = Entry(chooser.choice(names), chooser.choice("XY"), chooser.choice("123"))
        if chooser.random() < 0.5:
            overlay = overlay.with_added([entry])
            expected += [entry] if entry not in expected else []
        else:
            row = {"id": entry.id} if chooser.random() < 0.2 else {"text": entry.text}
            if chooser.random() < 0.5:
                row["label"] = entry.label
            overlay = overlay.with_removed([row])
            expected = [e for e in expected if not row.items() <= e.to_row().items()]
        assert overlay.entries == expected
        assert found(overlay, "; ".join(names)) == {entry.text for entry in expected}


def test_thousands_of_removals_one_by_one_take_seconds(tmp_path):
    entries = [Entry(f"name {number}", "X", f"{number}") for number in range(4_000)]
    catalog = compile_catalog(entries, tmp_path / "c")
    overlay = Overlay().with_added(entries)
    start = time.process_time()
    for number in range(2_000):
        for row in ({"id": f"{number}"}, {"text": f"Name {number + 2_000}"}):
            overlay = overlay.with_removed([row])
            hidden = overlay.hidden_in(catalog)
    assert time.process_time() - start < 10  # four minutes when all were looked up each time
    assert len(hidden) == len(overlay.removals) == 4_000
    assert overlay.entries == []


def test_a_removal_is_forgotten_when_a_new_version_has_made_it(catalog, tmp_path):
    rows = [{"id": "city/boston"}, {"text": "Boston", "label": "ARTIST"}, {"text": "Dune"}]
    overlay = Overlay().with_added([WEEKND]).with_removed(rows)
    newer = compile_catalog([BOSTON_BAND, WEEKND], tmp_path / "newer")
    assert overlay.after_reload(None, newer) is overlay
    overlay = overlay.after_reload(catalog, newer)
    assert overlay.removals == tuple(rows[1:])  # the last may be in a version to come
    assert hidden(overlay, newer) == {"artist/boston"}
    assert hidden(overlay, catalog) == {"artist/boston"}
    assert overlay.entries == [WEEKND]


def test_the_same_removal_is_kept_once():
    row = {"text": "Boston"}
    assert Overlay().with_removed([row]).with_removed([row]).removals == (row,)


def test_an_entry_is_removed_by_its_name_label_and_id():
    assert removal(BOSTON_CITY) == {"text": "Boston", "label": "CITY", "id": "city/boston"}


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"id": 0}, {"id": "0"}),
        ({"id": " 7"}, {"id": " 7"}),
        ({"text": " Dune ", "id": ""}, {"text": "Dune"}),
        ({"text": None, "id": "7", "weight": 3, "label": None}, {"id": "7"}),
    ],
)
def test_a_removal_reads_a_row_as_an_entry_does(row, wanted):
    assert removal(row) == wanted


@pytest.mark.parametrize("row", [{}, {"label": "CITY"}, {"text": ""}, {"text": "  "}, {"id": None}])
def test_a_removal_without_text_or_id_is_a_one_line_error(row):
    with pytest.raises(CatalogNERError, match='an entry to remove has "text" or "id"'):
        removal(row)


def test_changes_are_formed_anew_for_a_catalog_of_another_normalisation(tmp_path):
    overlay = (
        Overlay().with_added([Entry("Beyoncé", "ARTIST")]).with_removed([{"text": "Röyksopp"}])
    )
    assert overlay.lookup("beyonce") == []
    moved = overlay.on(NO_DIACRITICS, None)
    assert [entry.text for entry in moved.lookup("beyonce")] == ["Beyoncé"]
    catalog = compile_catalog(
        [Entry("Royksopp", "ARTIST", "1")], tmp_path / "c", normalization=NO_DIACRITICS
    )
    assert hidden(moved, catalog) == {"1"}


def test_for_a_catalog_of_the_same_normalisation_nothing_is_formed_anew():
    overlay = Overlay().with_added([WEEKND])
    assert overlay.on(overlay.normalization, None) is overlay
