"""Reading catalog entries: every broken row is named and counted while the rest goes on."""

from __future__ import annotations

import gzip
import json

import pytest

from spacy_catalog_ner.catalog import Entry, read_entries
from spacy_catalog_ner.errors import CatalogNERError, Problems

GOOD = '{"text": "Adele", "label": "ARTIST"}'


@pytest.fixture
def read(tmp_path):
    """Write content to a file and read entries from it: (entries, problems)."""

    def run(name: str, content: str | bytes) -> tuple[list[Entry], Problems]:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf8"))
        problems = Problems()
        return list(read_entries(path, problems)), problems

    return run


def test_jsonl_rows_become_entries(read):
    row = {
        "text": "The Weeknd",
        "label": "ARTIST",
        "id": "artist/weeknd",
        "weight": 3,
        "aliases": ["Weeknd", "Abel Tesfaye"],
        "lang": "en",
    }
    entries, problems = read("artists.jsonl", json.dumps(row))
    expected = Entry("The Weeknd", "ARTIST", "artist/weeknd", 3.0, ("Weeknd", "Abel Tesfaye"), "en")
    assert entries == [expected]
    assert len(problems) == 0


def test_text_and_label_are_all_an_entry_needs(read):
    entries, _ = read("a.jsonl", GOOD)
    assert entries == [Entry("Adele", "ARTIST", id="", weight=1.0, aliases=(), lang="")]


def test_an_entry_is_read_back_from_the_row_it_gives():
    entry = Entry("The Weeknd", "ARTIST", "a/1", 3.0, ("Weeknd",), "en")
    assert Entry.from_row(json.loads(json.dumps(entry.to_row()))) == entry


def test_csv_rows_become_entries(read):
    entries, problems = read(
        "a.csv", 'label,text,weight,id,aliases\nSONG,"Hello, Goodbye",2.5,s/1,Hello|Goodbye\n'
    )
    assert entries == [Entry("Hello, Goodbye", "SONG", "s/1", 2.5, ("Hello", "Goodbye"))]
    assert len(problems) == 0


def test_tsv_rows_become_entries(read):
    entries, _ = read("a.tsv", "text\tlabel\nHello, Goodbye\tSONG\n")
    assert entries == [Entry("Hello, Goodbye", "SONG")]


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.jsonl.gz", GOOD), ("a.csv.gz", "text,label\nAdele,ARTIST\n")],
)
def test_a_gzipped_file_is_read_as_it_is(read, name, content):
    entries, _ = read(name, gzip.compress(content.encode()))
    assert entries == [Entry("Adele", "ARTIST")]


def test_entity_ruler_phrase_patterns_are_read_as_they_are(read):
    entries, _ = read("p.jsonl", '{"label": "ORG", "pattern": "Apple", "id": "apple"}')
    assert entries == [Entry("Apple", "ORG", "apple")]


def test_an_entity_ruler_token_pattern_is_reported(read):
    entries, problems = read(
        "p.jsonl", '{"label": "ORG", "pattern": [{"LOWER": "apple"}]}\n' + GOOD
    )
    assert len(entries) == 1
    assert "p.jsonl:1: token patterns are not names" in problems.messages[0]


def test_a_folder_gives_the_entries_of_its_files_in_the_order_of_their_names(tmp_path):
    (tmp_path / "b.jsonl").write_text('{"text": "second", "label": "X"}')
    (tmp_path / "a.csv").write_text("text,label\nfirst,X\n")
    (tmp_path / "c.tsv.gz").write_bytes(gzip.compress(b"text\tlabel\nthird\tX\n"))
    (tmp_path / "README.md").write_text("not entries")
    problems = Problems()
    entries = [entry.text for entry in read_entries(tmp_path, problems)]
    assert entries == ["first", "second", "third"]
    assert len(problems) == 0


def test_a_folder_without_entries_is_an_error(tmp_path):
    with pytest.raises(CatalogNERError, match=r"no \.jsonl, \.csv or \.tsv file"):
        list(read_entries(tmp_path, Problems()))


def test_aliases_are_separated_by_a_bar_and_empty_ones_are_no_aliases(read):
    entries, _ = read("a.csv", "text,label,aliases\nPrince,ARTIST,The Artist | Love Symbol||\n")
    assert entries[0].aliases == ("The Artist", "Love Symbol")


def test_white_space_around_name_and_label_is_no_part_of_them(read):
    entries, _ = read("a.csv", "text,label\n  Adele  , ARTIST \n")
    assert entries == [Entry("Adele", "ARTIST")]


def test_an_id_may_be_a_number(read):
    entries, _ = read("a.jsonl", '{"text": "Adele", "label": "ARTIST", "id": 0}')
    assert entries[0].id == "0"


def test_the_byte_order_mark_of_a_spreadsheet_is_no_part_of_the_header(read):
    entries, _ = read("a.csv", "\ufefftext,label\r\nAdele,ARTIST\r\n")
    assert entries == [Entry("Adele", "ARTIST")]


def test_blank_lines_are_no_problem(read):
    assert read("a.jsonl", f"\n{GOOD}\n\n  \n")[1].counts == {}
    assert read("a.csv", "text,label\n\nAdele,ARTIST\n\n")[1].counts == {}


BROKEN_ROWS = {
    "not JSON": ("{text: Adele}", "broken row", "not JSON"),
    "not an object": ('["Adele", "ARTIST"]', "broken row", "expected a JSON object, got list"),
    "no name": ('{"label": "ARTIST"}', "broken entry", "expected a name, got None"),
    "name is a number": ('{"text": 99, "label": "SONG"}', "broken entry", "expected a name"),
    "empty name": ('{"text": "", "label": "SONG"}', "broken entry", "without a letter or digit"),
    "punctuation only": ('{"text": "?!...", "label": "SONG"}', "broken entry", "without a letter"),
    "10,000 characters": (
        json.dumps({"text": "x" * 10_000, "label": "SONG"}),
        "broken entry",
        "a name of 10000 characters, at most 1000",
    ),
    "NUL": ('{"text": "a\\u0000b", "label": "SONG"}', "broken entry", "a name with a NUL byte"),
    "half a surrogate pair": ('{"text": "a\\ud800", "label": "X"}', "broken row", "surrogate"),
    "no label": ('{"text": "Adele"}', "broken entry", "no label"),
    "blank label": ('{"text": "Adele", "label": "  "}', "broken entry", "no label"),
    "label is a number": ('{"text": "Adele", "label": 3}', "broken entry", "no label"),
    "weight is a word": (
        '{"text": "Adele", "label": "ARTIST", "weight": "high"}',
        "broken entry",
        "weight: expected a number, got 'high'",
    ),
    "negative weight": (
        '{"text": "Adele", "label": "ARTIST", "weight": -1}',
        "broken entry",
        "weight: expected a finite number",
    ),
    "weight is not a number": (
        '{"text": "Adele", "label": "ARTIST", "weight": NaN}',
        "broken entry",
        "weight: expected a finite number",
    ),
    "weight of 400 digits": (
        f'{{"text": "Adele", "label": "ARTIST", "weight": 1{"0" * 400}}}',
        "broken entry",
        "weight: expected a number",
    ),
    "number of 5,000 digits": (
        f'{{"text": "Adele", "label": "ARTIST", "weight": 1{"0" * 5000}}}',
        "broken row",
        "too long or too deep",
    ),
    "nested too deep": ("[" * 100_000, "broken row", "too long or too deep"),
    "aliases are a number": (
        '{"text": "Adele", "label": "ARTIST", "aliases": 5}',
        "broken entry",
        "aliases: expected a list",
    ),
    "an alias is no name": (
        '{"text": "Adele", "label": "ARTIST", "aliases": [null]}',
        "broken entry",
        "expected a name, got None",
    ),
}


@pytest.mark.parametrize("broken", BROKEN_ROWS)
def test_a_broken_jsonl_row_is_named_and_counted_while_the_rest_goes_on(read, tmp_path, broken):
    row, kind, message = BROKEN_ROWS[broken]
    entries, problems = read("a.jsonl", f"{GOOD}\n{row}\n{GOOD}\n")
    assert [entry.text for entry in entries] == ["Adele", "Adele"]
    assert problems.counts == {kind: 1}
    assert problems.messages[0].startswith(f"{tmp_path / 'a.jsonl'}:2: ")
    assert message in problems.messages[0]
    assert problems.messages[0].endswith("row skipped")


@pytest.mark.parametrize("row", ["?!,SONG", ",SONG", "Adele", "Adele,", "a\0b,SONG", "x" * 10_000])
def test_a_broken_csv_row_is_named_and_counted_while_the_rest_goes_on(read, tmp_path, row):
    entries, problems = read("a.csv", f"text,label\nHello,SONG\n{row}\nDune,MOVIE\n")
    assert [entry.text for entry in entries] == ["Hello", "Dune"]
    assert problems.counts == {"broken entry": 1}
    assert problems.messages[0].startswith(f"{tmp_path / 'a.csv'}:3: ")


def test_a_comma_in_an_unquoted_name_is_reported_instead_of_becoming_the_label(read):
    entries, problems = read("a.csv", "text,label\nHello, Goodbye,SONG\nDune,MOVIE\n")
    assert entries == [Entry("Dune", "MOVIE")]
    assert "a.csv:2: more than the header's 2 fields" in problems.messages[0]


def test_a_field_longer_than_csv_takes_is_reported(read):
    entries, problems = read("a.csv", f"text,label\n{'x' * 200_000},SONG\nDune,MOVIE\n")
    assert entries == [Entry("Dune", "MOVIE")]
    assert "a.csv:2: field larger than field limit" in problems.messages[0]


@pytest.mark.parametrize(
    ("name", "header", "row"),
    [("a.jsonl", b"", GOOD.encode()), ("a.csv", b"text,label\n", b"Adele,ARTIST")],
)
def test_a_row_of_invalid_utf8_is_reported_and_the_later_lines_keep_their_numbers(
    read, tmp_path, name, header, row
):
    lines = header + row + b"\ncaf\xe9\n" + row + b"\n?!,?!\n" + row + b"\n"
    entries, problems = read(name, lines)
    first = 1 + len(header.splitlines())
    assert [entry.text for entry in entries] == ["Adele"] * 3
    assert problems.messages[0].startswith(f"{tmp_path / name}:{first + 1}: invalid UTF-8 at byte")
    assert problems.messages[1].startswith(f"{tmp_path / name}:{first + 3}: ")


@pytest.mark.parametrize("content", ["", "\n\n", "not json\n"])
def test_a_jsonl_file_without_an_entry_is_reported(read, content):
    entries, problems = read("a.jsonl", content)
    assert entries == []
    assert problems.counts["empty file"] == 1
    assert problems.messages[-1].endswith("a.jsonl:1: no catalog entry in this file")


def test_a_csv_file_with_nothing_but_a_header_is_reported(read):
    assert read("a.csv", "text,label\n")[1].counts == {"empty file": 1}


@pytest.mark.parametrize("content", ["", "Adele,ARTIST\n", "name,label\nAdele,ARTIST\n"])
def test_a_csv_file_without_the_header_is_an_error_that_shows_what_was_found(
    read, tmp_path, content
):
    with pytest.raises(CatalogNERError, match='expected a header with "text" and "label"') as error:
        read("a.csv", content)
    assert str(error.value).startswith(f"{tmp_path / 'a.csv'}:1: ")
    assert "\n" not in str(error.value)


def test_a_missing_file_is_an_error_that_says_what_was_expected(tmp_path):
    with pytest.raises(CatalogNERError, match="no such file, expected catalog entries"):
        list(read_entries(tmp_path / "none.jsonl", Problems()))


def test_a_file_of_another_kind_is_an_error(read):
    with pytest.raises(CatalogNERError, match=r"expected a \.jsonl, \.csv or \.tsv file"):
        read("entries.xlsx", b"PK")


@pytest.mark.parametrize("content", [b"plain text", gzip.compress(GOOD.encode() * 100)[:-10]])
def test_a_gzip_file_that_is_none_or_truncated_is_a_one_line_error(read, content):
    with pytest.raises(CatalogNERError, match=r"a\.jsonl\.gz:1: not a whole gzip file"):
        read("a.jsonl.gz", content)


def test_only_the_first_messages_are_kept_but_every_problem_is_counted(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("broken\n" * 30 + GOOD)
    problems = Problems(keep=2)
    assert len(list(read_entries(path, problems))) == 1
    assert problems.summary().splitlines() == [
        f"{path}:1: not JSON (Expecting value); row skipped",
        f"{path}:2: not JSON (Expecting value); row skipped",
        "... and 28 more",
        "30 broken row",
    ]
