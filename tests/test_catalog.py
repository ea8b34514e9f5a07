"""The compiled catalog: compile, open, look up, verify, replace."""

from __future__ import annotations

import json
import pickletools
import shutil
from pathlib import Path

import numpy as np
import pytest

from spacy_catalog_ner.catalog import Catalog, Entry, Overlay, compile_catalog
from spacy_catalog_ner.errors import CatalogNERError

BOSTON_BAND = Entry("Boston", "ARTIST", "artist/boston", weight=2)
BOSTON_CITY = Entry("Boston", "CITY", "city/boston", weight=9)
WEEKND = Entry("The Weeknd", "ARTIST", "artist/weeknd", weight=5, aliases=("Abel Tesfaye",))


@pytest.fixture
def catalog(tmp_path) -> Catalog:
    return compile_catalog([BOSTON_BAND, WEEKND, BOSTON_CITY], tmp_path / "media.catalog")


def files_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def change_meta(catalog: Catalog, **values) -> Path:
    path = catalog.path / "meta.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return path


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
    assert [entry.id for entry in catalog] == ["city/boston", "artist/weeknd", "artist/boston"]
    assert catalog.meta["entries_per_label"] == {"ARTIST": 2, "CITY": 1}


def test_max_length_is_that_of_the_longest_surface_form(catalog):
    assert catalog.max_length == len("abel tesfaye")


def test_prefixes_are_the_surface_forms_that_a_text_starts_with(tmp_path):
    entries = [Entry(text, "CITY", text) for text in ("New York", "New York City", "York", "New")]
    catalog = compile_catalog(entries, tmp_path / "c")
    found = {
        (length, catalog.label_and_id(number)[1])
        for length, numbers in catalog.prefixes("new york city hall")
        for number in numbers
    }
    assert found == {(3, "New"), (8, "New York"), (13, "New York City")}


def test_duplicates_are_merged_with_all_aliases_and_the_larger_weight(tmp_path):
    entries = [
        Entry("Prince", "ARTIST", "p", weight=3, aliases=("The Artist",)),
        Entry("Prince", "ARTIST", "p", weight=7, aliases=("Love Symbol",)),
    ]
    catalog = compile_catalog(entries, tmp_path / "c")
    assert len(catalog) == 1
    for name in ("prince", "the artist", "love symbol"):
        assert [entry.weight for entry in catalog.lookup(name)] == [7]


def test_the_same_name_with_another_id_is_another_entry(tmp_path):
    entries = [Entry("Nirvana", "ARTIST", "us"), Entry("Nirvana", "ARTIST", "uk")]
    catalog = compile_catalog(entries, tmp_path / "c")
    assert {entry.id for entry in catalog.lookup("nirvana")} == {"us", "uk"}


def test_the_order_of_the_input_makes_no_difference(tmp_path):
    entries = [BOSTON_BAND, WEEKND, BOSTON_CITY]
    one = compile_catalog(entries, tmp_path / "one", name="same")
    two = compile_catalog(reversed(entries), tmp_path / "two", name="same")
    assert list(one) == list(two)
    assert one.meta["content_version"] == two.meta["content_version"]


@pytest.mark.parametrize(
    "other",
    [
        Entry("Boston", "CITY", "city/boston", weight=10),
        Entry("Boston", "CITY", "city/2", weight=9),
        Entry("Boston", "CITY", "city/boston", weight=9, aliases=("Beantown",)),
    ],
)
def test_other_content_has_another_content_version(tmp_path, other):
    one = compile_catalog([BOSTON_CITY], tmp_path / "one")
    two = compile_catalog([other], tmp_path / "two")
    assert one.meta["content_version"] != two.meta["content_version"]


def test_the_catalog_is_named_after_its_folder_unless_told(tmp_path):
    assert compile_catalog([WEEKND], tmp_path / "media.catalog").meta["name"] == "media"
    assert compile_catalog([WEEKND], tmp_path / "c", name="Our media").meta["name"] == "Our media"


def test_names_in_any_script_come_back_as_they_were_written(tmp_path):
    names = ["Björk", "東京", "Москва", "Straße", "İstanbul", "P!nk", "\U0001d518nicode", "🎵 Song"]
    catalog = compile_catalog([Entry(name, "X", name) for name in names], tmp_path / "c")
    for name in names:
        assert [entry.text for entry in catalog.lookup(name)] == [name]


def test_compiling_nothing_is_an_error_and_writes_nothing(tmp_path):
    with pytest.raises(CatalogNERError, match="no catalog entry to compile"):
        compile_catalog([], tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


def test_a_catalog_opens_from_where_it_was_moved_to(catalog, tmp_path):
    shutil.move(catalog.path, tmp_path / "elsewhere")
    assert Catalog.open(tmp_path / "elsewhere").lookup("boston")


def test_opening_maps_the_arrays_instead_of_reading_them(catalog):
    assert isinstance(catalog._entries, np.memmap)


def test_a_missing_catalog_says_how_to_make_one(tmp_path):
    with pytest.raises(CatalogNERError, match="catalog-ner catalog compile") as error:
        Catalog.open(tmp_path / "none.catalog")
    assert str(tmp_path / "none.catalog") in str(error.value)
    assert "\n" not in str(error.value)


def test_another_format_version_is_a_one_line_error(catalog):
    path = change_meta(catalog, format_version=99)
    with pytest.raises(CatalogNERError, match="format version 99, this release reads 1") as error:
        Catalog.open(catalog.path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_another_normalization_is_an_error(catalog):
    change_meta(catalog, normalization="soundex")
    with pytest.raises(CatalogNERError, match="unknown normalization 'soundex'"):
        Catalog.open(catalog.path)


@pytest.mark.parametrize("content", [b'{"format_version": ', b"\xff\xfe", b"[]", b""])
def test_a_damaged_meta_json_is_a_one_line_error(catalog, content):
    (catalog.path / "meta.json").write_bytes(content)
    with pytest.raises(CatalogNERError, match="compile the catalog again") as error:
        Catalog.open(catalog.path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name", ["surface_forms.marisa", "labels.npy", "texts.npy", "form_entries.npy"]
)
def test_a_truncated_file_is_named(catalog, name):
    file = catalog.path / name
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(CatalogNERError, match="missing or truncated") as error:
        Catalog.open(catalog.path)
    assert str(error.value).startswith(f"{file}: ")


def test_a_file_that_is_gone_is_named(catalog):
    (catalog.path / "weights.npy").unlink()
    with pytest.raises(CatalogNERError, match=r"weights\.npy: missing or truncated"):
        Catalog.open(catalog.path)


def test_verify_accepts_a_whole_catalog(catalog):
    catalog.verify()
    Catalog.from_files(catalog.to_files()).verify()


def test_verify_names_the_file_in_which_a_byte_changed(catalog):
    file = catalog.path / "texts.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(CatalogNERError, match=r"texts\.npy: checksum differs"):
        Catalog.open(catalog.path).verify()


def test_from_files_gives_back_what_to_files_took(catalog):
    again = Catalog.from_files(catalog.to_files())
    assert again.path is None
    assert list(again) == list(catalog)
    assert again.lookup("Abel Tesfaye") == catalog.lookup("Abel Tesfaye")


def test_a_catalog_in_memory_writes_the_very_files_it_came_from(catalog, tmp_path):
    Catalog.from_files(catalog.to_files()).to_disk(tmp_path / "copy")
    assert files_of(tmp_path / "copy") == files_of(catalog.path)


def test_from_files_refuses_another_format_version(catalog):
    files = catalog.to_files()
    files["meta.json"] = files["meta.json"].replace(b'"format_version": 1', b'"format_version": 2')
    with pytest.raises(CatalogNERError, match="format version 2"):
        Catalog.from_files(files)


def test_to_disk_onto_its_own_folder_changes_nothing(catalog):
    before = files_of(catalog.path)
    catalog.to_disk(catalog.path)
    assert files_of(catalog.path) == before


def test_no_file_of_a_catalog_is_a_pickle(catalog):
    for content in catalog.to_files().values():
        with pytest.raises((ValueError, IndexError, UnicodeDecodeError)):
            list(pickletools.genops(content))


def test_an_array_that_holds_a_pickle_is_not_loaded(catalog):
    file = catalog.path / "labels.npy"
    np.save(file, np.array([{"any": "object"}], dtype=object), allow_pickle=True)
    meta = json.loads((catalog.path / "meta.json").read_text())
    meta["files"]["labels.npy"]["bytes"] = file.stat().st_size
    change_meta(catalog, files=meta["files"])
    with pytest.raises(ValueError, match="Python objects"):
        Catalog.open(catalog.path)


def test_compiling_again_replaces_the_old_catalog_and_leaves_nothing_beside_it(catalog):
    compile_catalog([Entry("Dune", "MOVIE")], catalog.path)
    again = Catalog.open(catalog.path)
    assert [entry.text for entry in again] == ["Dune"]
    assert [path.name for path in catalog.path.parent.iterdir()] == ["media.catalog"]


def test_a_catalog_that_is_open_keeps_working_while_it_is_replaced(catalog):
    compile_catalog([Entry("Dune", "MOVIE")], catalog.path)
    assert [entry.id for entry in catalog.lookup("boston")] == ["city/boston", "artist/boston"]


def test_entries_that_break_off_leave_the_old_catalog_whole(catalog):
    def entries():
        yield Entry("Dune", "MOVIE")
        raise KeyboardInterrupt

    before = files_of(catalog.path)
    with pytest.raises(KeyboardInterrupt):
        compile_catalog(entries(), catalog.path)
    assert files_of(catalog.path) == before


def test_a_disk_that_fills_up_leaves_the_old_catalog_whole(catalog, monkeypatch):
    before = files_of(catalog.path)
    write_bytes = Path.write_bytes

    def failing(self, data):
        if self.name == "texts.npy":
            raise OSError("No space left on device")
        return write_bytes(self, data)

    monkeypatch.setattr(Path, "write_bytes", failing)
    with pytest.raises(OSError, match="No space left"):
        compile_catalog([Entry("Dune", "MOVIE")], catalog.path)
    assert files_of(catalog.path) == before
    assert [path.name for path in catalog.path.parent.iterdir()] == ["media.catalog"]


def test_a_failure_while_the_folders_are_swapped_puts_the_old_catalog_back(catalog, monkeypatch):
    before = files_of(catalog.path)
    replace = Path.replace
    calls = []

    def failing_once(self, target):
        calls.append(target)
        if len(calls) == 2:  # the old folder is out of the way, the new one not yet in
            raise OSError("Input/output error")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing_once)
    with pytest.raises(OSError, match="Input/output error"):
        compile_catalog([Entry("Dune", "MOVIE")], catalog.path)
    assert files_of(catalog.path) == before
    assert [path.name for path in catalog.path.parent.iterdir()] == ["media.catalog"]


def test_a_folder_of_something_else_is_never_replaced(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("years of work")
    with pytest.raises(CatalogNERError, match="holds something else"):
        compile_catalog([WEEKND], tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter1.txt").read_text() == "years of work"


def test_a_file_in_the_place_of_the_folder_is_a_one_line_error(tmp_path):
    (tmp_path / "c").write_text("a file")
    with pytest.raises(CatalogNERError, match="holds something else"):
        compile_catalog([WEEKND], tmp_path / "c")


def test_an_empty_folder_is_compiled_into(tmp_path):
    (tmp_path / "c").mkdir()
    assert len(compile_catalog([WEEKND], tmp_path / "c")) == 1


def test_an_overlay_finds_every_name_wherever_it_stands():
    overlay = Overlay([WEEKND, BOSTON_BAND])
    found = {(start, end, group) for start, end, group in overlay.matches("xboston")}
    assert found == {(1, 7, (BOSTON_BAND,))}


def test_an_overlay_gives_the_more_popular_entry_of_a_name_first():
    overlay = Overlay([BOSTON_BAND])
    overlay.add([BOSTON_CITY])
    ((_, _, group),) = overlay.matches("boston")
    assert group == (BOSTON_CITY, BOSTON_BAND)


def test_adding_an_entry_twice_to_an_overlay_keeps_one():
    overlay = Overlay([WEEKND, WEEKND])
    overlay.add([WEEKND])
    assert overlay.entries == (WEEKND,)


def test_an_empty_overlay_finds_nothing():
    assert list(Overlay().matches("boston")) == []
