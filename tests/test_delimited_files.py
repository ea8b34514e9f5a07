"""Reading catalog entries of CSV and TSV files."""

from __future__ import annotations

import pytest

from spacy_catalog_ner.catalog import Entry
from spacy_catalog_ner.errors import CatalogNERError


def test_csv_rows_become_entries(mini_read):
    entries, problems = mini_read(
        "a.csv", 'label,text,weight,id,aliases\nSONG,"Hello, Goodbye",2.5,s/1,Hello|Goodbye\n'
    )
    assert entries == [Entry("Hello, Goodbye", "SONG", "s/1", 2.5, ("Hello", "Goodbye"))]
    assert len(problems) == 0


def test_tsv_rows_become_entries(mini_read):
    entries, _ = mini_read("a.tsv", "text\tlabel\nHello, Goodbye\tSONG\n")
    assert entries == [Entry("Hello, Goodbye", "SONG")]


def test_aliases_are_separated_by_a_bar_and_empty_ones_are_no_aliases(mini_read):
    entries, _ = mini_read(
        "a.csv", "text,label,aliases\nPrince,ARTIST,The Artist | Love Symbol||\n"
    )
    assert entries[0].aliases == ("The Artist", "Love Symbol")


def test_the_byte_order_mark_of_a_spreadsheet_is_no_part_of_the_header(mini_read):
    entries, _ = mini_read("a.csv", "\ufefftext,label\r\nAdele,ARTIST\r\n")
    assert entries == [Entry("Adele", "ARTIST")]


@pytest.mark.parametrize("row", ["?!,SONG", ",SONG", "Adele", "Adele,", "a\0b,SONG", "x" * 10_000])
def test_a_broken_csv_row_is_named_and_counted_while_the_rest_goes_on(mini_read, tmp_path, row):
    entries, problems = mini_read("a.csv", f"text,label\nHello,SONG\n{row}\nDune,MOVIE\n")
    assert [entry.text for entry in entries] == ["Hello", "Dune"]
    assert problems.counts == {"broken entry": 1}
    assert problems.messages[0].startswith(f"{tmp_path / 'a.csv'}:3: ")


def test_a_comma_in_an_unquoted_name_is_reported_instead_of_becoming_the_label(mini_read):
    entries, problems = mini_read("a.csv", "text,label\nHello, Goodbye,SONG\nDune,MOVIE\n")
    assert entries == [Entry("Dune", "MOVIE")]
    assert "a.csv:2: more than the header's 2 fields" in problems.messages[0]


def test_a_field_longer_than_csv_takes_is_reported(mini_read):
    entries, problems = mini_read("a.csv", f"text,label\n{'x' * 200_000},SONG\nDune,MOVIE\n")
    assert entries == [Entry("Dune", "MOVIE")]
    assert "a.csv:2: field larger than field limit" in problems.messages[0]


def test_a_csv_file_with_nothing_but_a_header_is_reported(mini_read):
    assert mini_read("a.csv", "text,label\n")[1].counts == {"empty file": 1}


@pytest.mark.parametrize("content", ["", "Adele,ARTIST\n", "name,label\nAdele,ARTIST\n"])
def test_a_csv_file_without_the_header_is_an_error_that_shows_what_was_found(
    mini_read, tmp_path, content
):
    with pytest.raises(CatalogNERError, match='expected columns "text" and "label", got') as error:
        mini_read("a.csv", content)
    assert str(error.value).startswith(f"{tmp_path / 'a.csv'}:1: ")
    assert "\n" not in str(error.value)


def test_a_field_may_span_lines_if_an_entry_does_not_take_it(mini_read):
    entries, problems = mini_read(
        "a.csv", 'text,label,note\nUp,MOVIE,"2009,\nPixar"\nDune,MOVIE,\n'
    )
    assert entries == [Entry("Up", "MOVIE"), Entry("Dune", "MOVIE")]
    assert len(problems) == 0


@pytest.mark.parametrize("later", ["", '"Hello, Goodbye",SONG\n', 'Up,"MOVIE"\n'])
def test_a_quote_that_is_not_closed_costs_one_row_and_not_the_rest(mini_read, tmp_path, later):
    entries, problems = mini_read("a.csv", f'text,label\n"Heroes,SONG\nDune,MOVIE\n{later}')
    assert entries[0] == Entry("Dune", "MOVIE")
    assert len(entries) == (2 if later else 1)
    assert problems.messages == [f"{tmp_path / 'a.csv'}:2: a quote that is not closed; row skipped"]


def test_nor_do_thousands_of_them(mini_read):
    entries, problems = mini_read(
        "a.csv", "text,label\n" + '"Heroes,SONG\n' * 2_001 + "Dune,MOVIE\n"
    )
    assert entries == [Entry("Dune", "MOVIE")]
    assert problems.counts == {"broken row": 2_001}


def test_a_quote_inside_a_name_is_a_quote(mini_read):
    entries, _ = mini_read("a.tsv", 'text\tlabel\n12" Masters\tALBUM\n')
    assert entries == [Entry('12" Masters', "ALBUM")]


def test_a_column_that_is_there_twice_is_an_error(mini_read):
    with pytest.raises(CatalogNERError, match=r'a\.csv:1: two columns are named "label"'):
        mini_read("a.csv", "text,label,label\nAdele,ARTIST,SINGER\n")


def test_white_space_around_a_column_name_is_no_part_of_it(mini_read):
    assert mini_read("a.csv", "text, label\nAdele, ARTIST\n")[0] == [Entry("Adele", "ARTIST")]
