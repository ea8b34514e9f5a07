"""From JSONL to another format and back: the same texts and spans, whatever the texts are."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
import spacy
from conftest import write_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.formats import Format, Scheme, conll
from spacy_catalog_ner.formats.conversion import convert_files
from spacy_catalog_ner.formats.offsets import Mark, locate

NLP = spacy.blank("en")
NAMES = {
    Format.JSONL: "x.jsonl",
    Format.DOCBIN: "x.spacy",
    Format.CONLL: "x.conll",
    Format.PRODIGY: "x.jsonl",
    Format.LABEL_STUDIO: "x.json",
    Format.BRAT: "x",
}

PIECES = st.one_of(
    st.sampled_from([" ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u2028", "\x85", "\ufeff"]),
    st.sampled_from(["don't", "AC/DC", "e\u0301", "👩‍🚀", "🎵", "नमस्ते", "U.S.", "-DOCSTART-"]),
    st.sampled_from(["#", "# text = ", '"', "\\n", "\\", "O", "B-X", "T1\tX 0 1", "[", "{}"]),
    st.characters(exclude_categories=["Cs"]),
)
LABELS = st.sampled_from(["ARTIST", "A-B", "Künstler"])


@st.composite
def annotated_rows(draw):
    """Draw any text, with spans that do not overlap, from a token to a token."""
    text = draw(st.lists(PIECES, min_size=1, max_size=20).map("".join).filter(str.strip))
    tokens = [token for token in NLP.make_doc(text) if not token.is_space]
    bounds = st.integers(0, len(tokens) - 1)
    numbers = sorted(draw(st.lists(bounds, unique=True, max_size=6)))
    pairs = zip(numbers[::2], numbers[1::2], strict=False)
    spans = [
        {
            "start": tokens[first].idx,
            "end": tokens[last].idx + len(tokens[last]),
            "label": draw(LABELS),
        }
        for first, last in pairs
    ]
    return {"text": text, "spans": spans}


def convert(source: Path, target: Path, **options) -> Problems:
    problems = Problems()
    convert_files([source], target, NLP, problems, **options)
    return problems


def essence(path: Path) -> list[dict]:
    rows = map(json.loads, path.read_text(encoding="utf8").split("\n")[:-1])
    return [{"text": row["text"], "spans": row["spans"]} for row in rows]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
IDS = st.none() | st.integers() | TEXT
OTHER_KEYS = st.fixed_dictionaries(
    {},
    optional={
        "id": IDS,
        "lang": st.sampled_from(["en", "de"]),
        "meta": st.dictionaries(TEXT | st.just("id"), VALUES, max_size=3) | VALUES,
        "extra": VALUES,
        "candidates": st.just([{"start": 0, "end": 1, "label": "X"}]),
        "selected": st.just([]),
        "catalog_ner": st.just({"model": "x"}),
    },
)
OTHER_SPAN_KEYS = st.fixed_dictionaries(
    {}, optional={"id": IDS, "score": st.floats(0, 1), "note": VALUES}
)
OF_CANDIDATES = st.fixed_dictionaries({"score": st.floats(0, 1)}, optional={"id": IDS})


@st.composite
def full_rows(draw):
    """Draw rows with all that a row may have."""
    row = draw(annotated_rows())
    spans = [span | draw(OTHER_SPAN_KEYS) for span in row["spans"]]
    keys = draw(OTHER_KEYS)
    if "candidates" in keys and draw(st.booleans()):
        keys["candidates"] = [span | draw(OF_CANDIDATES) for span in row["spans"]]
    return {**row, "spans": spans, **keys}


@pytest.mark.parametrize("format_", Format)
@settings(max_examples=100, deadline=None)
@given(rows=st.lists(full_rows(), min_size=1, max_size=3), scheme=st.sampled_from(Scheme))
def test_rows_come_back_with_all_their_keys(format_, rows, scheme):
    if format_ is Format.BRAT:
        rows = rows[:1]  # the order there is that of the names of the files
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = write_rows(folder / "in.jsonl", rows)
        middle, back = folder / NAMES[format_], folder / "out.jsonl"
        options = {"target_format": format_, "scheme": scheme}
        lost = convert(source, middle, source_format=Format.JSONL, **options)
        changed = convert(middle, back, source_format=format_)
        assert (lost.messages, changed.messages) == ([], [])
        found = [json.loads(line) for line in back.read_text(encoding="utf8").split("\n")[:-1]]
    if format_ is Format.BRAT and "id" not in rows[0]:
        assert found[0].pop("id")  # the name of its files
    assert found == rows


@st.composite
def overlapping_rows(draw):
    """Draw a text of words with spans of any offsets, overlapping and off boundaries too."""
    text = draw(st.lists(st.sampled_from(["a", "bc", "🎵", "e\u0301f"]), min_size=1).map(" ".join))
    offsets = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(sorted)
    spans = draw(st.lists(offsets.filter(lambda pair: pair[0] < pair[1]), max_size=5))
    labels = draw(st.lists(LABELS, min_size=len(spans), max_size=len(spans)))
    return {
        "text": text,
        "spans": [
            {"start": start, "end": end, "label": label}
            for (start, end), label in zip(spans, labels, strict=True)
        ],
    }


@pytest.mark.parametrize("format_", Format)
@settings(max_examples=50, deadline=None)
@given(row=overlapping_rows())
def test_no_span_is_moved_and_none_is_lost_without_a_report(format_, row):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        middle, back = folder / NAMES[format_], folder / "out.jsonl"
        source = write_rows(folder / "in.jsonl", [row])
        lost = convert(source, middle, target_format=format_)
        convert(middle, back, source_format=format_)
        kept = essence(back)[0]["spans"]
        assert len(kept) + len(lost) == len(row["spans"])
        rest = list(row["spans"])
        for span in kept:
            rest.remove(span)


LINES = st.lists(
    st.one_of(
        st.sampled_from(["", "a O", "b\tB-X", "c I-X", "#begin document", "-DOCSTART- O", "# a"]),
        st.sampled_from(['# text = "a\\n"', "# text = a b c", "# sent_id = 1", "S-X", "a\t\tO"]),
        st.sampled_from(["# row = {}", "# row = oops", '# row = {"spans": [{"start": 0}]}']),
        st.text(max_size=8),
    )
).map("\n".join)


@settings(max_examples=200, deadline=None)
@given(content=LINES, column=st.none() | st.integers(1, 4))
def test_no_columns_whatsoever_make_the_reader_fail(content, column):
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x.conll"
        path.write_bytes(content.encode("utf8"))
        for _, row in conll.read(path, Problems(), column=column):
            for span in row.spans:
                assert row.text[span.start : span.end]


KEYS = [
    *("text", "spans", "start", "end", "label", "id", "score", "meta", "answer", "tokens"),
    *("data", "annotations", "was_cancelled", "result", "type", "value", "labels"),
]
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("format_", [Format.JSONL, Format.PRODIGY, Format.LABEL_STUDIO])
@settings(max_examples=200, deadline=None)
@given(junk=JUNK)
def test_no_json_whatsoever_makes_a_conversion_fail(format_, junk):
    value = {"start": 0, "end": 1, "labels": ["X"]}
    results = [
        {"type": "labels", "value": junk},
        {"type": "labels", "value": value, "meta": {"catalog_ner_row": junk, "entity_id": junk}},
    ]
    data = {"text": "x", "catalog_ner_row": junk}
    task = {"data": data, "annotations": [{"result": results}]}
    others = dict.fromkeys(("spans", "candidates", "tokens", "meta", "id"), junk)
    rows = [junk, {"text": "x", **others}]
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "in", Path(name) / "out"
        if format_ is Format.LABEL_STUDIO:
            source.write_text(json.dumps([junk, task]))
        else:
            write_rows(source, rows)
        for target_format in Format:
            try:
                convert(source, target, source_format=format_, target_format=target_format)
            except CatalogNERError as error:
                assert "nothing to write" in str(error)
            else:
                target.rename(f"{target}-{target_format}")


@given(
    text=st.lists(st.sampled_from(["a", "é", "🎵", "\n", "\r\n", " ", "bb"])).map("".join),
    data=st.data(),
)
def test_spans_are_found_in_whatever_unit_their_offsets_are(text, data):
    def count(part: str) -> int:
        if one_line_end:
            part = part.replace("\r\n", "\n")
        return len(part.encode("utf-16-le")) // 2 if utf16 else len(part)

    utf16, one_line_end = data.draw(st.booleans()), data.draw(st.booleans())
    words = [
        (start, end)
        for start in range(len(text))
        for end in range(start + 1, len(text) + 1)
        if not any(char.isspace() for char in text[start:end])
    ]
    marks = [
        Mark([(count(text[:start]), count(text[:end]))], text[start:end]) for start, end in words
    ]
    assert locate(text, marks).parts == [[word] for word in words]
