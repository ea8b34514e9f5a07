"""Reading catalog entries: every broken row is named and counted while the rest goes on."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_catalog_ner.catalog import Entry, compile_catalog, read_entries
from spacy_catalog_ner.catalog.readers import find_files
from spacy_catalog_ner.errors import CatalogNERError, Problems

GOOD = '{"text": "Adele", "label": "ARTIST"}'


def test_jsonl_rows_become_entries(mini_read):
    row = {
        "text": "The Weeknd",
        "label": "ARTIST",
        "id": "artist/weeknd",
        "weight": 3,
        "aliases": ["Weeknd", "Abel Tesfaye"],
        "lang": "en",
    }
    entries, problems = mini_read("artists.jsonl", json.dumps(row))
    expected = Entry("The Weeknd", "ARTIST", "artist/weeknd", 3.0, ("Weeknd", "Abel Tesfaye"), "en")
    assert entries == [expected]
    assert len(problems) == 0


def test_text_and_label_are_all_an_entry_needs(mini_read):
    entries, _ = mini_read("a.jsonl", GOOD)
    assert entries == [Entry("Adele", "ARTIST", id="", weight=1.0, aliases=(), lang="")]


def test_an_entry_is_read_back_from_the_row_it_gives():
    entry = Entry("The Weeknd", "ARTIST", "a/1", 3.0, ("Weeknd",), "en")
    assert Entry.from_row(json.loads(json.dumps(entry.to_row()))) == entry


PACK = {".gz": gzip.compress, ".zst": zstandard.compress}


USUAL_ROWS = st.fixed_dictionaries(
    {"text": st.text(max_size=8), "label": st.sampled_from(["CITY", " CITY ", "", "Ü", "\0"])},
    optional={
        "id": st.none() | st.integers() | st.text(max_size=4),
        "weight": st.none() | st.integers(-1, 3) | st.floats(allow_nan=False) | st.booleans(),
        "aliases": st.none() | st.text(max_size=4) | st.lists(st.text(max_size=4), max_size=2),
        "lang": st.none() | st.sampled_from(["", "en", "ü"]),
        "more": st.none() | st.integers(),
    },
)


@settings(deadline=None)
@given(st.lists(USUAL_ROWS, min_size=1, max_size=4), st.booleans())
def test_a_file_is_read_as_its_rows_are_one_by_one(tmp_path_factory, rows, ascii_only):
    path = tmp_path_factory.mktemp("rows") / "a.jsonl"
    lines = (json.dumps(row, ensure_ascii=ascii_only) for row in rows)
    path.write_text("\n".join(lines), encoding="utf8", errors="surrogatepass")
    expected = []
    for row in rows:
        with suppress(CatalogNERError):
            expected.append(Entry.from_row(row))
    assert list(read_entries(path, Problems())) == expected


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize(
    ("name", "content"), [("a.jsonl", GOOD), ("a.csv", "text,label\nAdele,ARTIST\n")]
)
def test_a_packed_file_is_read_as_it_is(mini_read, suffix, name, content):
    entries, _ = mini_read(name + suffix, PACK[suffix](content.encode()))
    assert entries == [Entry("Adele", "ARTIST")]


@pytest.mark.parametrize("suffix", PACK)
def test_packed_files_that_were_joined_are_one_file(mini_read, suffix):
    """What ``cat a.jsonl.gz b.jsonl.gz`` gives; a line may begin in one and end in the other."""
    parts = [GOOD.encode() + b"\n" + GOOD.encode()[:9], GOOD.encode()[9:] + b"\n"]
    entries, problems = mini_read(f"a.jsonl{suffix}", b"".join(map(PACK[suffix], parts)))
    assert [entry.text for entry in entries] == ["Adele", "Adele"]
    assert len(problems) == 0


def test_zeros_after_a_gzip_file_are_no_part_of_it(mini_read):
    assert len(mini_read("a.jsonl.gz", gzip.compress(GOOD.encode()) + bytes(512))[0]) == 1


def test_a_file_of_many_blocks_is_read_whole(mini_read):
    row = '{{"text": "Song {}", "label": "SONG"}}\n'
    content = "".join(row.format(number) for number in range(20_000))
    entries, problems = mini_read("a.jsonl.gz", gzip.compress(content.encode()))
    assert [entry.text for entry in entries] == [f"Song {number}" for number in range(20_000)]
    assert len(problems) == 0


def test_entity_ruler_phrase_patterns_are_read_as_they_are(mini_read):
    entries, _ = mini_read("p.jsonl", '{"label": "ORG", "pattern": "Apple", "id": "apple"}')
    assert entries == [Entry("Apple", "ORG", "apple")]


@pytest.mark.parametrize(
    "pattern",
    [
        [{"LOWER": "new"}, {"LOWER": "york"}],
        [{"TEXT": "new"}, {"ORTH": "york"}],
        [{"lower": "new"}, {"orth": "york"}],
    ],
)
def test_an_entity_ruler_token_pattern_of_nothing_but_words_is_a_name(mini_read, pattern):
    entries, problems = mini_read("p.jsonl", json.dumps({"label": "GPE", "pattern": pattern}))
    assert entries == [Entry("new york", "GPE")]
    assert len(problems) == 0


@pytest.mark.parametrize(
    "pattern",
    [
        [],
        [{}],
        ["apple"],
        [{"LOWER": "apple", "POS": "PROPN"}],
        [{"LOWER": "apple"}, {"OP": "?"}],
        [{"LOWER": {"IN": ["apple", "pear"]}}],
        [{"LEMMA": "apple"}],
    ],
    ids=str,
)
def test_any_other_entity_ruler_token_pattern_is_reported(mini_read, pattern):
    row = json.dumps({"label": "ORG", "pattern": pattern})
    entries, problems = mini_read("p.jsonl", f"{row}\n{GOOD}")
    assert len(entries) == 1
    assert "p.jsonl:1: token patterns are not names" in problems.messages[0]


def test_a_folder_gives_the_entries_of_its_files_in_the_order_of_their_names(tmp_path):
    (tmp_path / "b.jsonl").write_text('{"text": "second", "label": "X"}')
    (tmp_path / "a.csv").write_text("text,label\nfirst,X\n")
    (tmp_path / "c.tsv.gz").write_bytes(gzip.compress(b"text\tlabel\nthird\tX\n"))
    (tmp_path / "d.jsonl.zst").write_bytes(zstandard.compress(b'{"text": "last", "label": "X"}'))
    (tmp_path / "README.md").write_text("not entries")
    (tmp_path / ".b.jsonl.swp.jsonl").write_text("hidden, so not entries")
    problems = Problems()
    entries = [entry.text for entry in read_entries(tmp_path, problems)]
    assert entries == ["first", "second", "third", "last"]
    assert len(problems) == 0


def test_a_folder_without_entries_is_an_error(tmp_path):
    with pytest.raises(CatalogNERError, match=r"no \.jsonl, \.csv, \.tsv or \.parquet file in"):
        list(read_entries(tmp_path, Problems()))


def test_white_space_around_name_and_label_is_no_part_of_them(mini_read):
    entries, _ = mini_read("a.csv", "text,label\n  Adele  , ARTIST \n")
    assert entries == [Entry("Adele", "ARTIST")]


def test_an_id_may_be_a_number(mini_read):
    entries, _ = mini_read("a.jsonl", '{"text": "Adele", "label": "ARTIST", "id": 0}')
    assert entries[0].id == "0"


def test_blank_lines_are_no_problem(mini_read):
    assert mini_read("a.jsonl", f"\n{GOOD}\n\n  \n")[1].counts == {}
    assert mini_read("a.csv", "text,label\n\nAdele,ARTIST\n\n")[1].counts == {}


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
    "NUL": ('{"text": "a\\u0000b", "label": "SONG"}', "broken entry", "name with a NUL byte"),
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
        "weight: expected a number",
    ),
    "weight is not a number": (
        '{"text": "Adele", "label": "ARTIST", "weight": NaN}',
        "broken entry",
        "weight: expected a number",
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
        "aliases: expected strings, got None",
    ),
}


@pytest.mark.parametrize("broken", BROKEN_ROWS)
def test_a_broken_jsonl_row_is_named_and_counted_while_the_rest_goes_on(
    mini_read, tmp_path, broken
):
    row, kind, message = BROKEN_ROWS[broken]
    entries, problems = mini_read("a.jsonl", f"{GOOD}\n{row}\n{GOOD}\n")
    assert [entry.text for entry in entries] == ["Adele", "Adele"]
    assert problems.counts == {kind: 1}
    assert problems.messages[0].startswith(f"{tmp_path / 'a.jsonl'}:2: ")
    assert message in problems.messages[0]
    assert problems.messages[0].endswith("row skipped")


@pytest.mark.parametrize(
    ("name", "header", "row"),
    [("a.jsonl", b"", GOOD.encode()), ("a.csv", b"text,label\n", b"Adele,ARTIST")],
)
def test_a_row_of_invalid_utf8_is_reported_and_the_later_lines_keep_their_numbers(
    mini_read, tmp_path, name, header, row
):
    lines = header + row + b"\ncaf\xe9\n" + row + b"\n?!,?!\n" + row + b"\n"
    entries, problems = mini_read(name, lines)
    first = 1 + len(header.splitlines())
    assert [entry.text for entry in entries] == ["Adele"] * 3
    assert problems.messages[0].startswith(f"{tmp_path / name}:{first + 1}: invalid UTF-8 at byte")
    assert problems.messages[1].startswith(f"{tmp_path / name}:{first + 3}: ")


@pytest.mark.parametrize("content", ["", "\n\n", "not json\n"])
def test_a_jsonl_file_without_an_entry_is_reported(mini_read, content):
    entries, problems = mini_read("a.jsonl", content)
    assert entries == []
    assert problems.counts["empty file"] == 1
    assert problems.messages[-1].endswith("a.jsonl:1: no catalog entry in it")


def test_a_missing_file_is_an_error_that_says_what_was_expected(tmp_path):
    with pytest.raises(CatalogNERError, match="no such file, expected catalog entries"):
        list(read_entries(tmp_path / "none.jsonl", Problems()))


def test_a_file_of_another_kind_is_an_error(mini_read):
    with pytest.raises(
        CatalogNERError, match=r"expected a \.jsonl, \.csv, \.tsv or \.parquet file"
    ):
        mini_read("entries.xlsx", b"PK")


def test_parquet_is_packed_already(mini_read):
    with pytest.raises(CatalogNERError, match=r"the first three may end in \.gz or \.zst"):
        mini_read("entries.parquet.gz", b"")


@pytest.mark.parametrize("suffix", PACK)
def test_a_file_that_only_ends_as_packed_ones_do_is_a_one_line_error(mini_read, suffix):
    with pytest.raises(CatalogNERError, match=rf"a\.jsonl{suffix}:1: not a whole") as error:
        mini_read(f"a.jsonl{suffix}", GOOD)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("missing", [1, 10])
def test_a_truncated_packed_file_is_a_one_line_error(mini_read, suffix, missing):
    packed = PACK[suffix](f"{GOOD}\n".encode())
    with pytest.raises(CatalogNERError, match=rf"a\.jsonl{suffix}:\d+: not a whole") as error:
        mini_read(f"a.jsonl{suffix}", packed[:-missing])
    assert "\n" not in str(error.value)


# Any bytes at all


@settings(deadline=None)
@given(
    content=st.binary(max_size=200), name=st.sampled_from(["a.jsonl", "a.csv", "a.tsv", "a.csv.gz"])
)
def test_no_bytes_raise_anything_but_our_own_error(tmp_path_factory, content, name):
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(content)
    try:
        list(read_entries(path, Problems()))
    except CatalogNERError as err:
        assert str(err).startswith(f"{path}:")


@settings(deadline=None)
@given(content=st.binary(max_size=200).map(lambda some: some.replace(b"\n", b"")))
@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("a.jsonl", GOOD.encode(), b'{"text": "Dune", "label": "MOVIE"}'),
        ("a.csv", b"text,label\nAdele,ARTIST", b"Dune,MOVIE"),
    ],
)
def test_the_rows_around_any_row_are_read(tmp_path_factory, content, name, before, after):
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(before + b"\n" + content + b"\n" + after + b"\n")
    entries = list(read_entries(path, Problems()))
    assert (entries[0].text, entries[-1].text) == ("Adele", "Dune")


# Places


def test_problems_know_the_line_of_the_entry_that_was_read_last(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text,label,note\nUp,MOVIE,"of\n2009"\n\nDune,MOVIE,\n')
    problems = Problems()
    places = [problems.at for _ in read_entries(path, problems)]
    assert places == [(str(path), 2), (str(path), 5)]


def test_compiling_names_the_lines_of_a_repeated_entry(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\nAdele,ARTIST\nDune,MOVIE\nadele,ARTIST\n")
    (tmp_path / "b.jsonl").write_text(GOOD)
    problems = Problems()
    compile_catalog(read_entries(tmp_path, problems), tmp_path / "x.catalog", problems=problems)
    first = tmp_path / "a.csv"
    assert problems.messages == [
        f"{tmp_path / 'b.jsonl'}:1: 'Adele' repeats {first}:2; the two are merged"
    ]


def test_compiling_names_the_lines_of_an_id_that_two_labels_have(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label,id\nThriller,SONG,t\nDune,MOVIE,d\nThriller,ALBUM,t\n")
    problems = Problems()
    catalog = compile_catalog(
        read_entries(path, problems), tmp_path / "x.catalog", problems=problems
    )
    assert problems.counts == {"conflicting id": 1}
    assert problems.messages[0].startswith(f"{path}:4: 'Thriller' has the id 't', as {path}:2")
    assert len(catalog) == 3


# Progress


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv.gz", "a.jsonl.zst"])
def test_the_bytes_told_add_up_to_the_size_of_the_files(tmp_path, name):
    content = GOOD.encode() if "jsonl" in name else b"text,label\nAdele,ARTIST\n"
    (tmp_path / name).write_bytes(PACK.get(Path(name).suffix, bytes)(content))
    told: list[int] = []
    list(read_entries(tmp_path, Problems(), told.append))
    assert sum(told) == sum(file.stat().st_size for file in find_files(tmp_path))


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
