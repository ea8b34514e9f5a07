"""Folders that are replaced in one step: compiled catalogs, exemplar stores, calibrations."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from spacy_catalog_ner.calibration.calibration import Calibration, Measure, Report
from spacy_catalog_ner.calibration.features import FEATURES
from spacy_catalog_ner.calibration.logistic import LogisticModel
from spacy_catalog_ner.calibration.tallies import Tallies
from spacy_catalog_ner.catalog import Catalog, Entry, compile_catalog
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.evaluation.result import Reliability
from spacy_catalog_ner.exemplars import Candidate, Exemplar, ExemplarStore
from spacy_catalog_ner.io import versioned_folder
from spacy_catalog_ner.io.files import atomic_folder
from spacy_catalog_ner.io.lock import Lock

linux = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
CHANGES = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate")


class Kind(NamedTuple):
    """Something kept in a folder: its contents here are a word."""

    write: Callable[[Path, str], object]
    read: Callable[[Path], str]
    tidy: set[str]
    meta: str = "meta.json"


def write_catalog(path: Path, word: str) -> None:
    compile_catalog([Entry(word, "X")], path)


def write_store(path: Path, word: str) -> None:
    ExemplarStore([Exemplar(word, [], [])], np.ones((1, 2), np.float32), "made up").to_disk(path)


def write_calibration(path: Path, word: str) -> None:
    model = LogisticModel(dict.fromkeys(FEATURES, 0.0), 0.0)
    tallies = Tallies([Exemplar(word, [Candidate(0, len(word), word, "X")], [])])
    report = Report(1, 1, Measure(0, 0, Reliability([], 0)))
    Calibration(tallies, model, None, report).to_disk(path)


def write_plain(path: Path, word: str) -> None:
    with atomic_folder(path, mark="word") as folder:
        (folder / "word").write_text(word)


KINDS = {
    "catalog": Kind(
        write_catalog,
        lambda path: next(iter(Catalog.open(path, verify=True))).text,
        {"meta.json", "VERSION"},
    ),
    "store": Kind(
        write_store,
        lambda path: ExemplarStore.from_disk(path).exemplars[0].text,
        {"meta.json", "VERSION"},
    ),
    "calibration": Kind(
        write_calibration,
        lambda path: next(iter(Calibration.from_disk(path).tallies._counts["name"])),
        {"calibration.json", "VERSION"},
        "calibration.json",
    ),
}
PLAIN = Kind(write_plain, lambda path: (path / "word").read_text(), {"word"})


@pytest.fixture(params=KINDS)
def kind(request) -> Kind:
    return KINDS[request.param]


def names(folder: Path) -> set[str]:
    """Return what is in a folder, the one version of it by that word."""
    found = [child.name for child in folder.iterdir()]
    versions = [name for name in found if len(name) in (12, 16) and (folder / name).is_dir()]
    return {"VERSION" if name in versions[:1] else name for name in found}


def in_child(work: Callable[[], object], kill_at: int = 0) -> int:
    """Do something in a child process, killed before its `kill_at`-th change on disk."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    left = kill_at

    def hook(event: str, arguments: tuple) -> None:
        nonlocal left
        if event in CHANGES and kill_at:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    status = 1
    try:
        sys.addaudithook(hook)
        work()
        status = 0
    finally:
        os._exit(status)


@linux
@pytest.mark.parametrize("old", [None, "old"], ids=["new folder", "over another"])
def test_whoever_is_killed_at_any_moment_leaves_the_old_or_the_new(kind, old, tmp_path):
    folder = tmp_path / "folder"
    seen = set()
    for moment in range(1, 1000, 5 if kind is KINDS["catalog"] else 1):  # it has many files
        shutil.rmtree(folder, ignore_errors=True)
        if old:
            kind.write(folder, old)
        status = in_child(lambda: kind.write(folder, "new"), kill_at=moment)
        try:
            seen.add(kind.read(folder))
        except CatalogNERError as err:
            assert "here; make one with" in str(err)
            seen.add(None)
        kind.write(folder, "next")
        assert kind.read(folder) == "next"
        assert names(folder) == kind.tidy
        if not status:
            break
        assert os.WIFSIGNALED(status)
    assert moment > 8
    assert seen == {old, "new"}


@linux
def test_whoever_is_killed_while_a_plain_folder_is_replaced_loses_nothing(tmp_path):
    folder = tmp_path / "folder"
    for moment in range(1, 1000):
        write_plain(folder, "old")
        status = in_child(lambda: write_plain(folder, "new"), kill_at=moment)
        left = [file.read_text() for file in tmp_path.rglob("word")]
        assert "old" in left or "new" in left
        write_plain(folder, "next")
        assert [str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*")] == [
            "folder",
            "folder/word",
        ]
        if not status:
            break
    assert moment > 4


@linux
def test_two_writers_and_a_reader_get_on(kind, tmp_path):
    def write(word: str) -> None:
        for _ in range(40):
            kind.write(tmp_path / "folder", word)

    kind.write(tmp_path / "folder", "a")
    children = []
    for word in "ab":
        if not (child := os.fork()):
            os._exit(in_child(lambda word=word: write(word)) != 0)
        children.append(child)
    seen = set()
    while children:
        seen.add(kind.read(tmp_path / "folder"))
        done, status = os.waitpid(-1, os.WNOHANG)
        if done:
            assert not status
            children.remove(done)
    assert seen <= {"a", "b"}
    assert names(tmp_path / "folder") == kind.tidy


def test_a_folder_that_another_process_is_writing_is_refused(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(versioned_folder, "WAIT", 0.05)
    kind.write(tmp_path, "old")
    with (
        Lock(tmp_path / ".lock", "held"),
        pytest.raises(CatalogNERError, match="another process is writing this"),
    ):
        kind.write(tmp_path, "new")
    assert kind.read(tmp_path) == "old"


def test_a_disk_that_is_full_leaves_the_old_version(kind, tmp_path, monkeypatch):
    def full(*args: object, **options: object) -> None:
        raise OSError("No space left on device")

    kind.write(tmp_path, "old")
    for name in ("write_json", "_sync"):
        with monkeypatch.context() as patch:
            patch.setattr(versioned_folder, name, full)
            with pytest.raises(OSError, match="No space left"):
                kind.write(tmp_path, "new")
        assert kind.read(tmp_path) == "old"
    kind.write(tmp_path, "new")
    assert names(tmp_path) == kind.tidy


@pytest.mark.parametrize("target", ["there", "nowhere"])
def test_a_link_to_a_folder_is_followed(kind, target, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(target)
    for word in ("old", "new"):
        kind.write(tmp_path / "link", word)
        assert kind.read(tmp_path / target) == word
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path / target) == kind.tidy


@pytest.mark.parametrize("target", ["there", "nowhere"])
def test_a_link_to_a_plain_folder_is_followed(target, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(target)
    for word in ("old", "new"):
        write_plain(tmp_path / "link", word)
        assert (tmp_path / target / "word").read_text() == word
    assert {child.name for child in tmp_path.iterdir()} == {"link", "there", target}


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("chapter1.txt", "years of work"),
        ("meta.json", '{"lang": "en", "name": "core_web_sm"}'),  # a pipeline of spaCy
        ("calibration.json", '{"camera": 1}'),
        ("0123456789ab.txt", ""),
    ],
)
def test_a_folder_or_file_of_something_else_is_never_replaced(kind, file, content, tmp_path):
    (tmp_path / file).write_text(content)
    for path in (tmp_path, tmp_path / file):
        with pytest.raises(CatalogNERError, match=r"holds something else.*name another folder"):
            kind.write(path, "new")
    assert [child.read_text() for child in tmp_path.iterdir()] == [content]


def test_a_folder_of_another_kind_is_never_replaced(tmp_path):
    write_store(tmp_path / "store", "old")
    with pytest.raises(CatalogNERError, match=r"no meta\.json of a catalog"):
        write_catalog(tmp_path / "store", "new")
    with pytest.raises(CatalogNERError, match="holds something else"):
        write_plain(tmp_path / "store", "new")


def test_a_damaged_one_can_be_replaced(kind, tmp_path):
    kind.write(tmp_path, "old")
    (tmp_path / kind.meta).write_text('{"format_version": ')
    kind.write(tmp_path, "new")
    assert kind.read(tmp_path) == "new"
    assert names(tmp_path) == kind.tidy


def test_a_calibration_in_one_folder_opens_and_is_replaced(tmp_path):
    write_calibration(tmp_path, "old")
    meta = json.loads((tmp_path / "calibration.json").read_text())
    version = tmp_path / meta.pop("content_version")
    (version / "tallies.msgpack").replace(tmp_path / "tallies.msgpack")
    version.rmdir()
    (tmp_path / "calibration.json").write_text(json.dumps(meta))
    calibration = KINDS["calibration"]
    assert calibration.read(tmp_path) == "old"
    calibration.write(tmp_path, "new")
    assert calibration.read(tmp_path) == "new"
    assert names(tmp_path) == calibration.tidy
