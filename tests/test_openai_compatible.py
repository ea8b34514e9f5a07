"""`OpenAICompatible` against a local server that misbehaves, and against the one of llama.cpp."""

from __future__ import annotations

import json
import pickle
import re
import time
import warnings
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from asking import ask, ask_all, ids, verdicts
from servers import (
    LocalServer,
    affirm,
    drip,
    empty,
    finished,
    garbage,
    half,
    other_json,
    reset,
    shape,
    stall,
    status,
)

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.llm.models import http_model
from spacy_catalog_ner.llm.models.bundled import bundled_gguf
from spacy_catalog_ner.llm.models.http_failures import TransientFailure, failure_of_response
from spacy_catalog_ner.llm.models.openai_compatible import OpenAICompatible
from spacy_catalog_ner.llm.prompt import Usage

SECRET = "sk-test-0123456789abcdef"


def model_at(server: LocalServer, **settings) -> OpenAICompatible:
    return OpenAICompatible("stand-in", base_url=server.url, **settings)


# What is asked, and what becomes of the answer


def test_a_chat_shows_what_all_texts_share_as_the_system_message():
    request = verdicts()
    with LocalServer() as server:
        ask(model_at(server), request)
    (body,) = server.bodies
    assert body["messages"] == [
        {"role": "system", "content": request.static},
        {"role": "user", "content": request.context + request.closing},
    ]
    assert body["temperature"] == 0
    assert body["max_tokens"] == request.max_tokens
    assert body["response_format"]["json_schema"]["schema"] == request.schema
    assert body["response_format"]["json_schema"]["strict"] is True


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_verdicts_have_the_confidences_of_the_servers_probabilities(api):
    with LocalServer(lambda body: " no" if "prompt" in body else {"1": "yes", "2": "no"}) as server:
        reply = ask(model_at(server, api=api), verdicts())
    expected = [0.9, 0.1] if api == "chat" else [0.1, 0.1]
    assert reply.confidences == pytest.approx(expected)
    assert reply.text == ""


def test_completions_ask_question_by_question_after_the_same_words():
    request = verdicts()
    with LocalServer() as server:
        reply = ask(model_at(server, api="completions"), request)
    before = request.static + request.context
    assert [body["prompt"] for body in server.bodies] == [before + q for q in request.questions]
    assert {body["max_tokens"] for body in server.bodies} == {1}
    assert reply.usage.calls == 2


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_without_probabilities_verdicts_are_the_written_words(api):
    with LocalServer() as server:
        reply = ask(model_at(server, api=api, log_probabilities=False), verdicts())
    assert reply.confidences == ()
    assert json.loads(reply.text) == {"1": "yes", "2": "yes"}
    assert not any("logprobs" in body for body in server.bodies)


def test_a_verdict_for_which_neither_word_is_likely_has_no_confidence():
    def answer(body):
        return " yes" if body["prompt"].endswith("drake = ARTIST?") else " may"

    with LocalServer(answer) as server:
        reply = ask(model_at(server, api="completions"), verdicts())
    assert reply.confidences == (pytest.approx(0.9), None)


def test_a_chat_that_says_neither_word_has_no_confidences():
    with LocalServer(lambda body: {"1": "yes", "2": "perhaps"}) as server:
        reply = ask(model_at(server), verdicts())
    assert reply.confidences == ()
    assert json.loads(reply.text) == {"1": "yes", "2": "perhaps"}


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_a_written_answer_is_held_to_its_schema(api):
    request = ids()
    with LocalServer() as server:
        reply = ask(model_at(server, api=api), request)
    assert json.loads(reply.text) == {"ids": [1]}
    (body,) = server.bodies
    assert body["response_format"]["json_schema"]["schema"] == request.schema


def test_tokens_that_the_server_still_knew_are_counted_apart():
    with LocalServer() as server:
        reply = ask(model_at(server), ids())
    assert reply.usage == Usage(prompt_tokens=40, cached_tokens=60, output_tokens=7, calls=1)


def test_a_server_that_counts_no_tokens_is_fine():
    def answer(body):
        whole = {**shape("/v1/chat/completions", body, {"ids": []}), "usage": None}
        return lambda handler: handler.reply(200, json.dumps(whole))

    with LocalServer(answer) as server:
        assert ask(model_at(server), ids()).usage == Usage(calls=1)


# Parameters that a server refuses


def refuse(name: str, **limits: int):
    """Answer like a server that does not know a parameter, or allows so much of it."""

    def answer(body):
        if body.get(name, 0) > limits.get("above", -1) if limits else name in body:
            return status(400, f"Unsupported parameter: '{name}' is not supported", param=name)
        return affirm(body)

    return answer


def test_a_server_that_refuses_log_probabilities_is_asked_again_without():
    with LocalServer(refuse("logprobs")) as server:
        model = model_at(server)
        with pytest.warns(UserWarning, match="gives no log-probabilities, so verdicts have no"):
            first = ask(model, verdicts())
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # it is said once
            second = ask(model, verdicts())
    assert json.loads(first.text) == json.loads(second.text) == {"1": "yes", "2": "yes"}
    assert first.usage.retries == 2  # with 20, with 5, without
    assert second.usage.retries == 0


def test_a_server_that_gives_few_log_probabilities_is_asked_for_fewer():
    with LocalServer(refuse("top_logprobs", above=5)) as server:
        reply = ask(model_at(server), verdicts())
    assert reply.confidences
    assert [body["top_logprobs"] for body in server.bodies] == [20, 5]


def test_a_server_that_takes_no_schema_is_asked_again_without():
    with LocalServer(refuse("response_format")) as server:
        model = model_at(server)
        with pytest.warns(UserWarning, match="does not hold answers to a JSON schema"):
            reply = ask(model, ids())
    assert reply.text
    assert "response_format" not in server.bodies[-1]


def test_a_model_without_temperature_or_max_tokens_is_asked_as_it_wants():
    def answer(body):
        for name in ("max_tokens", "temperature"):
            if name in body:
                return status(400, f"Unsupported parameter: '{name}' is not supported")
        return affirm(body)

    with LocalServer(answer) as server:
        assert not ask(model_at(server), ids()).error
    assert server.bodies[-1]["max_completion_tokens"] == server.bodies[0]["max_tokens"]


@pytest.mark.parametrize(
    ("message", "parameter"),
    [
        ("the text is not to our taste", None),
        ("content is restricted", None),  # not "strict"
        ("no text about the temperature, please", "messages.[1].content"),
    ],
)
def test_any_other_refusal_is_not_repeated(message, parameter):
    with LocalServer(faults=[status(400, message, param=parameter)]) as server:
        reply = ask(model_at(server), ids())
    assert reply.error == f"HTTP 400: {message}"
    assert len(server.bodies) == 1


def test_words_of_a_text_that_is_repeated_name_no_parameter():
    def answer(body):
        said = body["messages"][-1]["content"]
        return status(422, f"cannot take: {said}") if "temperature" in said else affirm(body)

    with LocalServer(answer) as server:
        refused, other = ask_all(
            model_at(server), [[verdicts("what is the temperature")], [verdicts("play adele")]]
        )
        assert server.bodies[-1]["temperature"] == 0
    assert refused.error.startswith("HTTP 422")
    assert not other.error


def test_a_refused_parameter_may_be_named_in_a_field_alone():
    faults = [status(400, "Invalid value", param="response_format.json_schema")]
    with LocalServer(faults=faults) as server, pytest.warns(UserWarning, match="JSON schema"):
        assert not ask(model_at(server), ids()).error
    assert "response_format" not in server.bodies[-1]


# Faults on the way


@pytest.fixture
def no_pauses(monkeypatch):
    monkeypatch.setattr(http_model, "_usual_pause", lambda retries: 0.0)


def test_what_may_pass_is_tried_again_and_has_its_cost(no_pauses):
    faults = [*map(status, (408, 409, 429, 500, 503)), half, reset, garbage, empty, other_json]
    with LocalServer(faults=faults) as server:
        reply = ask(model_at(server, max_retries=len(faults)), ids())
    assert reply.error == ""
    assert json.loads(reply.text) == {"ids": [1]}
    assert reply.usage.retries == len(faults) == len(server.bodies) - 1
    assert reply.usage.calls == 2  # the empty answer counts
    assert reply.usage.output_tokens == 14


def test_a_stalled_server_is_given_up_after_the_time_limit_and_asked_again(no_pauses):
    with LocalServer(faults=[stall(2.0)]) as server:
        start = time.perf_counter()
        reply = ask(model_at(server, timeout=0.1), ids())
        assert time.perf_counter() - start < 2
    assert reply.error == ""
    assert reply.usage.retries == 1


def test_the_time_that_the_server_asks_for_is_waited():
    fault = status(429, headers={"retry-after-ms": "300"})
    with LocalServer(faults=[fault]) as server:
        start = time.perf_counter()
        ask(model_at(server), ids())
        assert 0.3 <= time.perf_counter() - start < 1.5


def test_the_time_may_be_in_seconds_or_a_date_or_nothing_of_use():
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60))
    for header, seconds in (("0.4", 0.4), (in_a_minute, 60), ("0", 0), ("nan", 0), ("soon", 0)):
        failure = failure_of_response(429, {"retry-after-ms": "", "retry-after": header}, "")
        assert failure.pause == pytest.approx(seconds, abs=2), header


def test_a_server_that_asks_to_wait_for_longer_than_ten_minutes_is_not_asked_again():
    for header in ("601", "inf", "Fri, 31 Dec 2999 23:59:59 GMT"):
        failure = failure_of_response(429, {"retry-after": header}, "try tomorrow")
        assert not isinstance(failure, TransientFailure), header
        reason = r"the server asks to wait (\d+|inf) s, and 600 s is the most"
        assert re.fullmatch(rf"{reason} \(HTTP 429: try tomorrow\)", str(failure))


@pytest.mark.parametrize("what", ["head", "body"])
def test_a_server_that_answers_byte_by_byte_is_given_up_after_the_time_limit(what):
    with LocalServer(faults=[drip(what, every=0.05)] * 2) as server:
        start = time.perf_counter()
        reply = ask(model_at(server, timeout=0.3, max_retries=0), ids())
        assert time.perf_counter() - start < 1.5
    assert reply.error == "no answer within 0.3 s"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (status(500, "overloaded"), "HTTP 500: overloaded"),
        (garbage, "the answer has an unexpected form: '<html>the proxy is having a bad day"),
        (other_json, "the answer has an unexpected form"),
        (empty, "the answer is empty"),
        (half, "connection failed: peer closed connection"),
        (reset, "connection failed: [Errno 104] Connection reset by peer"),
        (stall(0.6), "no answer within 0.1 s"),
    ],
)
def test_what_does_not_pass_is_an_error_of_its_text_alone(no_pauses, fault, reason):
    with LocalServer(faults=[fault] * 2) as server:
        model = model_at(server, max_retries=1, concurrency=1, timeout=0.1)
        failed, answered = ask_all(model, [[ids()], [ids()]])
    assert failed.error.startswith(reason)
    assert "\n" not in failed.error
    assert failed.usage.retries == 1
    assert answered.error == ""


def test_no_more_is_asked_again_than_allowed_whatever_the_faults_are(no_pauses):
    with LocalServer(faults=[status(500), garbage] * 10) as server:
        reply = ask(model_at(server, max_retries=2), ids())
    assert reply.error == "HTTP 500: no"
    assert reply.usage.retries == 2
    assert len(server.bodies) == 3


def test_a_server_that_is_not_there_is_one_line():
    with LocalServer() as server:
        gone = server.url
    reply = ask(OpenAICompatible("m", base_url=gone, max_retries=0), ids())
    assert reply.error == "connection failed: [Errno 111] Connection refused"


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_an_answer_that_was_cut_off_is_an_error_and_not_kept(api, tmp_path):
    request = replace(ids(), max_tokens=7)  # as many as the server counts
    with LocalServer(faults=[finished("length", '{"ids": [1, 2')]) as server:
        model = model_at(server, api=api, cache=tmp_path / "responses.sqlite")
        failed, answered = ask(model, request), ask(model, request)
    assert failed.error == "the answer was not finished (finish reason length)"
    assert failed.text == ""
    assert failed.usage.output_tokens == 7
    assert json.loads(answered.text) == {"ids": [1]}


def test_an_answer_cut_off_by_the_end_of_the_context_is_asked_for_with_fewer_exemplars():
    with LocalServer(faults=[finished("length", '{"1": "y')]) as server:
        reply = ask(model_at(server), verdicts(exemplars=4))
    assert reply.error == ""
    assert reply.request.context.count("play hello") == 2


def test_a_verdict_may_end_by_the_limit_of_one_token():
    with LocalServer(lambda body: finished("length", " yes")) as server:
        reply = ask(model_at(server, api="completions"), verdicts())
    assert reply.confidences == pytest.approx([0.9, 0.9])


def test_a_refusal_of_the_model_is_an_error():
    def answer(body):
        whole = shape("/v1/chat/completions", body, "")
        whole["choices"][0]["message"]["refusal"] = "I can't help with that."
        return lambda handler: handler.reply(200, json.dumps(whole))

    with LocalServer(answer) as server:
        reply = ask(model_at(server), ids())
    assert reply.error == "the model refuses to answer: I can't help with that."
    assert reply.usage.output_tokens == 7
    assert len(server.bodies) == 1


def test_a_question_that_fails_leaves_no_half_an_answer():
    faults = [None, status(400, "no")]
    with LocalServer(faults=faults) as server:
        reply = ask(model_at(server, api="completions"), verdicts())
    assert (reply.confidences, reply.text) == ((), "")
    assert reply.error == "HTTP 400: no"
    assert reply.usage.calls == 1  # the first question was answered and costs


# The key


def test_nothing_is_connected_and_no_key_needed_before_the_first_text(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    model = OpenAICompatible("gpt-4.1-mini")
    assert not model._client.is_made


def test_a_missing_key_stops_the_run_in_one_line(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(CatalogNERError, match="variable OPENAI_API_KEY is not set; set it") as err:
        ask(OpenAICompatible("gpt-4.1-mini"), ids())
    assert "\n" not in str(err.value)


def test_a_local_server_needs_no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with LocalServer() as server:
        assert not ask(model_at(server), ids()).error
    assert server.headers[0]["authorization"] == "Bearer none"


def test_the_key_is_in_the_header_and_nowhere_else(monkeypatch, tmp_path):
    monkeypatch.setenv("MY_KEY", SECRET)
    cache = tmp_path / "responses.sqlite"

    def answer(body):
        if "Text: play drake" in str(body):
            return affirm(body)
        return status(401, f"Incorrect key {SECRET}.")  # as some servers say it

    with LocalServer(answer, faults=[lambda h: h.reply(200, f"<{'x' * 290}{SECRET}>")]) as server:
        model = model_at(server, key_variable="MY_KEY", cache=cache, max_retries=1)
        replies = [ask(model, ids(text)) for text in ("play drake", "play adele")]
        assert server.headers[0]["authorization"] == f"Bearer {SECRET}"
        assert replies[0].text
        assert replies[1].error == "HTTP 401: Incorrect key ***."
        written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert written
    traces = [repr(model), str(model), str(vars(model)), str(replies), json.dumps(model.identity)]
    found = [*(trace.encode() for trace in traces), pickle.dumps(model), written]
    assert not [trace for trace in found if SECRET[:8].encode() in trace]


def test_a_key_in_an_unreadable_answer_is_not_repeated_even_where_the_answer_is_cut(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    with LocalServer(faults=[lambda h: h.reply(200, "x" * 245 + SECRET)]) as server:
        reply = ask(model_at(server, max_retries=0), ids())
    assert "unexpected form" in reply.error
    assert SECRET[:6] not in reply.error


def test_a_key_with_its_line_end_is_used_without(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", f"{SECRET}\n")
    with LocalServer() as server:
        assert not ask(model_at(server), ids()).error
    assert server.headers[0]["authorization"] == f"Bearer {SECRET}"


def test_what_cannot_be_a_key_is_refused_without_repeating_it(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", f"{SECRET}\n{SECRET}")
    with pytest.raises(CatalogNERError, match="holds characters that no API key has") as err:
        ask(OpenAICompatible("m"), ids())
    assert SECRET not in str(err.value)


@pytest.mark.parametrize("pasted", [SECRET, "MY KEY", ""])
def test_a_key_in_the_place_of_its_variable_is_refused_without_repeating_it(pasted):
    with pytest.raises(CatalogNERError, match="must be the name of an environment variable") as err:
        OpenAICompatible("m", key_variable=pasted)
    assert SECRET[8:] not in str(err.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("hunter2", "base_url must be like http://localhost"),
        ("http://[hunter2/v1", "base_url must be like http://localhost"),
        ("http://user:hunter2@localhost:1/v1", "give http://localhost:1/v1 and put the key"),
        ("http://localhost:1/v1?key=hunter2", "give http://localhost:1/v1 and put the key"),
        ("http://localhost:1/v1#hunter2", "give http://localhost:1/v1 and put the key"),
    ],
)
def test_a_base_url_that_may_hold_a_secret_is_refused_without_repeating_it(url, message):
    with pytest.raises(CatalogNERError, match=message) as err:
        OpenAICompatible("m", base_url=url)
    assert "hunter2" not in str(err.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"base_url": "localhost:8000"}, "base_url must be like http://localhost:8000/v1"),
        ({"api": "responses"}, 'api must be "chat" or "completions", got'),
        ({"timeout": 0}, "expected timeout > 0 and max_retries >= 0, got 0"),
        ({"max_retries": -1}, "expected timeout > 0 and max_retries >= 0, got"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(CatalogNERError, match=message):
        OpenAICompatible("m", **settings)


# The real server of llama.cpp


@pytest.fixture(scope="module")
def llama_url():
    """The server of llama.cpp with the bundled model, as anyone may start it."""
    xllamacpp = pytest.importorskip("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = str(bundled_gguf())
    params.n_ctx = 256
    params.n_parallel = 1
    params.swa_full = True
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.verbosity = -1
    server = xllamacpp.Server(params)
    yield f"{server.listening_address}/v1"
    del server


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_llama_cpp_gives_a_confidence_for_every_verdict(llama_url, api):
    reply = ask(OpenAICompatible("gemma", base_url=llama_url, api=api), verdicts())
    assert reply.error == ""
    assert len(reply.confidences) == 2
    assert all(0 < each < 1 for each in reply.confidences)


def test_llama_cpp_holds_a_written_answer_to_its_schema(llama_url):
    request = replace(verdicts(), questions=())
    reply = ask(OpenAICompatible("gemma", base_url=llama_url), request)
    assert reply.error == ""
    answer = json.loads(reply.text)
    assert set(answer) == {"1", "2"}
    assert set(answer.values()) <= {"yes", "no"}


def test_a_prompt_longer_than_the_context_of_llama_cpp_is_shortened(llama_url):
    model = OpenAICompatible("gemma", base_url=llama_url, log_probabilities=False)
    reply = ask(model, verdicts(exemplars=20))
    assert reply.error == ""
    assert reply.request.context.count("play hello") < 20


def test_the_server_and_the_embedded_model_give_the_same_confidences(llama_url, embedded_model):
    served = ask(OpenAICompatible("gemma", base_url=llama_url, api="completions"), verdicts())
    embedded = ask(embedded_model, verdicts())
    assert served.usage.cached_tokens > served.usage.prompt_tokens  # questions share a prefix
    assert served.confidences == pytest.approx(embedded.confidences, abs=1e-2)
