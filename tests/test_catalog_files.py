"""The folder of a compiled catalog: opening it, and refusing what is damaged or foreign."""

from __future__ import annotations

import json
import pickletools
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from spacy_catalog_ner.catalog import Catalog, Entry, compile_catalog
from spacy_catalog_ner.catalog.format import ARRAYS, FILES, FORMAT_VERSION
from spacy_catalog_ner.errors import CatalogNERError


@pytest.fixture
def catalog(tmp_path) -> Catalog:
    entries = [Entry("Boston", "CITY", "city/boston"), Entry("The Weeknd", "ARTIST")]
    return compile_catalog(entries, tmp_path / "media.catalog")


def data(catalog: Catalog) -> Path:
    return catalog.path / catalog.meta["content_version"]


def change_meta(catalog: Catalog, **values) -> Path:
    path = catalog.path / "meta.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return path


def refusal(catalog: Catalog) -> str:
    """Return what is said when the catalog cannot be opened, which is always one line."""
    with pytest.raises(CatalogNERError) as error:
        Catalog.open(catalog.path)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_catalog_is_a_meta_json_and_a_folder_named_after_the_content_version(catalog):
    version = catalog.meta["content_version"]
    assert {file.name for file in catalog.path.iterdir()} == {"meta.json", version}
    assert {file.name for file in data(catalog).iterdir()} == set(FILES)


def test_a_catalog_opens_from_where_it_was_moved_to(catalog, tmp_path):
    shutil.move(catalog.path, tmp_path / "elsewhere")
    assert Catalog.open(tmp_path / "elsewhere", verify=True).lookup("boston")


def test_a_missing_catalog_says_how_to_make_one(tmp_path):
    with pytest.raises(CatalogNERError, match="catalog-ner catalog compile") as error:
        Catalog.open(tmp_path / "none.catalog")
    assert str(tmp_path / "none.catalog") in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_is_no_catalog(tmp_path):
    (tmp_path / "names.jsonl").write_text("{}")
    with pytest.raises(CatalogNERError, match="no compiled catalog here"):
        Catalog.open(tmp_path / "names.jsonl")


def test_a_folder_in_the_place_of_meta_json_is_a_one_line_error(catalog):
    (catalog.path / "meta.json").unlink()
    (catalog.path / "meta.json").mkdir()
    assert "meta.json: cannot be read (Is a directory)" in refusal(catalog)


def test_an_older_format_says_to_compile_again(catalog):
    path = change_meta(catalog, format_version=1)
    assert refusal(catalog) == (
        f"{path}: compiled with format version 1, this release reads {FORMAT_VERSION};"
        " compile the catalog again"
    )


def test_a_newer_format_says_to_install_a_newer_release(catalog):
    path = change_meta(catalog, format_version=99)
    assert refusal(catalog) == (
        f"{path}: compiled with format version 99, this release reads {FORMAT_VERSION};"
        " install a newer release, or compile the catalog again"
    )


@pytest.mark.parametrize("version", [None, "2", [2], 1.5])
def test_a_format_version_that_is_no_number_says_to_compile_again(catalog, version):
    change_meta(catalog, format_version=version)
    assert refusal(catalog).endswith("; compile the catalog again")


@pytest.mark.parametrize("name", ["soundex", "", "../nfkc"])
def test_another_normalization_is_an_error(catalog, name):
    change_meta(catalog, normalization=name)
    assert f"unknown normalization {name!r}" in refusal(catalog)


@pytest.mark.parametrize(
    "content", [b'{"format_version": ', b"\xff\xfe", b"[]", b"", b"null", b"[" * 100_000]
)
def test_a_meta_json_that_is_no_json_object_is_a_one_line_error(catalog, content):
    (catalog.path / "meta.json").write_bytes(content)
    assert refusal(catalog).endswith("compile the catalog again")


def test_a_meta_json_that_lacks_any_key_is_a_one_line_error(catalog):
    path = catalog.path / "meta.json"
    meta = json.loads(path.read_text())
    for key in meta:
        path.write_text(json.dumps({other: meta[other] for other in meta if other != key}))
        assert refusal(catalog).startswith(f"{path}: "), key


@pytest.mark.parametrize(
    "values",
    [
        {"labels": "CITY"},
        {"labels": [1, 2]},
        {"normalization": ["nfkc-casefold"]},
        {"variants": "en"},
        {"max_length": "12"},
        {"files": []},
        {"files": {}},
        {"content_version": 1234567890123456},
    ],
)
def test_a_value_of_another_kind_in_meta_json_is_named(catalog, values):
    change_meta(catalog, **values)
    (key,) = values
    assert re.search(rf"damaged \(.*{key}", refusal(catalog))


@pytest.mark.parametrize(
    "version", ["..", "../elsewhere", "/etc", ".", "", "0123456789abcdef/..", "0123456789ABCDEF"]
)
def test_a_content_version_that_leads_elsewhere_is_refused(catalog, version):
    change_meta(catalog, content_version=version)
    assert re.search(r"damaged \(.*content_version", refusal(catalog))


def test_a_file_name_that_leads_elsewhere_is_refused(catalog):
    files = {**catalog.meta["files"], "../../secret.npy": {"bytes": 1, "sha256": ""}}
    change_meta(catalog, files=files)
    assert "damaged (files)" in refusal(catalog)


def test_compiling_over_a_meta_json_that_leads_elsewhere_touches_nothing_there(catalog, tmp_path):
    secrets = [tmp_path / "labels.npy", catalog.path / "notes.txt"]
    for secret in secrets:
        secret.write_text("mine")
    names = ["../labels.npy", str(tmp_path / "labels.npy"), "notes.txt", "meta.json", ".lock"]
    files = {name: {"bytes": 4, "sha256": ""} for name in names}
    change_meta(catalog, format_version=1, content_version="..", files=files)
    compile_catalog([Entry("Dune", "MOVIE")], catalog.path)
    assert [secret.read_text() for secret in secrets] == ["mine", "mine"]
    assert Catalog.open(catalog.path, verify=True).lookup("dune")


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_named(catalog, name):
    file = data(catalog) / name
    file.write_bytes(file.read_bytes()[:-1])
    assert refusal(catalog).startswith(f"{file}: missing or truncated")


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_gone_is_named(catalog, name):
    file = data(catalog) / name
    file.unlink()
    assert refusal(catalog).startswith(f"{file}: missing or truncated")


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_other_content_and_the_same_size_is_named(catalog, name):
    file = data(catalog) / name
    file.write_bytes(bytes(file.stat().st_size))
    assert refusal(catalog).startswith(f"{file}: damaged (")


def test_verify_accepts_a_whole_catalog(catalog):
    catalog.verify()
    assert Catalog.open(catalog.path, verify=True).lookup("boston")
    Catalog.from_bytes(*catalog.to_bytes()).verify()


@pytest.mark.parametrize("name", FILES)
def test_verify_names_the_file_in_which_a_bit_changed(catalog, name):
    file = data(catalog) / name
    content = bytearray(file.read_bytes())
    content[-9] ^= 1
    file.write_bytes(content)
    with pytest.raises(CatalogNERError, match=r"checksum differs|damaged") as error:
        Catalog.open(catalog.path, verify=True)
    assert str(error.value).startswith(f"{file}: ")


def test_opening_without_verify_reads_no_file_and_so_misses_a_bit_that_changed(catalog):
    file = data(catalog) / "records.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    damaged = Catalog.open(catalog.path)
    with pytest.raises(CatalogNERError, match=r"records\.npy: checksum differs; compile the"):
        damaged.verify()


def test_verify_names_a_file_that_is_gone_since(catalog):
    (data(catalog) / "labels.npy").unlink()
    with pytest.raises(CatalogNERError, match=r"labels\.npy: cannot be read \(No such file"):
        catalog.verify()


def test_no_file_of_a_catalog_is_a_pickle(catalog):
    files, _ = catalog.to_bytes()
    for content in files.values():
        with pytest.raises((ValueError, IndexError, UnicodeDecodeError)):
            list(pickletools.genops(content))


def objects(file: Path) -> None:
    np.save(file, np.array([{"any": "object"}], dtype=object), allow_pickle=True)


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_that_holds_a_pickle_is_refused(catalog, name):
    file = data(catalog) / f"{name}.npy"
    objects(file)
    files = {**catalog.meta["files"]}
    files[file.name] = {**files[file.name], "bytes": file.stat().st_size}
    change_meta(catalog, files=files)
    message = refusal(catalog)
    assert message.startswith(f"{file}: damaged")
    assert "Python objects" in message


def test_bytes_that_hold_a_pickle_are_refused(catalog, tmp_path):
    files, meta = catalog.to_bytes()
    objects(tmp_path / "labels.npy")
    files["labels.npy"] = (tmp_path / "labels.npy").read_bytes()
    with pytest.raises(ValueError, match="allow_pickle=False"):
        Catalog.from_bytes(files, meta)


def test_bytes_of_another_format_version_are_refused(catalog):
    files, meta = catalog.to_bytes()
    with pytest.raises(CatalogNERError, match=r"^meta\.json: compiled with format version 3"):
        Catalog.from_bytes(files, {**meta, "format_version": 3})
