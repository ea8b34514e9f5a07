"""``catalog-ner catalog compile``: from files and queries to a folder that opens at once."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
import test_cli
from conftest import ENTRIES, write_rows

from spacy_catalog_ner.catalog import Catalog
from spacy_catalog_ner.cli import catalog_compile

cli = test_cli.cli  # the fixture
ADELE = "SELECT 'Adele' AS text, 'ARTIST' AS label"


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "my.catalog"


@pytest.fixture
def compile_(cli, target):
    """Run the command with a folder to write."""

    def run(*arguments: object) -> test_cli.Result:
        return cli("catalog", "compile", *arguments, "-o", target)

    return run


@pytest.fixture
def entries(tmp_path) -> Path:
    return write_rows(tmp_path / "entries.jsonl", ENTRIES)


def last_line(result: test_cli.Result) -> str:
    assert result.code == 0, result.err
    return result.err.splitlines()[-1]


# Sources


def test_the_last_line_says_what_was_compiled(compile_, entries, target):
    assert last_line(compile_(entries)) == f"{target}: 12 entries, 11 surface forms"


def test_files_of_every_kind_make_one_catalog(compile_, tmp_path, target):
    (tmp_path / "a.jsonl").write_text('{"text": "Drake", "label": "ARTIST"}\n')
    (tmp_path / "b.csv").write_text("text,label\nDune,MOVIE\n")
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({ADELE}) TO '{tmp_path}/c.parquet'")
    compile_(*sorted(tmp_path.iterdir()))
    assert sorted(entry.text for entry in Catalog.open(target)) == ["Adele", "Drake", "Dune"]


def test_a_query_needs_no_files(compile_, target):
    compile_("--sql", ADELE)
    assert [entry.text for entry in Catalog.open(target)] == ["Adele"]


def test_a_query_adds_to_files(compile_, entries, target):
    compile_(entries, "--sql", "SELECT 'Sade' AS text, 'ARTIST' AS label")
    catalog = Catalog.open(target)
    assert len(catalog) == len(ENTRIES) + 1
    assert catalog.lookup("sade")


def test_nothing_to_compile_is_one_line(compile_, target):
    assert "nothing to compile; expected files of catalog entries, or --sql" in compile_().error
    assert not target.exists()


def test_all_sources_are_looked_at_before_any_is_read(compile_, entries, tmp_path):
    (tmp_path / "late.xlsx").touch()
    result = compile_(entries, tmp_path / "late.xlsx")
    assert "late.xlsx: expected a .jsonl, .csv, .tsv or .parquet file" in result.error
    assert "entries.jsonl" not in result.err


def test_a_query_that_fails_is_one_line(compile_):
    assert "--sql: the query fails (Parser Error" in compile_("--sql", "SELEC 1").error


# Options


def test_labels_that_are_not_described_are_left_out_and_counted(compile_, entries, tmp_path):
    labels = tmp_path / "labels.yml"
    labels.write_text("CITY: a city\n", encoding="utf8")
    line = last_line(compile_(entries, "--labels", labels))
    assert line.endswith("2 entries, 2 surface forms; 10 entries of other labels left out")


def test_variants_are_compiled_and_each_rule_says_what_it_added(compile_, entries, tmp_path):
    rules = tmp_path / "rules.yml"
    rules.write_text(
        "rules:\n"
        "  no_article: {replace: [['^the ', '']]}\n"
        "  no_last_word: {replace: [[' \\w+$', '']]}\n"
    )
    line = last_line(compile_(entries, "--variants", rules))
    # "weeknd" is an alias of "The Weeknd" already; "the" and "blinding" are new.
    assert line.endswith("13 surface forms (by rule: no_article 0, no_last_word 2)")


def test_rules_that_come_with_the_package_have_the_name_of_a_language(compile_, target):
    compile_("--sql", "SELECT 'Angie (Live)' AS text, 'SONG' AS label", "--variants", "en")
    assert Catalog.open(target).lookup("angie")


def test_unknown_variants_are_one_line(compile_, entries):
    assert "klingon: no such file" in compile_(entries, "--variants", "klingon").error


@pytest.mark.parametrize(("options", "found"), [([], 0), (["--fold-diacritics"], 1)])
def test_names_may_be_found_without_their_diacritics(compile_, tmp_path, target, options, found):
    source = write_rows(tmp_path / "a.jsonl", [{"text": "Beyonc\u00e9", "label": "ARTIST"}])
    compile_(source, *options)
    assert len(Catalog.open(target).lookup("beyonce")) == found


@pytest.mark.parametrize(
    ("options", "name"), [([], "my"), (["--name", "music, all of it"], "music, all of it")]
)
def test_a_catalog_has_a_name(compile_, entries, target, options, name):
    compile_(entries, *options)
    assert json.loads((target / "meta.json").read_text())["name"] == name


# What the person sees


def test_progress_tells_entries_and_steps(compile_, entries):
    err = compile_(entries, "--sql", ADELE).err
    assert "entries.jsonl: 100%" in err and "12 entries, " in err
    assert "--sql: 1 entries" in err
    assert "building the trie\n" in err and "writing\n" in err


def test_problems_name_their_lines_and_stop_nothing(compile_, tmp_path, target):
    source = tmp_path / "a.csv"
    source.write_text(
        "text,label,id\nThriller,SONG,t\n?!,SONG,\nThriller,SONG,t\nThriller,ALBUM,t\n"
    )
    result = compile_(source)
    assert last_line(result) == f"{target}: 2 entries, 1 surface forms"
    assert f"{source}:3: a name without a letter or digit" in result.err
    assert "1 broken entry, 1 conflicting id, 1 repeated entry" in result.err
    assert f"{source}:5: 'Thriller' has the id 't', as {source}:2" in result.err


def test_problems_are_told_before_the_error_that_ends_it(compile_, tmp_path):
    source = tmp_path / "a.jsonl"
    source.write_text("not json\n")
    result = compile_(source)
    assert "no catalog entry to compile" in result.error
    assert f"{source}:1: not JSON" in result.err


def test_a_file_that_breaks_off_leaves_the_old_catalog(compile_, entries, tmp_path, target):
    compile_(entries)
    broken = tmp_path / "broken.jsonl.gz"
    broken.write_bytes(b"not gzip")
    assert f"{broken}:1: not a whole gzip file" in compile_(broken).error
    assert len(Catalog.open(target)) == len(ENTRIES)


def test_an_interrupted_compile_leaves_the_old_catalog(
    compile_, entries, tmp_path, target, monkeypatch
):
    compile_(entries)

    def interrupted(*_):
        yield next(iter(Catalog.open(target)))
        raise KeyboardInterrupt

    monkeypatch.setattr(catalog_compile, "read_entries", interrupted)
    result = compile_(entries)
    assert result.code == 1
    assert result.err.splitlines()[-1] == f"Interrupted: {target} is as it was"
    assert len(Catalog.open(target)) == len(ENTRIES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["entries.jsonl", "my.catalog"]
