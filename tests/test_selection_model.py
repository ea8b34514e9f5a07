"""What all models have in common, shown by one that asks a local server."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import threading
import time
from contextlib import nullcontext

import pytest
from asking import EXEMPLARS, ask, ask_all, ids, verdicts
from servers import TOO_LONG, LocalServer, affirm, finished, stall, status

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.llm.failures import ModelUnavailableError
from spacy_catalog_ner.llm.models.openai_compatible import OpenAICompatible
from spacy_catalog_ner.llm.prompt import Prompt, Usage


def model_at(server: LocalServer, **settings) -> OpenAICompatible:
    return OpenAICompatible("stand-in", base_url=server.url, **settings)


def text_of(body: dict) -> str:
    """The line of the text in what was asked last."""
    lines = body["messages"][-1]["content"].splitlines()
    return [line for line in lines if line.startswith("Text: ")][-1].removeprefix("Text: ")


# Order and pace


def test_answers_come_in_order_however_long_each_takes():
    def answer(body):
        time.sleep(0.03 if text_of(body).endswith(("0", "3")) else 0.0)
        return text_of(body)

    texts = [[], *([f"text {n}", f"window {n}"] for n in range(10)), []]
    with LocalServer(answer) as server:
        answers = ask_all(model_at(server), [map(ids, windows) for windows in texts])
    assert [[reply.text for reply in each.replies] for each in answers] == texts


def test_as_many_requests_as_allowed_are_in_flight_and_no_more():
    with LocalServer(delay=0.02) as server:
        ask_all(model_at(server, concurrency=3), [[ids()]] * 12)
    assert server.most_in_flight == 3


def test_the_first_text_is_answered_before_the_last_is_asked():
    taken = []

    def prompts():
        for number in range(200):
            taken.append(number)
            yield [Prompt([ids()])]

    with LocalServer() as server:
        answers = iter(model_at(server, concurrency=2)(prompts()))
        next(answers)
        assert len(taken) < 50
        answers.close()


def test_one_slow_text_does_not_hold_up_the_others():
    def answer(body):
        time.sleep(0.3 if text_of(body) == "slow" else 0.0)
        return text_of(body)

    with LocalServer(answer) as server:
        texts = ["slow", *(f"text {n}" for n in range(12))]
        answers = iter(model_at(server, concurrency=2)([Prompt([ids(text)])] for text in texts))
        next(answers)
        assert len(server.bodies) == 13


def test_one_at_a_time_needs_no_thread():
    before = set(threading.enumerate())
    started = set()

    def answer(body):
        started.update(each.name for each in set(threading.enumerate()) - before)
        return affirm(body)

    with LocalServer(answer) as server:
        ask_all(model_at(server, concurrency=1), [[ids()]] * 2)
    assert not [name for name in started if name.startswith("catalog-ner-llm")]


def test_without_candidates_nothing_is_asked():
    model = OpenAICompatible("stand-in", base_url="http://127.0.0.1:9/v1")
    (answer,) = ask_all(model, [[]])
    assert answer.replies == ()
    assert answer.usage == Usage()
    assert not model._client.is_made


def test_a_prompt_of_another_package_is_refused_in_one_line():
    with pytest.raises(CatalogNERError, match=r"expected a prompt of a spacy_catalog_ner task"):
        list(OpenAICompatible("m", base_url="http://127.0.0.1:9/v1")([["some text"]]))


# Prompts that do not fit


@pytest.mark.parametrize("kind", TOO_LONG)
def test_a_prompt_that_is_too_long_is_asked_with_half_of_its_exemplars(kind):
    def answer(body):
        shown = body["messages"][-1]["content"].count(EXEMPLARS)
        return TOO_LONG[kind] if shown > 2 else affirm(body)

    with LocalServer(answer) as server:
        request = verdicts(exemplars=10)
        reply = ask(model_at(server), request)
    assert not reply.error
    assert reply.request.context.count(EXEMPLARS) == 2
    assert len(server.bodies) == 3  # with 10, 5 and 2
    assert reply.usage.calls == 1


def test_a_prompt_that_never_fits_fails_and_the_others_go_on():
    def answer(body):
        return TOO_LONG["openai"] if text_of(body) == "long" else affirm(body)

    with LocalServer(answer) as server:
        requests = [[verdicts(text)] for text in ("play a", "long", "play b")]
        first, failed, last = ask_all(model_at(server), requests)
    assert "maximum context length is 8192" in failed.error
    assert not first.error
    assert not last.error


# Failures


def test_one_poisoned_text_among_100_fails_alone():
    def answer(body):
        if text_of(body) == "text 23":
            return status(400, "the content management policy was triggered")
        return {"ids": [1]}

    with LocalServer(answer) as server:
        answers = ask_all(model_at(server), [[ids(f"text {n}")] for n in range(100)])
    errors = {n: each.error for n, each in enumerate(answers) if each.error}
    assert errors == {23: "HTTP 400: the content management policy was triggered"}
    assert sum(each.replies[0].text == '{"ids": [1]}' for each in answers) == 99


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_run_in_which_every_request_fails_is_stopped_with_one_clear_line(concurrency):
    with LocalServer(lambda body: status(401, "invalid key")) as server:
        model = model_at(server, concurrency=concurrency, max_failures=5)
        with pytest.raises(ModelUnavailableError) as stopped:
            ask_all(model, [[ids(f"text {n}")] for n in range(1000)])
    message = str(stopped.value)
    assert message.startswith(f"OpenAICompatible stand-in at {server.url}: stopped after")
    assert "5 texts in a row failed, the last one with: HTTP 401: invalid key" in message
    assert "\n" not in message
    assert 5 <= len(server.bodies) < 5 + concurrency


def test_a_run_is_stopped_at_once_even_if_its_first_text_still_waits():
    def answer(body):
        return stall(2.0) if text_of(body) == "slow" else status(401)

    with LocalServer(answer) as server:
        model = model_at(server, concurrency=2, max_failures=3)
        start = time.perf_counter()
        with pytest.raises(ModelUnavailableError, match="3 texts in a row failed"):
            ask_all(model, [[ids("slow")], *[[ids()]] * 50])
        assert time.perf_counter() - start < 1.5
        assert not threads_after(0.5)


def test_a_run_that_is_left_waits_for_nothing():
    def answer(body):
        later = status(429, headers={"retry-after-ms": "60000"})
        return {"ids": [1]} if text_of(body) == "text 0" else later

    with LocalServer(answer) as server:
        prompts = ([Prompt([ids(f"text {n}")])] for n in range(9))
        answers = iter(model_at(server, concurrency=2)(prompts))
        next(answers)
        answers.close()
        assert not threads_after(0.5)


def threads_after(seconds: float) -> list[str]:
    """The threads of a run that are still there; the interpreter waits for them at its end."""
    time.sleep(seconds)
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith("catalog-ner-llm")]


def test_texts_answered_before_the_stop_are_not_lost():
    answered = []
    with LocalServer(faults=[None] * 7 + [status(401)] * 100) as server:
        model = model_at(server, concurrency=2, max_failures=5)
        with pytest.raises(ModelUnavailableError):
            answered += model([Prompt([ids()])] for _ in range(100))
    assert sum(not each.error for (each,) in answered) == 7


def test_a_success_in_between_lets_the_run_go_on():
    faults = ([status(401)] * 4 + [None]) * 5
    with LocalServer(faults=faults) as server:
        model = model_at(server, concurrency=1, max_failures=5)
        answers = ask_all(model, [[ids()]] * 25)
    assert sum(bool(each.error) for each in answers) == 20


@pytest.mark.parametrize(("fault", "stops"), [(status(400), False), (status(401), True)])
def test_among_known_answers_a_dead_server_stops_the_run_and_refusals_do_not(
    tmp_path, fault, stops
):
    def answer(body):
        return {"ids": [1]} if text_of(body) == "play adele" else fault

    cache = tmp_path / "responses.sqlite"
    requests = [[ids(text)] for text in (["play drake", "play adele"] * 20)]
    with LocalServer(answer) as server:
        ask_all(model_at(server, cache=cache), [[ids("play adele")]])
        model = model_at(server, cache=cache, concurrency=1, max_failures=5)
        with pytest.raises(ModelUnavailableError) if stops else nullcontext():
            answers = ask_all(model, requests)
            assert sum(bool(each.error) for each in answers) == 20


def test_what_is_wrong_with_the_settings_stops_the_run(monkeypatch):
    monkeypatch.delenv("MINI_KEY", raising=False)
    model = OpenAICompatible("stand-in", key_variable="MINI_KEY")
    with pytest.raises(ModelUnavailableError, match="MINI_KEY is not set"):
        ask_all(model, [[ids()]])


def test_texts_that_are_refused_do_not_stop_the_run():
    faults = [*map(status, (400, 413, 422)), TOO_LONG["openai"], finished("content_filter")]
    with LocalServer(faults=[None, *faults]) as server:
        model = model_at(server, concurrency=1, max_failures=2)
        first, *others = ask_all(model, [[ids()]] * (1 + len(faults)))
    assert not first.error
    assert all(answer.error for answer in others)


def test_a_run_in_which_every_text_is_refused_stops():
    with LocalServer(lambda body: status(400)) as server:
        model = model_at(server, concurrency=1, max_failures=2)
        with pytest.raises(ModelUnavailableError, match="2 texts in a row failed"):
            ask_all(model, [[ids()]] * 20)


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_text_of_many_windows_that_fails_counts_once(concurrency):
    def answer(body):
        return status(401) if text_of(body) == "long" else affirm(body)

    with LocalServer(answer) as server:
        model = model_at(server, concurrency=concurrency, max_failures=2)
        failed, answered = ask_all(model, [[ids("long")] * 9, [ids()]])
    assert failed.error
    assert not answered.error


def test_an_error_that_nobody_expected_is_an_error_of_one_text(monkeypatch):
    with LocalServer() as server:
        model = model_at(server)
        # Half of a surrogate pair can be in a text, but not in UTF-8.
        broken, whole = ask_all(model, [[ids("play \ud800")], [ids("play drake")]])
    assert broken.error.startswith("UnicodeEncodeError")
    assert not whole.error


@pytest.mark.parametrize("settings", [{"concurrency": 0}, {"max_failures": 0}])
def test_settings_below_1_are_refused(settings):
    with pytest.raises(CatalogNERError, match=r"must be at least 1, got 0"):
        OpenAICompatible("m", **settings)


# Processes


def answer_in_child(model, connection) -> None:
    answers = ask_all(model, [[ids(f"text {n}")] for n in range(9)])
    connection.send([reply.text for answer in answers for reply in answer.replies])


def test_a_model_in_use_works_in_a_forked_process(tmp_path):
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    with LocalServer() as server:
        model = model_at(server, cache=tmp_path / "responses.sqlite")
        ask(model, ids("before"))
        process = context.Process(target=answer_in_child, args=(model, theirs))
        process.start()
        assert ours.poll(60), "the child gives no answer"
        assert ours.recv() == [json.dumps({"ids": [1]})] * 9
        process.join()
        assert ask(model, ids("after")).text == json.dumps({"ids": [1]})
    assert len(server.bodies) == 11  # nine of them the child's


def test_pickling_takes_no_connection_along(tmp_path):
    with LocalServer() as server:
        model = model_at(server, cache=tmp_path / "responses.sqlite")
        ask(model, ids())
        copy = pickle.loads(pickle.dumps(model))
        assert not copy._client.is_made
        assert copy.identity == model.identity
        assert ask(copy, ids()).usage == Usage(cache_hits=1)
