"""Brat: every text of a folder is a row, and what is no span is counted."""

from __future__ import annotations

import pytest
from conftest import annotate, placed

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.formats import brat

TEXT = "Drake plays Boston,\nthen New\nYork City.\n"

ANNOTATIONS = """\
T1\tArtist 0 5\tDrake
N1\tReference T1 Wikidata:Q33240\tDrake
T2\tCity 12 18\tBoston
T3\tCity 25 28;29 38\tNew York City
T4\tPerforms 6 11\tplays
E1\tPerforms:T4 Who:T1 Where:T2
R1\tNear Arg1:T2 Arg2:T3
A1\tCertain E1
#1\tAnnotatorNotes T2\tnot the band
*\tEquiv T2 T3
"""


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "corpus"
    path.mkdir()
    return path


def add(folder, text, annotations, name="doc-1"):
    (folder / f"{name}.txt").write_bytes(text.encode("utf8"))
    (folder / f"{name}.ann").write_bytes(annotations.encode("utf8"))
    return folder / f"{name}.ann"


def read(path, **options) -> tuple[list[dict], Problems]:
    problems = Problems()
    return [row.to_dict() for _, row in brat.read(path, problems, **options)], problems


def surfaces(row) -> list[tuple[str, str]]:
    return [(row["text"][span["start"] : span["end"]], span["label"]) for span in row["spans"]]


def write(folder, *rows) -> Problems:
    problems = Problems()
    brat.write(folder, placed(*rows), problems)
    return problems


# Reading


def test_a_text_is_a_row_with_its_name_as_id(folder):
    add(folder, TEXT, ANNOTATIONS)
    rows, _ = read(folder)
    assert [(row["id"], row["text"]) for row in rows] == [("doc-1", TEXT)]
    assert surfaces(rows[0]) == [
        ("Drake", "Artist"),
        ("Boston", "City"),
        ("New\nYork City", "City"),
        ("plays", "Performs"),
    ]
    assert [span.get("id") for span in rows[0]["spans"]] == ["Wikidata:Q33240", None, None, None]


def test_what_is_no_span_is_counted_and_left_out(folder):
    path = add(folder, TEXT, ANNOTATIONS)
    _, problems = read(folder)
    kinds = ["attribute", "equivalence", "event", "note", "relation"]
    assert sorted(problems.counts.items()) == [(kind, 1) for kind in kinds]
    assert problems.messages[0] == f"{path}:6: event E1 is left out"


def test_a_discontinuous_span_is_named_and_left_out(folder):
    path = add(folder, "North and South America\n", "T1\tGPE 0 5;16 23\tNorth America\n")
    rows, problems = read(folder)
    assert rows[0]["spans"] == []
    assert problems.messages == [f"{path}:1: T1 is discontinuous; span skipped"]
    assert problems.counts == {"discontinuous span": 1}


def test_parts_of_a_span_in_another_order_are_discontinuous(folder):
    add(folder, "a b", "T1\tX 2 3;0 1\tb a\n")
    assert read(folder)[1].counts == {"discontinuous span": 1}


def test_folders_in_a_folder_are_read_in_the_order_of_their_names(folder):
    (folder / "sub").mkdir()
    add(folder, "b", "", "b")
    add(folder, "a", "", "sub/a.v2")
    assert [row["id"] for row in read(folder)[0]] == ["b", "sub/a.v2"]


@pytest.mark.parametrize("ending", [".ann", ".txt"])
def test_one_file_is_read_with_the_one_beside_it(folder, ending):
    path = add(folder, TEXT, "T1\tArtist 0 5\tDrake\n")
    add(folder, "other", "", "doc-2")
    rows, _ = read(path.with_suffix(ending))
    assert rows == [{**annotate(TEXT, {"Drake": "Artist"}), "id": "doc-1"}]


def test_a_file_without_the_other_one_is_named_and_the_rest_goes_on(folder):
    add(folder, "play", "", "c")
    (folder / "a.txt").write_text("play")
    (folder / "b.ann").write_text("")
    rows, problems = read(folder)
    assert [row["id"] for row in rows] == ["c"]
    assert problems.messages == [
        f"{folder / 'a.txt'}:1: no a.ann next to it; text skipped",
        f"{folder / 'b.ann'}:1: no b.txt next to it; text skipped",
    ]


def test_an_empty_text_and_invalid_utf8_are_named(folder):
    add(folder, "\n", "", "a")
    add(folder, "", "", "b")
    (folder / "b.txt").write_bytes(b"play\ncaf\xe9")
    rows, problems = read(folder)
    assert rows == []
    assert problems.messages == [
        f"{folder / 'a.txt'}:1: no text in this file",
        f"{folder / 'b.txt'}:2: invalid UTF-8 at byte 8; text skipped",
    ]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("T1 Artist 0 5 Drake", "broken line"),
        ("T1\tArtist 0\tDrake", "broken line"),
        ("T1\tArtist 0 x\tDrake", "broken line"),
        ("X1\tArtist 0 5\tDrake", "broken line"),
        ("T1\tArtist 1 6\tDrake", "other surface"),
        ("T1\tArtist 0 500\tDrake", "other surface"),
        ("T1\tArtist 5 5\t", "span out of range"),
        ("T1\tSinger 0 5\tDrake", "unknown label"),
    ],
)
def test_a_broken_line_is_named_and_the_rest_goes_on(folder, line, kind):
    path = add(folder, TEXT, f"\n{line}\nT2\tCity 12 18\tBoston\n")
    rows, problems = read(folder, labels={"Artist", "City"})
    assert surfaces(rows[0]) == [("Boston", "City")]
    assert problems.counts == {kind: 1}
    assert problems.messages[0].startswith(f"{path}:2: ")


def test_a_line_of_invalid_utf8_is_named(folder):
    path = add(folder, TEXT, "")
    path.write_bytes(b"T1\tX 0 1\t\xe9\nT2\tCity 12 18\tBoston\n")
    rows, problems = read(folder)
    assert surfaces(rows[0]) == [("Boston", "City")]
    assert problems.messages == [f"{path}:1: invalid UTF-8 at byte 9; row skipped"]


def test_the_text_of_a_span_may_be_missing(folder):
    add(folder, TEXT, "T1\tCity 12 18\n")
    assert surfaces(read(folder)[0][0]) == [("Boston", "City")]


def test_a_span_has_the_first_of_its_references(folder):
    references = "N1\tReference T1 A:1\tDrake\nN2\tReference T1 B:2\tDrake\n"
    add(folder, TEXT, f"T1\tArtist 0 5\tDrake\n{references}")
    rows, problems = read(folder)
    assert rows[0]["spans"][0]["id"] == "A:1"
    assert problems.counts == {"further normalisation": 1}


def test_offsets_are_code_points(folder):
    add(folder, "🎵 Drake\r\nin Boston", "T1\tArtist 2 7\tDrake\nT2\tCity 12 18\tBoston\n")
    rows, problems = read(folder)
    assert surfaces(rows[0]) == [("Drake", "Artist"), ("Boston", "City")]
    assert len(problems) == 0


def test_a_line_end_of_two_characters_may_be_counted_as_one(folder):
    path = add(folder, "🎵 Drake\r\nin Boston", "T2\tCity 11 17\tBoston\n")
    rows, problems = read(folder)
    assert surfaces(rows[0]) == [("Boston", "City")]
    assert problems.messages == [rf"{path}:1: offsets count \r\n as one; converted"]


def test_a_folder_without_anything_of_brats_is_a_one_line_error(folder):
    with pytest.raises(CatalogNERError, match=r"expected a folder with \.ann and \.txt files"):
        read(folder)


# Writing


def test_a_folder_is_written_as_brat_opens_it(folder):
    spans = [
        {"start": 0, "end": 5, "label": "Artist", "id": "artist/drake"},
        {"start": 25, "end": 38, "label": "City"},
    ]
    problems = write(folder, {"text": TEXT, "spans": spans, "id": "show-1"})
    assert sorted(path.name for path in folder.iterdir()) == [
        ".catalog-ner",
        "annotation.conf",
        "show-1.ann",
        "show-1.txt",
    ]
    assert (folder / "show-1.txt").read_bytes().decode() == TEXT
    assert (folder / "show-1.ann").read_text().splitlines() == [
        "T1\tArtist 0 5\tDrake",
        "N1\tReference T1 catalog:artist/drake\tDrake",
        "T2\tCity 25 28;29 38\tNew York City",
    ]
    config = (folder / "annotation.conf").read_text()
    assert config == "[entities]\nArtist\nCity\n\n[relations]\n\n[events]\n\n[attributes]\n"
    assert len(problems) == 0


def test_rows_come_back_with_their_ids(folder):
    spans = [{"start": 0, "end": 5, "label": "Artist", "id": "Q5: a b"}]
    rows = [{"text": TEXT, "spans": spans, "id": "one"}, {"text": "é", "spans": [], "id": "two"}]
    write(folder, *rows)
    assert read(folder)[0] == rows


def test_a_row_whose_id_cannot_be_a_file_name_is_numbered_and_keeps_its_id(folder):
    ids = ["a/b", "a", "A", "000005", None, "", "x" * 99, "..", 8]
    names = ["000001", "a", "000003", "000005", "000005_", "000006", "000007", "000008", "8"]
    rows = [{"text": f"text {name}", "spans": [], "id": name} for name in ids]
    write(folder, *rows)
    for row, name in zip(rows, names, strict=True):
        assert (folder / f"{name}.txt").read_text() == row["text"]
    found, problems = read(folder)
    assert sorted(found, key=str) == sorted(rows, key=str)
    assert len(problems) == 0


def test_what_brat_has_no_place_for_is_a_note(folder):
    song = {"start": 5, "end": 10, "label": "SONG"}
    spans = [{**song, "id": "a b"}, {**song, "id": "b", "score": 0.5}, {**song, "id": 7}]
    row = {"text": "café hello", "spans": spans, "id": "a", "meta": {"note": "naïve\n"}}
    write(folder, row)
    lines = (folder / "a.ann").read_text().splitlines()
    assert [line.split("\t")[0] for line in lines] == ["T1", "T2", "N2", "T3", "#1"]
    assert lines[-1].startswith('#1\tCatalogRow row\t{"id": "a", "meta": {"note": "na\\u00efve')
    assert read(folder)[0] == [row]


@pytest.mark.parametrize("note", ["oops", "[]", '{"spans": 5}', '{"x": "\\ud83d"}', "[" * 99_999])
def test_a_broken_note_is_named_and_left_out(folder, note):
    path = add(folder, TEXT, f"T1\tCity 12 18\tBoston\n#1\tCatalogRow row\t{note}\n")
    rows, problems = read(folder)
    assert rows == [{**annotate(TEXT, {"Boston": "City"}), "id": "doc-1"}]
    expected = "expected a JSON object of other keys of the row, got"
    assert problems.messages[0].startswith(f"{path}:2: {expected}")
    assert problems.counts == {"broken keys": 1}


def test_a_note_on_spans_is_of_no_other_span(folder):
    row = {"text": TEXT, "spans": [{"start": 12, "end": 18, "label": "City", "score": 0.5}]}
    write(folder, row)
    path = folder / "000001.ann"
    path.write_text(path.read_text().replace("\tCity 12", "\tPlace 12"))
    assert read(folder)[0][0]["spans"] == [{"start": 12, "end": 18, "label": "Place"}]


def test_labels_that_brat_cannot_hold_are_named(folder):
    spans = [
        {"start": 0, "end": 5, "label": "the artist"},
        {"start": 0, "end": 5, "label": "Artist", "id": "a\tb"},
    ]
    problems = write(folder, {"text": TEXT, "spans": spans, "id": "a"})
    assert read(folder)[0][0]["spans"] == spans[1:]
    assert problems.messages == [
        "in.jsonl:1: brat has no labels with white space: 'the artist'; span skipped",
    ]


def test_a_span_at_a_line_break_comes_back(folder):
    text = "a\r\nb\n"
    offsets = [(0, 3), (1, 3), (1, 4), (3, 5), (0, 5), (4, 5)]
    spans = [{"start": start, "end": end, "label": "X"} for start, end in offsets]
    write(folder, {"text": text, "spans": spans, "id": "a"})
    rows, problems = read(folder)
    assert rows[0]["spans"] == spans
    assert len(problems) == 0


def test_a_folder_written_before_is_replaced(folder):
    write(folder, {"text": "play", "spans": [], "id": "a"})
    write(folder, {"text": "stop", "spans": [], "id": "b"})
    assert [row["id"] for row in read(folder)[0]] == ["b"]


def test_what_was_made_in_brat_is_never_replaced(folder):
    path = add(folder, TEXT, ANNOTATIONS)
    (folder / "annotation.conf").write_text("[entities]\nCity\n")
    with pytest.raises(CatalogNERError, match="holds something else") as error:
        write(folder, {"text": "play", "spans": []})
    assert "\n" not in str(error.value)
    assert path.read_text() == ANNOTATIONS
    assert len(list(folder.iterdir())) == 3


def test_a_folder_of_something_else_is_never_replaced(folder):
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(CatalogNERError, match="holds something else"):
        write(folder, {"text": "play", "spans": []})
    assert (folder / "thesis.txt").read_text() == "years of work"
