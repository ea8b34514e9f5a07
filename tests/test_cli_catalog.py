"""``catalog-ner catalog``: diff, merge, lookup, info --ambiguous, coverage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import test_cli
from conftest import ENTRIES, annotate, write_rows

from spacy_catalog_ner.catalog import Catalog, Entry, Variants, compile_catalog

cli = test_cli.cli  # the fixture
RULES = Variants({"rules": {"no_article": {"replace": [["^the ", ""]]}}})


def compile_rows(path: Path, rows: list[dict], **options) -> Path:
    compile_catalog(map(Entry.from_row, rows), path, **options)
    return path


@pytest.fixture
def monday(tmp_path) -> Path:
    return compile_rows(tmp_path / "monday.catalog", ENTRIES)


@pytest.fixture
def tuesday(tmp_path) -> Path:
    """Adele is gone, Paris more popular and Sade new."""
    rows = [
        {**row, "weight": 4} if row["text"] == "Paris" else row
        for row in ENTRIES
        if row["text"] != "Adele"
    ]
    rows.append({"text": "Sade", "label": "ARTIST", "id": "artist/sade"})
    return compile_rows(tmp_path / "tuesday.catalog", rows)


# diff


def test_diff_counts_what_changed_in_all_and_per_label(cli, monday, tuesday):
    result = cli("catalog", "diff", monday, tuesday)
    assert result.code == 0
    found = json.loads(result.out)
    assert [found[kind] for kind in ("added", "removed", "changed")] == [1, 1, 1]
    assert found["per_label"] == {
        "ARTIST": {"added": 1, "removed": 1, "changed": 0},
        "CITY": {"added": 0, "removed": 0, "changed": 1},
    }
    assert (found["entries_before"], found["entries_after"]) == (12, 12)


def test_diff_writes_every_difference(cli, monday, tuesday, tmp_path):
    target = tmp_path / "changes.jsonl"
    assert cli("catalog", "diff", monday, tuesday, "--rows", target).code == 0
    rows = [json.loads(line) for line in target.read_text(encoding="utf8").splitlines()]
    by_kind = {row["change"]: row for row in rows}
    assert by_kind["added"]["entry"]["text"] == "Sade"
    assert by_kind["removed"]["entry"]["text"] == "Adele"
    changed = by_kind["changed"]
    assert (changed["before"]["weight"], changed["entry"]["weight"]) == (1, 4)
    assert Entry.from_row(changed["entry"]).id == "city/paris"  # rows are entries as compile reads


def test_diff_tells_that_a_catalog_was_compiled_in_another_way(cli, monday, tmp_path):
    other = compile_rows(tmp_path / "other.catalog", ENTRIES, variants=RULES)
    found = json.loads(cli("catalog", "diff", monday, other).out)
    assert found["settings_changed"] == ["variants"]
    assert found["changed"] == 0


def test_differences_are_not_written_onto_a_folder(cli, monday, tuesday, tmp_path):
    error = cli("catalog", "diff", monday, tuesday, "--rows", tmp_path).error
    assert f"{tmp_path}: is a folder" in error


# merge


def test_merge_holds_the_entries_of_all(cli, monday, tuesday, tmp_path):
    target = tmp_path / "all.catalog"
    result = cli("catalog", "merge", monday, tuesday, "-o", target)
    assert json.loads(result.out) == {"entries_read": 24, "entries": 13, "repeated": 11}
    merged = Catalog.open(target)
    assert merged.lookup("adele") and merged.lookup("sade")
    assert merged.lookup("paris")[0].weight == 4  # the larger of the two


def test_merge_joins_the_aliases_of_an_entry(cli, tmp_path):
    row = {"text": "Prince", "label": "ARTIST", "id": "artist/prince"}
    one = compile_rows(tmp_path / "one.catalog", [{**row, "aliases": ["the artist"]}])
    two = compile_rows(tmp_path / "two.catalog", [{**row, "aliases": ["the purple one"]}])
    cli("catalog", "merge", one, two, "-o", tmp_path / "all.catalog")
    (entry,) = Catalog.open(tmp_path / "all.catalog")
    assert entry.aliases == ("the artist", "the purple one")


def test_merge_keeps_normalisation_and_rules(cli, tmp_path):
    options = {"variants": RULES, "normalization": "nfkc-casefold-no-diacritics"}
    rows = [{"text": name, "label": "ARTIST"} for name in ("The Beyoncés", "The Who")]
    sources = [
        compile_rows(tmp_path / f"{number}.catalog", [row], **options)
        for number, row in enumerate(rows)
    ]
    cli("catalog", "merge", *sources, "-o", tmp_path / "all.catalog")
    merged = Catalog.open(tmp_path / "all.catalog")
    assert merged.meta["normalization"] == options["normalization"]
    assert [entry.text for entry in merged.lookup("beyonces")] == ["The Beyoncés"]


def test_merge_can_write_onto_one_of_its_sources(cli, monday, tuesday):
    cli("catalog", "merge", monday, tuesday, "-o", monday)
    assert len(Catalog.open(monday)) == 13


@pytest.mark.parametrize(
    "options", [{"variants": RULES}, {"normalization": "nfkc-casefold-no-diacritics"}], ids=list
)
def test_catalogs_compiled_in_different_ways_are_not_merged(cli, monday, tmp_path, options):
    other = compile_rows(tmp_path / "other.catalog", ENTRIES, **options)
    error = cli("catalog", "merge", monday, other, "-o", tmp_path / "all.catalog").error
    assert f"{other}: compiled with other {next(iter(options))} than {monday}" in error
    assert not (tmp_path / "all.catalog").exists()


def test_merge_needs_two(cli, monday, tmp_path):
    result = cli("catalog", "merge", monday, "-o", tmp_path / "all.catalog")
    assert result.code == 2
    assert "at least two" in result.err and "Traceback" not in result.err


# lookup


def test_lookup_names_the_rules_that_made_the_form(cli, tmp_path):
    rows = [{"text": name, "label": "ARTIST"} for name in ("The Who", "Who")]
    path = compile_rows(tmp_path / "c.catalog", rows, variants=RULES)
    found = {
        row["text"]: row["rules"] for row in json.loads(cli("catalog", "lookup", path, "who").out)
    }
    assert found == {"The Who": ["no_article"], "Who": []}


def test_lookup_by_id(cli, monday):
    (row,) = json.loads(cli("catalog", "lookup", monday, "--id", "city/boston").out)
    assert (row["text"], row["label"]) == ("Boston", "CITY")


def test_lookup_by_id_gives_the_most_popular_of_several_names_first(cli, tmp_path):
    rows = [
        {"text": "Munich", "label": "CITY", "id": "1", "weight": 2},
        {"text": "München", "label": "CITY", "id": "1", "weight": 5},
    ]
    path = compile_rows(tmp_path / "c.catalog", rows)
    found = json.loads(cli("catalog", "lookup", path, "--id", "1").out)
    assert [row["text"] for row in found] == ["München", "Munich"]


def test_an_unknown_id_is_exit_code_1(cli, monday):
    result = cli("catalog", "lookup", monday, "--id", "city/atlantis")
    assert (result.code, json.loads(result.out)) == (1, [])


@pytest.mark.parametrize("arguments", [[], ["boston", "--id", "city/boston"]], ids=["none", "both"])
def test_lookup_takes_a_name_or_an_id(cli, monday, arguments):
    result = cli("catalog", "lookup", monday, *arguments)
    assert result.code == 2
    assert "NAME or --id" in result.err and "Traceback" not in result.err


# info --ambiguous


def test_ambiguous_names_are_those_that_labels_share(cli, monday):
    result = cli("catalog", "info", monday, "--ambiguous")
    found = json.loads(result.out)
    assert [row["name"] for row in found["shared"]] == ["boston", "thriller"]
    assert found["shared_names"] == 2
    assert "--sample" in result.err  # which are ordinary words is seen in texts only
    assert "noisy" not in found


@pytest.mark.parametrize("annotated", [True, False], ids=["annotated", "text only"])
def test_a_sample_tells_which_names_are_noise(cli, monday, tmp_path, annotated):
    rows = [annotate("turn it up", {}), annotate("hello what's up", {})]
    rows.append(annotate("play hello", {"hello": "SONG"}))
    if not annotated:
        rows = [{"text": row["text"]} for row in rows]
    sample = write_rows(tmp_path / "sample.jsonl", rows)
    found = json.loads(cli("catalog", "info", monday, "--ambiguous", "--sample", sample).out)
    assert [(row["name"], row["gold_share"]) for row in found["noisy"]] == (
        [("up", 0.0), ("hello", 0.5)] if annotated else [("hello", None), ("up", None)]
    )
    assert found["texts"] == 3


def test_the_limit_is_of_names(cli, monday):
    found = json.loads(cli("catalog", "info", monday, "--ambiguous", "--limit", 1).out)
    assert [row["name"] for row in found["shared"]] == ["boston"]


def test_a_sample_goes_with_ambiguous(cli, monday, tmp_path):
    result = cli("catalog", "info", monday, "--sample", tmp_path / "x.jsonl")
    assert result.code == 2
    assert "--ambiguous" in result.err and "Traceback" not in result.err


def test_an_empty_sample_is_one_line(cli, monday, tmp_path):
    sample = write_rows(tmp_path / "empty.jsonl", [])
    error = cli("catalog", "info", monday, "--ambiguous", "--sample", sample).error
    assert f"{sample}: no text" in error


# coverage


def test_coverage_prints_json_and_a_table_for_people(cli, monday, mini_annotated):
    result = cli("catalog", "coverage", monday, mini_annotated)
    found = json.loads(result.out)
    assert (found["texts"], found["mentions"], found["coverage"]) == (8, 8, 1)
    assert "100.0%" in result.err


def test_coverage_maps_gold_labels_to_those_of_the_catalog(cli, monday, tmp_path):
    gold = write_rows(tmp_path / "gold.jsonl", [annotate("fly to boston", {"boston": "place"})])
    found = json.loads(cli("catalog", "coverage", monday, gold, "--label", "place=SONG,ALBUM").out)
    assert found["per_label"]["place"]["coverage"] == 0
    options = ["--label", "place=SONG", "--label", "place=CITY"]
    found = json.loads(cli("catalog", "coverage", monday, gold, *options).out)
    assert found["per_label"]["place"]["coverage"] == 1


def test_coverage_names_the_rules(cli, tmp_path):
    rows = [{"text": "The Who", "label": "ARTIST"}]
    path = compile_rows(tmp_path / "c.catalog", rows, variants=RULES)
    gold = write_rows(tmp_path / "gold.jsonl", [annotate("play who", {"who": "ARTIST"})])
    result = cli("catalog", "coverage", path, gold)
    assert json.loads(result.out)["without_rule"]["no_article"]["mentions_lost"] == 1
    assert "no_article" in result.err


@pytest.mark.parametrize(
    ("mapping", "named"),
    [
        ("place", "expected GOLD=CATALOG"),
        ("place=", "expected GOLD=CATALOG"),
        ("=CITY", "expected GOLD=CATALOG"),
        ("place=TOWN", "has no label TOWN; there are ALBUM, ARTIST, CITY, MOVIE, SONG"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_one_line(cli, monday, mini_annotated, mapping, named):
    error = cli("catalog", "coverage", monday, mini_annotated, "--label", mapping).error
    assert named in error


def test_a_gold_label_that_does_not_occur_is_warned_of(cli, monday, mini_annotated):
    result = cli("catalog", "coverage", monday, mini_annotated, "--label", "plaice=CITY")
    assert result.code == 0
    assert f"{mini_annotated}: no span has the label plaice" in result.err


def test_an_unknown_language_is_one_line(cli, monday, mini_annotated):
    error = cli("catalog", "coverage", monday, mini_annotated, "--lang", "xx-nowhere").error
    assert "--lang xx-nowhere" in error


def test_annotated_text_without_a_row_is_one_line(cli, monday, tmp_path):
    gold = write_rows(tmp_path / "gold.jsonl", [{"text": "no spans here"}])
    result = cli("catalog", "coverage", monday, gold)
    assert f"{gold}: no annotated text" in result.error
    assert f"{gold}:1: " in result.err
