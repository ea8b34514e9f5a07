"""Labelling a file: what comes out."""

from __future__ import annotations

import json
import re
import time

import msgspec
import pytest
import spacy
from conftest import write_rows
from labelling import files, label, read
from spacy.language import Language

from spacy_catalog_ner.doc.record import update_record
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.labelling import label_file


@pytest.fixture
def nlp(mini_matcher_nlp):
    return mini_matcher_nlp


def write_texts(path, *texts):
    return write_rows(path, [{"text": text, "id": n} for n, text in enumerate(texts)])


# What comes out


def test_a_row_keeps_its_keys_and_gets_spans_candidates_and_record(nlp, tmp_path):
    wrong = [{"start": 0, "end": 4, "label": "SONG"}]
    row = {"text": "play Drake", "spans": wrong, "meta": {"id": 7}}
    source = write_rows(tmp_path / "in.jsonl", [row])
    label(nlp, source, tmp_path / "out" / "out.jsonl")
    assert files(tmp_path / "out") == ["out.jsonl", "out.summary.json"]
    span = {"start": 5, "end": 10, "label": "ARTIST", "id": "artist/drake"}
    assert read(tmp_path / "out" / "out.jsonl") == [
        {
            "text": "play Drake",
            "meta": {"id": 7},
            "spans": [span],
            "candidates": [span],
            "catalog_ner": {"candidates": 1, "violations": {}},
        }
    ]


def test_what_the_model_counted_is_in_the_summary_and_not_in_the_rows(nlp, tmp_path):
    """It depends on what was asked before, and a resumed run has to give the same rows."""
    nlp.add_pipe("mini_silence")
    source = write_texts(tmp_path / "in.jsonl", "play drake", "play adele")
    summary = label(nlp, source, tmp_path / "out.jsonl")
    assert (summary.calls, summary.prompt_tokens, summary.output_tokens) == (2, 20, 0)
    records = [row["catalog_ner"] for row in read(tmp_path / "out.jsonl")]
    assert records == [{"candidates": 1, "violations": {}}] * 2


def test_the_summary_counts_and_lies_beside_the_output(nlp, tmp_path):
    nlp.add_pipe("mini_proposals")
    source = write_texts(tmp_path / "in.jsonl", "play drake", "boston", "what time")
    summary = label(nlp, source, tmp_path / "out.jsonl")
    summary = msgspec.to_builtins(summary)
    assert json.loads((tmp_path / "out.summary.json").read_text(encoding="utf8")) == summary
    assert summary.pop("seconds") > 0
    assert summary.pop("seconds_per_text") > 0
    assert len(summary.pop("fingerprint")) == 64
    assert summary == {
        "texts": 3,
        "failures": 0,
        "candidates": 3,
        "selected": 0,
        "entities": 2,
        "violations": {"overlap": 1},
        "proposals": 3,
        "skipped": {},
        "calls": 0,
        "retries": 0,
        "cache_hits": 0,
        "prompt_tokens": 0,
        "cached_tokens": 0,
        "output_tokens": 0,
        "cost": None,
        "stopped": None,
        "models": [],
    }


def test_loading_a_model_is_no_part_of_the_seconds_per_text(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("mini_slow_start")
    source = write_texts(tmp_path / "in.jsonl", *"abcdef")
    summary = label(nlp, source, tmp_path / "out.jsonl", batch_size=2)
    assert summary.seconds > 0.2
    assert summary.seconds_per_text < 0.02


@Language.factory("mini_slow_start")
class SlowStart:
    """Takes long over its first text, as a model does that is loaded there."""

    def __init__(self, nlp, name):
        self.is_loaded = False

    def __call__(self, doc):
        if not self.is_loaded:
            time.sleep(0.2)
            self.is_loaded = True
        return doc


@Language.component("mini_proposals")
def propose(doc):
    update_record(doc, proposals=[{"text": "play", "label": "SONG"}])
    return doc


def test_bad_rows_are_reported_with_their_line_and_counted(nlp, tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_bytes(
        b'{"text": "play drake"}\n{"text": \n\xff\xfe\n{"txt": "x"}\n{"text": "hi"}\n'
    )
    problems = Problems()
    summary = label_file(nlp, source, tmp_path / "out.jsonl", problems, progress=False)
    assert summary.texts == 2
    assert summary.skipped == {"broken row": 2, "invalid UTF-8": 1}
    assert sorted(message.split(": ")[0] for message in problems.messages) == [
        f"{source}:{line}" for line in (2, 3, 4)
    ]


def test_a_file_without_a_text_is_an_error_and_leaves_nothing(nlp, tmp_path):
    source = write_rows(tmp_path / "in.jsonl", [{"text": " "}, {"no": "text"}])
    with pytest.raises(CatalogNERError, match=r"in\.jsonl: no text in this file"):
        label(nlp, source, tmp_path / "out.jsonl")
    assert files(tmp_path) == ["in.jsonl"]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("out.jsonl", "out.jsonl"),
        ("out.failed.jsonl", "out.jsonl"),
        ("in.jsonl", "out.json"),
        ("in.jsonl", "out"),
    ],
)
def test_an_output_that_would_destroy_its_input_or_is_no_jsonl_is_refused(
    nlp, tmp_path, source, target
):
    write_texts(tmp_path / source, "play drake")
    with pytest.raises(CatalogNERError, match=re.escape(target)):
        label(nlp, tmp_path / source, tmp_path / target)
    assert files(tmp_path) == [source]
