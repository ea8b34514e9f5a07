"""`LlamaCpp` with the bundled model, Gemma 3 270M, in this process."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import urllib.error
import urllib.request
from dataclasses import replace

import pytest
from asking import EXEMPLARS, ask, ask_all, ids, verdicts

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.llm.models.bundled import bundled_gguf
from spacy_catalog_ner.llm.models.llama_cpp import LlamaCpp
from spacy_catalog_ner.llm.prompt import Usage

# Verdicts


def test_every_question_has_a_confidence(embedded_model):
    reply = ask(embedded_model, verdicts())
    assert reply.error == ""
    assert reply.text == ""
    assert len(reply.confidences) == 2
    assert all(0 < confidence < 1 for confidence in reply.confidences)


def test_exemplars_move_the_confidence(embedded_model):
    def shown(answer: str) -> float:
        lines = f"\nText: play hello\nhello = SONG? {answer}\n" * 3
        request = replace(verdicts(), context=f"{lines}\nText: play drake\n")
        return ask(embedded_model, request).confidences[0]

    assert shown("yes") > shown("no") + 0.2


def test_a_confidence_depends_neither_on_order_nor_on_what_was_asked_before(embedded_model):
    texts = ["play drake", "a train to boston", "turn it up please", "what is new on the radio"]
    forward = ask_all(embedded_model, [[verdicts(text)] for text in texts])
    backward = ask_all(embedded_model, [[verdicts(text)] for text in reversed(texts)])
    for one, other in zip(forward, reversed(backward), strict=True):
        assert one.replies[0].confidences == other.replies[0].confidences


def test_what_questions_and_texts_share_is_read_once(embedded_model):
    ask(embedded_model, verdicts("play drake"))
    usage = ask(embedded_model, verdicts("play adele")).usage
    assert usage.calls == usage.output_tokens == 2
    assert usage.cached_tokens > usage.prompt_tokens


# Written answers


def test_a_written_answer_that_is_cut_off_is_no_answer(embedded_model):
    reply = ask(embedded_model, replace(ids(), max_tokens=3))
    assert reply.usage.output_tokens == 3
    assert reply.text == ""
    assert "not finished" in reply.error


# Prompts that do not fit


@pytest.mark.parametrize("questions", [("drake = ARTIST?",), ()])
def test_a_prompt_that_is_too_long_is_asked_with_fewer_exemplars(embedded_model, questions):
    def request(exemplars):
        whole = verdicts(exemplars=exemplars)
        return replace(whole, questions=questions, shorten=lambda: request(exemplars // 2))

    reply = ask(embedded_model, request(20))
    assert reply.error == ""
    assert 1 <= reply.request.context.count(EXEMPLARS) <= 10


def test_a_prompt_that_never_fits_is_an_error_of_its_text_alone(embedded_model):
    long = verdicts("and then something else " * 200)
    failed, answered = ask_all(embedded_model, [[long], [verdicts()]])
    assert "exceeds the available context size (256 tokens)" in failed.error
    assert answered.error == ""


def test_an_answer_with_too_little_context_left_is_asked_with_fewer_exemplars(embedded_model):
    shorter = replace(verdicts(), questions=())
    long = verdicts("word " * 195, exemplars=0)  # 13 of the 256 tokens are left
    reply = ask(embedded_model, replace(long, questions=(), shorten=lambda: shorter))
    assert reply.request == shorter
    assert set(json.loads(reply.text)) == {"1", "2"}


# Files and settings


def test_a_model_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(CatalogNERError, match=r"nothing.gguf: no such file, expected a GGUF model"):
        ask(LlamaCpp(str(tmp_path / "nothing.gguf")), ids())


def test_a_file_that_is_no_model_is_one_line(tmp_path):
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF and then nothing of use")
    with pytest.raises(CatalogNERError, match=r"broken.gguf: llama.cpp cannot load") as error:
        ask(LlamaCpp(str(path)), ids())
    assert "\n" not in str(error.value)


def test_settings_below_1_are_refused():
    for settings in ({"context_length": 0}, {"threads": 0}):
        with pytest.raises(CatalogNERError, match="must be at least 1"):
            LlamaCpp(**settings)


def test_a_cached_answer_needs_no_model(tmp_path, embedded_model):
    cache = str(tmp_path / "responses.sqlite")
    first_model = LlamaCpp(context_length=256, cache=cache)
    first_model._server = embedded_model._server
    first = ask(first_model, verdicts())
    again_model = LlamaCpp(context_length=256, cache=cache)
    again = ask(again_model, verdicts())
    assert again == replace(first, usage=Usage(cache_hits=1))
    assert not again_model._server.is_made


def test_the_content_of_the_model_file_counts_and_not_its_name(tmp_path):
    path = tmp_path / "renamed.gguf"
    path.symlink_to(bundled_gguf())
    assert LlamaCpp(str(path)).identity == LlamaCpp().identity
    (tmp_path / "other.gguf").write_bytes(b"GGUF")
    assert LlamaCpp(str(tmp_path / "other.gguf")).identity != LlamaCpp().identity


# Processes


def test_pickling_leaves_the_running_model_behind(embedded_model):
    ask(embedded_model, verdicts())
    copy = pickle.loads(pickle.dumps(embedded_model))
    assert not copy._server.is_made
    assert copy.identity == embedded_model.identity


def confidences_in_child(model, connection) -> None:
    connection.send(ask(model, verdicts()).confidences)


def test_a_running_model_works_in_a_spawned_process(embedded_model):
    expected = ask(embedded_model, verdicts()).confidences
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=confidences_in_child, args=(embedded_model, theirs))
    process.start()
    assert ours.poll(120), "the child gives no answer"
    assert ours.recv() == pytest.approx(expected, abs=1e-2)
    process.join()


def test_nobody_else_can_use_its_port(embedded_model):
    ask(embedded_model, verdicts())
    address = embedded_model._server.get().listening_address
    body = json.dumps({"prompt": "hello", "max_tokens": 1}).encode()
    request = urllib.request.Request(f"{address}/v1/completions", body)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(request)
