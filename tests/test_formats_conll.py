"""Columns of tokens and tags: every scheme is read, and what columns cannot hold is told."""

from __future__ import annotations

import gzip

import pytest
import spacy
from conftest import annotate, placed
from hypothesis import given
from hypothesis import strategies as st

from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.formats import Scheme, conll
from spacy_catalog_ner.formats.tag_schemes import detect_scheme, read_tags, write_tags

NLP = spacy.blank("en")

CONLL_2003 = """\
-DOCSTART- -X- -X- O

Milan NNP I-NP I-ORG
beat VBD I-VP O
Ajax NNP I-NP I-ORG
in IN I-PP O
Milan NNP I-NP I-LOC
. . O O

-DOCSTART- -X- -X- O

Goals NNS I-NP O
: : O O
Van NNP I-NP I-PER
Dam NNP I-NP I-PER
Silva NNP I-NP B-PER
"""

ONTONOTES = """\
#begin document (nw/made_up/00/made_up_0001); part 000
nw/made_up/00/made_up_0001  0  0  Rain       NN   (TOP(S(NP*)  -  -  -  -  *        (ARG1*)  -
nw/made_up/00/made_up_0001  0  1  in         IN   (PP*         -  -  -  -  *        *        -
nw/made_up/00/made_up_0001  0  2  New        NNP  (NP*         -  -  -  -  (GPE*    *        (1
nw/made_up/00/made_up_0001  0  3  Zealand    NNP  *))))        -  -  -  -  *)       *        1)
nw/made_up/00/made_up_0001  0  4  Monday     NNP  *            -  -  -  -  (DATE)   *        -

#end document
"""


def read(path, text, **options) -> tuple[list[dict], Problems]:
    path.write_bytes(text.encode("utf8"))
    problems = Problems()
    return [row.to_dict() for _, row in conll.read(path, problems, **options)], problems


def write(path, *rows, scheme=Scheme.IOB2) -> tuple[str, Problems]:
    problems = Problems()
    conll.write(path, placed(*rows), NLP, problems, scheme)
    return path.read_text(encoding="utf8"), problems


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.conll"


# Reading


def test_a_file_like_conll_2003_is_read_by_sentence(path):
    rows, problems = read(path, CONLL_2003)
    assert rows == [
        {
            "text": "Milan beat Ajax in Milan .",
            "spans": [
                {"start": 0, "end": 5, "label": "ORG"},
                {"start": 11, "end": 15, "label": "ORG"},
                {"start": 19, "end": 24, "label": "LOC"},
            ],
        },
        {
            "text": "Goals : Van Dam Silva",
            "spans": [
                {"start": 8, "end": 15, "label": "PER"},
                {"start": 16, "end": 21, "label": "PER"},
            ],
        },
    ]
    assert len(problems) == 0  # nothing is wrong with I first in IOB1


def test_a_file_of_ontonotes_has_its_entities_in_brackets(path):
    rows, problems = read(path, ONTONOTES)
    expected = annotate("Rain in New Zealand Monday", {"New Zealand": "GPE", "Monday": "DATE"})
    assert rows == [expected]
    assert len(problems) == 0


@pytest.mark.parametrize("cell", ["(", "(*", "GPE", "(A(B*", "((A*", ")"])
def test_broken_brackets_are_named(path, cell):
    rows, problems = read(path, ONTONOTES.replace("(DATE)", cell))
    assert rows == []
    assert problems.messages[0].startswith(f"{path}:6: expected a token and in column 11 a tag")


@pytest.mark.parametrize(
    "tags",
    [
        ["O", "B-X", "I-X", "B-X", "B-Y"],
        ["O", "I-X", "I-X", "B-X", "I-Y"],
        ["O", "B-X", "E-X", "S-X", "S-Y"],
        ["O", "B-X", "L-X", "U-X", "U-Y"],
    ],
    ids=["iob2", "iob1", "bioes", "bilou"],
)
def test_the_scheme_is_detected(path, tags):
    rows, problems = read(
        path, "".join(f"{w} {tag}\n" for w, tag in zip("abcde", tags, strict=True))
    )
    spans = [(2, 5, "X"), (6, 7, "X"), (8, 9, "Y")]
    assert [tuple(span.values()) for span in rows[0]["spans"]] == spans
    assert len(problems) == 0


def test_one_tag_that_only_iob2_has_makes_a_file_iob2(path):
    rows, problems = read(path, "to O\nRome B-LOC\n\nin O\nParis I-LOC\n")
    assert [row["spans"][0]["label"] for row in rows] == ["LOC", "LOC"]
    assert problems.counts == {"repaired tag": 1}
    message = "I-LOC without a beginning is taken for one (iob2)"
    assert problems.messages == [f"{path}:5: {message}"]


@pytest.mark.parametrize(
    ("tags", "line", "message"),
    [
        ("B-X O S-Y", 1, "B-X is not followed by E-X"),
        ("B-X I-X S-Y", 2, "I-X is not followed by E-X"),
        ("O S-Y B-X", 3, "B-X is not followed by E-X"),
        ("O E-X O", 2, "E-X without a beginning is taken for one"),
        ("S-Y I-Y E-Y", 2, "I-Y without a beginning is taken for one"),
        ("U-Y L-Y O", 2, "L-Y without a beginning is taken for one"),
    ],
)
def test_a_broken_sequence_is_reported_and_repaired(path, tags, line, message):
    rows, problems = read(path, "".join(f"w\t{tag}\n" for tag in tags.split()))
    assert rows[0]["spans"]
    assert problems.messages[0].startswith(f"{path}:{line}: {message}")


def test_the_tag_may_have_a_column_of_its_own(path):
    rows, _ = read(path, "Rome\tB-LOC\tB-CITY\tx\n", column=2)
    assert rows[0]["spans"][0]["label"] == "LOC"
    rows, _ = read(path, "Rome\tB-LOC\tB-CITY\tx\n", column=3)
    assert rows[0]["spans"][0]["label"] == "CITY"


def test_the_text_of_a_comment_keeps_its_spacing(path):
    rows, problems = read(
        path, "# sent_id = s1\n# text = Rome, Italy\nRome B-LOC\n, O\nItaly B-LOC\n"
    )
    assert rows == [{**annotate("Rome, Italy", {"Rome": "LOC", "Italy": "LOC"}), "id": "s1"}]
    assert len(problems) == 0


def test_a_text_comment_of_another_sentence_is_reported_and_not_used(path):
    rows, problems = read(path, "# text = in Paris\nin O\nRome B-LOC\n")
    assert rows[0]["text"] == "in Rome"
    assert problems.messages == [
        f"{path}:2: the tokens are not those of the text comment, which is left out"
    ]


def test_a_text_comment_in_quotes_is_no_json_where_the_tokens_have_the_quotes(path):
    rows, _ = read(path, '# text = "Rome"\n" O\nRome B-LOC\n" O\n')
    assert rows == [annotate('"Rome"', {"Rome": "LOC"})]


def test_comments_are_told_from_tokens(path):
    rows, problems = read(path, "# newdoc\n# id 5bc\n# O\n#music\tB-TAG\n\n# only a comment\n")
    assert [row["text"] for row in rows] == ["# #music"]
    assert len(problems) == 0


@pytest.mark.parametrize("line", ["Rome", "Rome\t", "\tO", "Rome X-LOC", "Rome B-", "Rome LOC"])
def test_a_line_without_token_or_tag_is_named_and_its_sentence_skipped(path, line):
    rows, problems = read(path, f"a O\n\nin O\n{line}\n. O\n\nb O\n")
    assert [row["text"] for row in rows] == ["a", "b"]
    assert problems.counts == {"broken row": 1}
    assert problems.messages[0].startswith(
        f"{path}:4: expected a token and in the last column a tag"
    )


def test_a_line_that_ends_before_its_tag_is_named_where_the_rest_looks_like_one(path):
    rows, problems = read(path, "Rome NNP B-NP B-LOC\nlost VBD B-VP\n\nLima NNP B-NP B-LOC\n")
    assert [row["text"] for row in rows] == ["Lima"]
    assert problems.messages == [
        f"{path}:2: expected 4 columns as in the line before, got 'lost VBD B-VP'; sentence skipped"
    ]


def test_a_missing_column_is_named(path):
    _, problems = read(path, "Rome O\n", column=4)
    assert "expected a token and in column 4 a tag" in problems.messages[0]


def test_a_sentence_with_invalid_utf8_is_skipped(path):
    path.write_bytes(b"a O\n\ncaf\xe9 O\nnoir O\n\nb O\n\nc O\n\xff O\n")
    problems = Problems()
    assert [row.text for _, row in conll.read(path, problems)] == ["a", "b"]
    assert problems.counts == {"invalid UTF-8": 2}


def test_an_unknown_label_is_named_with_the_line_of_its_first_token(path):
    rows, problems = read(path, "in O\nNew B-GPE\nYork I-GPE\n", labels={"LOC"})
    assert rows == [{"text": "in New York", "spans": []}]
    assert problems.messages == [f"{path}:2: unknown label 'GPE'; span skipped"]


def test_windows_line_ends_and_compression_make_no_difference(path, tmp_path):
    expected, _ = read(path, CONLL_2003)
    windows, _ = read(path, CONLL_2003.replace("\n", "\r\n"))
    packed = tmp_path / "file.conll.gz"
    packed.write_bytes(gzip.compress(CONLL_2003.encode()))
    unpacked = [row.to_dict() for _, row in conll.read(packed, Problems())]
    assert expected == windows == unpacked


def test_a_file_without_sentences_is_reported(path):
    rows, problems = read(path, "-DOCSTART- -X- O O\n\n")
    assert rows == []
    assert problems.messages == [f"{path}:1: no sentence in this file"]


# Writing


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        (Scheme.IOB2, ["B-X", "I-X", "I-X", "B-X", "O", "B-Y"]),
        (Scheme.IOB1, ["I-X", "I-X", "I-X", "B-X", "O", "I-Y"]),
        (Scheme.BIOES, ["B-X", "I-X", "E-X", "S-X", "O", "S-Y"]),
        (Scheme.BILOU, ["B-X", "I-X", "L-X", "U-X", "O", "U-Y"]),
    ],
)
def test_every_scheme_is_written(path, scheme, tags):
    row = annotate("a b c d e f", {"a b c": "X", "d": "X", "f": "Y"})
    text, problems = write(path, row, scheme=scheme)
    assert [line.split("\t")[1] for line in text.splitlines() if line] == tags
    assert len(problems) == 0


def test_a_text_comment_is_written_only_where_it_says_something(path):
    rows = [annotate("to Rome", {"Rome": "LOC"}), annotate("to Rome!", {"Rome": "LOC"})]
    text, _ = write(path, *rows)
    assert text == "to\tO\nRome\tB-LOC\n\n# text = to Rome!\nto\tO\nRome\tB-LOC\n!\tO\n\n"


@pytest.mark.parametrize(
    ("text", "comment"),
    [
        ("to  Rome", "to  Rome"),
        ("to\nRome", r'"to\nRome"'),
        ("to\r\n\tRome", r'"to\r\n\tRome"'),
        ("to\u2028Rome", r'"to\u2028Rome"'),
        ("to Rome ", '"to Rome "'),
        ('"to" Rome', r'"\"to\" Rome"'),
        ("to🚆 Rome", None),
    ],
)
def test_line_breaks_in_a_text_are_written_as_json(path, text, comment):
    row = annotate(text, {"Rome": "LOC"})
    written, problems = write(path, row)
    comments = [line for line in written.split("\n") if line.startswith("# text = ")]
    assert comments == ([f"# text = {comment}"] if comment else comments)
    assert read(path, written)[0] == [row]
    assert len(problems) == 0


def test_of_overlapping_spans_the_longest_is_kept_and_the_others_are_named(path):
    spans = [
        {"start": 0, "end": 8, "label": "CITY"},
        {"start": 0, "end": 13, "label": "SONG"},
        {"start": 0, "end": 13, "label": "ALBUM"},
    ]
    text, problems = write(path, {"text": "New York City", "spans": spans})
    assert text == "New\tB-SONG\nYork\tI-SONG\nCity\tI-SONG\n\n"
    assert problems.counts == {"overlapping span": 2}
    overlaps = "overlaps another span, which is kept; span skipped"
    assert problems.messages == [
        f"in.jsonl:1: 'New York' (CITY) {overlaps}",
        f"in.jsonl:1: 'New York City' (ALBUM) {overlaps}",
    ]


@pytest.mark.parametrize(("start", "end"), [(3, 6), (2, 7), (3, 8), (4, 7)])
def test_a_span_off_token_boundaries_is_named_and_never_moved(path, start, end):
    spans = [{"start": start, "end": end, "label": "LOC"}]
    text, problems = write(path, {"text": "to Rome now", "spans": spans})
    assert "LOC" not in text
    assert problems.counts == {"span off token boundaries": 1}
    assert problems.messages[0].startswith("in.jsonl:1: ")


def test_a_label_that_columns_cannot_hold_is_named(path):
    spans = [{"start": 0, "end": 1, "label": "A\tB"}, {"start": 2, "end": 3, "label": "A B"}]
    text, problems = write(path, {"text": "x y", "spans": spans})
    assert text == "x\tO\ny\tB-A B\n\n"
    assert read(path, text)[0][0]["spans"] == spans[1:]
    message = "label 'A\\tB' cannot be written in a column; span skipped"
    assert problems.messages == [f"in.jsonl:1: {message}"]


def test_the_tokens_of_a_file_are_kept_on_the_way_to_another_scheme(path, tmp_path):
    path.write_text("U.S.A.-wide B-LOC\n, O\nno,no O\n")
    target = tmp_path / "b.conll"
    conll.write(target, conll.read(path, Problems()), NLP, Problems(), Scheme.BIOES)
    assert target.read_text() == "U.S.A.-wide\tS-LOC\n,\tO\nno,no\tO\n\n"


@pytest.mark.parametrize("text", ["-DOCSTART-", "a -DOCSTART- b", "\ufeffa b", "# text = O", "#"])
def test_a_text_that_looks_like_another_line_comes_back(path, text):
    written, _ = write(path, {"text": text, "spans": []})
    assert read(path, written)[0] == [{"text": text, "spans": []}]


def test_the_id_of_a_row_may_stand_in_its_meta(path):
    row = {"text": "a", "spans": [], "meta": {"id": 7}}
    text, _ = write(path, row)
    assert text == '# sent_id = 7\n# row = {"meta": {"id": 7}}\na\tO\n\n'
    assert read(path, text)[0] == [row]


@pytest.mark.parametrize(
    ("keys", "comments"),
    [
        ({}, []),
        ({"id": "a b"}, ["# sent_id = a b"]),
        ({"id": 7}, ["# sent_id = 7", '# row = {"id": 7}']),
        ({"id": ""}, ['# row = {"id": ""}']),
        ({"lang": "de", "x": "ü\n"}, [r'# row = {"lang": "de", "x": "\u00fc\n"}']),
    ],
)
def test_other_keys_of_a_row_are_a_comment(path, keys, comments):
    row = {"text": "a", "spans": [], **keys}
    text, problems = write(path, row)
    assert text.splitlines() == [*comments, "a\tO", ""]
    assert read(path, text)[0] == [row]
    assert len(problems) == 0


def test_ids_and_scores_of_spans_are_in_the_comment_too(path):
    rome = {"start": 3, "end": 7, "label": "LOC", "id": 7, "score": 0.5}
    rows = [{"text": "to Rome", "spans": [rome]}, {"text": "to Rome", "spans": []}]
    text, _ = write(path, *rows)
    place = '"start": 3, "end": 7, "label": "LOC"'
    assert text.splitlines()[0] == f'# row = {{"spans": [{{{place}, "id": 7, "score": 0.5}}]}}'
    assert read(path, text)[0] == rows


def test_an_id_that_was_changed_in_the_file_is_the_one_read(path):
    text, _ = write(path, {"text": "a", "spans": [], "id": "old", "lang": "en"})
    rows, _ = read(path, text.replace("sent_id = old", "sent_id = new"))
    assert rows == [{"text": "a", "spans": [], "id": "new", "lang": "en"}]


def test_a_broken_row_comment_is_named_and_left_out(path):
    rows, problems = read(path, "# row = 5\nRome B-LOC\n")
    assert rows == [annotate("Rome", {"Rome": "LOC"})]
    assert problems.messages == [
        f"{path}:2: expected a JSON object of other keys of the row, got '5'; left out"
    ]


# Schemes

LABELS = st.sampled_from(["X", "Y", "A-B"])


@st.composite
def entities(draw) -> tuple[int, list[tuple[str, int, int]]]:
    """Draw the number of tokens, and entities by label, first and last token."""
    found, length = [], 0
    for before, tokens in draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)))):
        start = length + before
        length = start + tokens
        found.append((draw(LABELS), start, length - 1))
    return length + draw(st.integers(0, 2)), found


def biluo_tags(length, found) -> list[str]:
    tags = ["O"] * length
    for label, first, last in found:
        tags[first : last + 1] = [f"I-{label}"] * (last - first + 1)
        tags[last] = f"L-{label}"
        tags[first] = f"B-{label}" if first < last else f"U-{label}"
    return tags


@given(drawn=entities(), scheme=st.sampled_from(Scheme))
def test_the_entities_of_a_scheme_come_back_without_repair(drawn, scheme):
    tags = write_tags(biluo_tags(*drawn), scheme)
    assert read_tags(tags, scheme) == (drawn[1], [])


@given(drawn=entities(), scheme=st.sampled_from(Scheme))
def test_the_detected_scheme_reads_the_same_entities(drawn, scheme):
    tags = write_tags(biluo_tags(*drawn), scheme)
    found, repairs = read_tags(tags, detect_scheme([tags]))
    assert (found, repairs) == (drawn[1], [])


TAGS = st.one_of(st.just("O"), st.builds("{}-{}".format, st.sampled_from("BIESLU"), LABELS))


@given(tags=st.lists(TAGS), scheme=st.sampled_from(Scheme))
def test_of_any_tags_every_token_with_a_label_is_in_an_entity(tags, scheme):
    found, _ = read_tags(tags, scheme)
    covered = [(i, label) for label, first, last in found for i in range(first, last + 1)]
    assert covered == [(i, tag[2:]) for i, tag in enumerate(tags) if tag != "O"]
