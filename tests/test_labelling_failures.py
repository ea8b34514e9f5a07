"""Labelling a file: what becomes of texts that fail."""

from __future__ import annotations

import pytest
from conftest import annotate, write_rows
from labelling import files, label, read
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.util import minibatch

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.evaluation import align_rows
from spacy_catalog_ner.io.row import Row
from spacy_catalog_ner.labelling import LabellingStoppedError, label_rows


@pytest.fixture
def nlp(mini_matcher_nlp):
    return mini_matcher_nlp


def write_texts(path, *texts):
    return write_rows(path, [{"text": text, "id": n} for n, text in enumerate(texts)])


def test_a_text_at_which_a_component_fails_goes_to_the_dead_letters(nlp, tmp_path):
    nlp.add_pipe("mini_poison")
    texts = [f"play drake {n}" for n in range(20)]
    texts[7] = "poison"
    source = write_texts(tmp_path / "in.jsonl", *texts)
    summary = label(nlp, source, tmp_path / "out.jsonl", batch_size=8)
    assert summary.failures == 1
    assert [row["id"] for row in read(tmp_path / "out.jsonl")] == [*range(7), *range(8, 20)]
    assert read(tmp_path / "out.failed.jsonl") == [
        {"text": "poison", "id": 7, "failure": "mini_poison: ZeroDivisionError: by a zero"}
    ]


def test_a_pipeline_may_have_a_component_that_takes_no_error_handler(nlp, tmp_path):
    nlp.add_pipe("ner").add_label("ARTIST")
    nlp.initialize()
    nlp.add_pipe("mini_poison")
    source = write_texts(tmp_path / "in.jsonl", "drake", "poison", "adele")
    summary = label(nlp, source, tmp_path / "out.jsonl")
    assert summary.failures == 1
    assert [row["id"] for row in read(tmp_path / "out.jsonl")] == [0, 2]


@pytest.mark.parametrize("component", ["mini_poisoned_batch", "mini_careless_batch"])
def test_a_component_that_gives_up_a_whole_batch_for_one_text_loses_only_that(
    nlp, tmp_path, component
):
    nlp.add_pipe(component)
    source = write_texts(tmp_path / "in.jsonl", "drake", "poison", "adele", "boston")
    label(nlp, source, tmp_path / "out.jsonl")
    assert [row["id"] for row in read(tmp_path / "out.jsonl")] == [0, 2, 3]
    (failed,) = read(tmp_path / "out.failed.jsonl")
    assert failed["id"] == 1
    assert failed["failure"].endswith("ValueError: poison in the batch")


@Language.factory("mini_poisoned_batch")
class PoisonedBatch(Pipe):
    """Takes texts together, and hands a batch that fails to spaCy's error handler."""

    def __init__(self, nlp, name):
        self.name = name

    def pipe(self, stream, *, batch_size):
        for docs in minibatch(stream, batch_size):
            try:
                self._take(docs)
                yield from docs
            except ValueError as err:
                self.get_error_handler()(self.name, self, docs, err)

    def _take(self, docs):
        if any("poison" in doc.text for doc in docs):
            raise ValueError("poison in the batch")


@Language.factory("mini_careless_batch")
class CarelessBatch(PoisonedBatch):
    """Does the same without the error handler."""

    def pipe(self, stream, *, batch_size):
        for docs in minibatch(stream, batch_size):
            self._take(docs)
            yield from docs


def test_a_text_that_the_model_did_not_answer_goes_to_the_dead_letters(nlp, tmp_path):
    nlp.add_pipe("mini_silence")
    source = write_texts(tmp_path / "in.jsonl", "play drake", "silence", "play adele")
    summary = label(nlp, source, tmp_path / "out.jsonl")
    assert [row["id"] for row in read(tmp_path / "out.jsonl")] == [0, 2]
    assert read(tmp_path / "out.failed.jsonl") == [
        {"text": "silence", "id": 1, "failure": "no reply"}
    ]
    assert (summary.texts, summary.failures, summary.calls) == (3, 1, 3)


def test_a_text_longer_than_spacy_takes_goes_to_the_dead_letters(nlp, tmp_path):
    nlp.max_length = 100
    source = write_texts(tmp_path / "in.jsonl", "play drake", "la " * 50, "play adele")
    label(nlp, source, tmp_path / "out.jsonl")
    assert [row["id"] for row in read(tmp_path / "out.jsonl")] == [0, 2]
    (failed,) = read(tmp_path / "out.failed.jsonl")
    assert failed["failure"].startswith("tokenizer: ValueError: [E088]")


def test_dead_letters_can_be_labelled_again(nlp, tmp_path):
    source = write_rows(
        tmp_path / "in.jsonl",
        [{"text": "hello"}, {"text": "poison by drake", "spans": [], "lang": "en"}],
    )
    nlp.add_pipe("mini_poison")
    label(nlp, source, tmp_path / "out.jsonl")
    nlp.remove_pipe("mini_poison")
    label(nlp, tmp_path / "out.failed.jsonl", tmp_path / "more.jsonl")
    (row,) = read(tmp_path / "more.jsonl")
    assert "failure" not in row
    assert (row["text"], row["lang"], len(row["spans"])) == ("poison by drake", "en", 1)


def test_dead_letters_of_an_earlier_run_do_not_stay_when_none_fail(nlp, tmp_path):
    source = write_texts(tmp_path / "in.jsonl", "play drake")
    (tmp_path / "out.failed.jsonl").write_text('{"text": "old", "failure": "x"}\n')
    label(nlp, source, tmp_path / "out.jsonl")
    assert files(tmp_path) == ["in.jsonl", "out.jsonl", "out.summary.json"]


def test_texts_without_an_answer_are_unanswered_when_the_output_is_evaluated(nlp, tmp_path):
    nlp.add_pipe("mini_poison")
    gold = [annotate("play drake", {"drake": "ARTIST"}), annotate("poison", {})]
    label(nlp, write_rows(tmp_path / "in.jsonl", gold), tmp_path / "out.jsonl")
    problems = Problems()
    align_rows(read(tmp_path / "out.jsonl"), gold, problems)
    assert sum(problems.counts.values()) == 1
    assert "poison" in problems.messages[0]


def test_rows_in_memory_say_which_got_no_answer(nlp):
    nlp.add_pipe("mini_poison")
    rows = [{"text": "play drake"}, {"text": "poison", "id": 3}]
    good, bad = label_rows(nlp, rows, progress=False)
    assert [span["label"] for span in good["spans"]] == ["ARTIST"]
    assert bad == {
        "text": "poison",
        "id": 3,
        "spans": [],
        "catalog_ner": {"failure": "mini_poison: ZeroDivisionError: by a zero"},
    }
    structs = [Row.from_dict(row) for row in rows]
    assert list(label_rows(nlp, structs, progress=False)) == [
        Row.from_dict(good),
        Row.from_dict(bad),
    ]
    assert structs == [Row.from_dict(row) for row in rows]


def test_an_error_of_ours_at_the_last_two_texts_does_not_keep_a_run_from_its_end(nlp, tmp_path):
    nlp.add_pipe("mini_fault")
    source = write_texts(tmp_path / "in.jsonl", "play drake", "play adele", "poison", "poison")
    summary = label(nlp, source, tmp_path / "out.jsonl", batch_size=2)
    assert (summary.texts, summary.failures) == (4, 2)
    assert {row["failure"] for row in read(tmp_path / "out.failed.jsonl")} == {
        "mini_fault: CatalogNERError: poison: not to be had; remove it"
    }


def test_an_error_of_ours_at_every_text_of_a_large_batch_stops_the_run(nlp, tmp_path):
    nlp.add_pipe("mini_fault")
    texts = [f"play drake {n}" for n in range(8)] + [f"poison {n}" for n in range(8)]
    source = write_texts(tmp_path / "in.jsonl", *texts)
    with pytest.raises(
        LabellingStoppedError,
        match="poison 0: not to be had; remove it; 8 texts are done and kept",
    ):
        label(nlp, source, tmp_path / "out.jsonl", batch_size=8)


def test_a_mistake_in_the_pipeline_stops_the_run(tmp_path, nlp):
    nlp.remove_pipe("catalog_matcher")
    source = write_texts(tmp_path / "in.jsonl", "play drake", "play adele")
    with pytest.raises(LabellingStoppedError, match="add a component that writes it"):
        label(nlp, source, tmp_path / "out.jsonl")
    with pytest.raises(CatalogNERError, match="add a component that writes it"):
        list(label_rows(nlp, read(source), progress=False))


def test_a_pipeline_that_fails_at_every_text_is_stopped_after_a_batch(nlp, tmp_path):
    nlp.add_pipe("mini_poison")
    source = write_texts(tmp_path / "in.jsonl", *[f"poison {n}" for n in range(100)])
    with pytest.raises(
        LabellingStoppedError, match="all of the first 10 texts failed, the first with mini_poison"
    ):
        label(nlp, source, tmp_path / "out.jsonl", batch_size=10)
    assert not (tmp_path / "out.jsonl").exists()


def test_a_pipeline_has_the_error_handlers_that_it_had_before(nlp, tmp_path):
    nlp.add_pipe("mini_poison")
    source = write_texts(tmp_path / "in.jsonl", "play drake", "poison")
    label(nlp, source, tmp_path / "out.jsonl")
    with pytest.raises(ZeroDivisionError):
        list(nlp.pipe(["poison"]))
