"""Writing a catalog over another: whatever happens, there is a whole one on disk."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
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
    return {child.name for child in folder.iterdir()} == {"meta.json", ".lock", version}


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


def test_a_disk_that_fills_up_leaves_the_old_catalog_whole(catalog, monkeypatch):
    def full(file, array):
        raise OSError("No space left on device")

    before = files_of(catalog.path)
    monkeypatch.setattr("spacy_catalog_ner.catalog.format.np.save", full)
    with pytest.raises(OSError, match="No space left"):
        compile_catalog([DUNE], catalog.path)
    assert files_of(catalog.path) == before


def test_after_a_first_compile_that_failed_the_next_one_succeeds(tmp_path, monkeypatch):
    def full(file, array):
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("spacy_catalog_ner.catalog.format.np.save", full)
        with pytest.raises(OSError, match="No space left"):
            compile_catalog([DUNE], tmp_path / "c")
    compile_catalog([DUNE], tmp_path / "c")
    assert is_tidy(tmp_path / "c")


COMPILE_AND_STOP = """
import os, sys
from spacy_catalog_ner.catalog import Entry, compile_catalog, format

def stop(*args, **kwargs):
    print("stopped", flush=True)
    sys.stdin.read()

path, where = sys.argv[1:]
real = {name: getattr(format, name) for name in ("_seal", "_sync", "write_json")}
if where == "reading":
    entries = (stop() or Entry("Dune", "MOVIE") for _ in range(2))
else:
    entries = [Entry("Dune", "MOVIE", "movie/dune")]
if where == "draft":
    format._seal = stop
elif where == "version":  # the data is in place, meta.json still the old one
    format.write_json = stop
elif where == "meta":  # the new meta.json is there under its temporary name only
    def write_json(*args):
        os.fsync = stop
        real["write_json"](*args)
    format.write_json = write_json
elif where == "cleanup":  # meta.json is in place, the old data not yet gone
    format._sync = lambda folder: real["_sync"](folder) or (folder.name == "c" and stop())
compile_catalog(entries, path)
"""
STAGES = ["reading", "draft", "version", "meta", "cleanup"]


@contextmanager
def stopped_while_compiling(path: Path, stage: str) -> Iterator[subprocess.Popen]:
    """Give a process that is in the middle of compiling to `path`; kill it at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMPILE_AND_STOP, path, stage],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "stopped\n"
        yield process
    finally:
        process.kill()  # with signal 9: it can tidy nothing up
        process.communicate()


@pytest.mark.parametrize("stage", STAGES)
def test_a_compile_killed_at_any_moment_leaves_a_whole_catalog(tmp_path, stage):
    compile_catalog([Entry("Boston", "CITY")], tmp_path / "c")
    with stopped_while_compiling(tmp_path / "c", stage):
        pass
    names = [entry.text for entry in Catalog.open(tmp_path / "c", verify=True)]
    assert names == (["Dune"] if stage == "cleanup" else ["Boston"])


@pytest.mark.parametrize("stage", STAGES)
def test_the_compile_after_one_that_was_killed_tidies_up(tmp_path, stage):
    compile_catalog([Entry("Boston", "CITY")], tmp_path / "c")
    with stopped_while_compiling(tmp_path / "c", stage):
        pass
    compile_catalog([Entry("Arrival", "MOVIE")], tmp_path / "c")
    assert is_tidy(tmp_path / "c")


@pytest.mark.parametrize("stage", STAGES)
def test_after_a_first_compile_that_was_killed_the_next_one_succeeds(tmp_path, stage):
    with stopped_while_compiling(tmp_path / "c", stage):
        pass
    compile_catalog([Entry("Arrival", "MOVIE")], tmp_path / "c")
    assert is_tidy(tmp_path / "c")


def test_a_second_compile_to_the_same_folder_at_once_says_so(tmp_path):
    with (
        stopped_while_compiling(tmp_path / "c", "draft"),
        pytest.raises(CatalogNERError, match="another process is writing this catalog"),
    ):
        compile_catalog([DUNE], tmp_path / "c")


@pytest.mark.parametrize("attempt", range(10))
def test_threads_do_not_write_the_same_folder_at_once_either(tmp_path, attempt):
    def wait(step):
        if step == "writing":
            all_ready.wait()

    def compile_names(number) -> str:
        try:
            compile_catalog([Entry(f"name {number}", "X")], tmp_path / "c", progress=wait)
        except CatalogNERError as err:
            return str(err)
        return "written"

    all_ready = threading.Barrier(8)
    with ThreadPoolExecutor(8) as pool:
        outcomes = set(pool.map(compile_names, range(8)))
    refusal = f"{tmp_path / 'c'}: another process is writing this catalog"
    assert "written" in outcomes <= {"written", refusal}
    assert is_tidy(tmp_path / "c")


def test_readers_open_one_version_or_the_other_while_a_catalog_is_compiled_over(tmp_path):
    cities, others = (
        [Entry("Boston", "CITY"), Entry("Paris", "CITY")],
        [Entry("Boston", "TEAM"), Entry("Dune", "MOVIE")],
    )

    def read() -> set[tuple[Entry, ...]]:
        seen = set()
        while not over.is_set():
            seen.add(tuple(Catalog.open(tmp_path / "c")))
        return seen

    compile_catalog(cities, tmp_path / "c")
    over = threading.Event()
    with ThreadPoolExecutor() as pool:
        reader = pool.submit(read)
        for _ in range(10):
            compile_catalog(others, tmp_path / "c")
            compile_catalog(cities, tmp_path / "c")
        over.set()
        assert reader.result() <= {tuple(cities), tuple(others)}


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
    assert {child.name for child in folder.iterdir()} == {"meta.json", ".lock", "README", version}


def test_a_damaged_catalog_can_be_compiled_again(catalog):
    (catalog.path / "meta.json").write_text('{"format_version": ')
    compile_catalog([DUNE], catalog.path)
    assert is_tidy(catalog.path)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("chapter1.txt", "years of work"),
        ("meta.json", '{"lang": "en", "name": "core_web_sm"}'),  # a pipeline of spaCy
        ("meta.json", '{"format_version": 1, "embedder": "MiniLM"}'),  # our own exemplar store
    ],
)
def test_a_folder_of_something_else_is_never_replaced(tmp_path, file, content):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / file).write_text(content)
    with pytest.raises(CatalogNERError, match="holds something else") as error:
        compile_catalog([DUNE], tmp_path / "work")
    assert "\n" not in str(error.value)
    assert files_of(tmp_path / "work") == {file: content.encode()}


def test_a_file_in_the_place_of_the_folder_is_a_one_line_error(tmp_path):
    (tmp_path / "c").write_text("a file")
    with pytest.raises(CatalogNERError, match="holds something else"):
        compile_catalog([DUNE], tmp_path / "c")


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


def test_an_empty_folder_is_compiled_into(tmp_path):
    (tmp_path / "c").mkdir()
    assert len(compile_catalog([DUNE], tmp_path / "c")) == 1


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
