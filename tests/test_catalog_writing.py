"""Writing a catalog over another: whatever happens, there is a whole one on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spacy_catalog_ner.catalog import Catalog, Entry, compile_catalog
from spacy_catalog_ner.errors import CatalogNERError

DUNE = Entry("Dune", "MOVIE", "movie/dune")


@pytest.fixture
def catalog(tmp_path) -> Catalog:
    entries = [Entry("Boston", "CITY", "city/boston"), Entry("The Weeknd", "ARTIST")]
    return compile_catalog(entries, tmp_path / "media.catalog")


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def is_tidy(folder: Path) -> bool:
    """Tell whether a catalog's folder holds the current version and nothing else."""
    version = Catalog.open(folder, verify=True).meta["content_version"]
    return {child.name for child in folder.iterdir()} == {"meta.json", version}


def test_compiling_again_replaces_the_old_catalog_and_leaves_nothing_of_it(catalog):
    compile_catalog([DUNE], catalog.path)
    assert [entry.text for entry in Catalog.open(catalog.path)] == ["Dune"]
    assert is_tidy(catalog.path)
    assert [path.name for path in catalog.path.parent.iterdir()] == ["media.catalog"]


def test_compiling_the_same_again_changes_nothing(catalog):
    before = files_of(catalog.path)
    compile_catalog(reversed(list(catalog)), catalog.path)
    assert files_of(catalog.path) == before


def test_a_catalog_that_is_open_keeps_working_while_it_is_replaced(catalog):
    compile_catalog([DUNE], catalog.path)
    assert [entry.id for entry in catalog.lookup("boston")] == ["city/boston"]
    assert catalog.get("city/boston").text == "Boston"


def test_entries_that_break_off_leave_the_old_catalog_whole(catalog):
    def entries():
        yield DUNE
        raise KeyboardInterrupt

    before = files_of(catalog.path)
    with pytest.raises(KeyboardInterrupt):
        compile_catalog(entries(), catalog.path)
    assert files_of(catalog.path) == before


def test_a_catalog_of_format_1_is_replaced_with_all_its_files(tmp_path):
    folder = tmp_path / "c"
    folder.mkdir()
    names = ["surface_forms.marisa", "labels.npy", "weights.npy", "text_offsets.npy", "texts.npy"]
    for name in names:
        (folder / name).write_bytes(b"old")
    meta = {
        "format_version": 1,
        "content_version": "0123456789ab",
        "normalization": "nfkc-casefold",
        "labels": ["CITY"],
        "files": {name: {"bytes": 3, "sha256": "..."} for name in names},
    }
    (folder / "meta.json").write_text(json.dumps(meta))
    (folder / "README").write_text("the owner's")
    with pytest.raises(CatalogNERError, match=r"format version 1.*; compile the catalog again"):
        Catalog.open(folder)
    version = compile_catalog([DUNE], folder).meta["content_version"]
    assert {child.name for child in folder.iterdir()} == {"meta.json", "README", version}


def test_that_a_folder_holds_something_else_is_said_before_any_entry_is_read(tmp_path):
    def entries():
        raise AssertionError("read")
        yield DUNE

    (tmp_path / "c").write_text("a file")
    with pytest.raises(CatalogNERError, match="holds something else"):
        compile_catalog(entries(), tmp_path / "c")


def test_compiling_nothing_is_an_error_and_writes_nothing(tmp_path):
    with pytest.raises(CatalogNERError, match="no catalog entry to compile"):
        compile_catalog([], tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


def test_a_catalog_in_memory_writes_the_very_files_it_came_from(catalog, tmp_path):
    Catalog.from_bytes(*catalog.to_bytes()).to_disk(tmp_path / "copy")
    assert files_of(tmp_path / "copy") == files_of(catalog.path)


def test_to_disk_onto_its_own_folder_changes_nothing(catalog):
    before = files_of(catalog.path)
    catalog.to_disk(catalog.path)
    assert files_of(catalog.path) == before


def test_to_disk_writes_what_is_mapped_though_the_folder_was_replaced_meanwhile(catalog, tmp_path):
    before = files_of(catalog.path)
    compile_catalog([DUNE], catalog.path)
    catalog.to_disk(tmp_path / "copy")
    assert files_of(tmp_path / "copy") == before
