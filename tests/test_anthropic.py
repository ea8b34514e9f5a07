"""`Anthropic` against a local server of the same form."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import pytest
from asking import EXEMPLARS, ask, ask_all, ids, obj, verdicts
from servers import LocalServer, affirm, empty, garbage, half, other_json, shape, status

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.llm.models import http_model
from spacy_catalog_ner.llm.models.anthropic import Anthropic
from spacy_catalog_ner.llm.prompt import Request, Usage

SECRET = "sk-ant-test-0123456789abcdef"


def model_at(server: LocalServer, **settings) -> Anthropic:
    return Anthropic("stand-in", base_url=server.root, **settings)


def test_what_all_texts_share_is_marked_for_the_prompt_cache():
    request = verdicts()
    with LocalServer() as server:
        ask(model_at(server), request)
    (body,) = server.bodies
    ephemeral = {"type": "ephemeral"}
    assert body["system"] == [{"type": "text", "text": request.static, "cache_control": ephemeral}]
    assert body["temperature"] == 0
    assert body["messages"] == [{"role": "user", "content": request.context + request.closing}]


def test_the_answer_is_the_input_of_a_tool_that_has_to_be_called():
    with LocalServer() as server:
        reply = ask(model_at(server), ids())
    (tool,) = server.bodies[0]["tools"]
    choice = server.bodies[0]["tool_choice"]
    assert choice == {"type": "tool", "name": tool["name"], "disable_parallel_tool_use": True}
    assert json.loads(reply.text) == {"ids": [1]}


def copies() -> Request:
    """A request for an answer whose schema does not depend on the candidates."""
    return replace(ids(), schema=obj({"entities": {"type": "array", "items": {"type": "string"}}}))


@pytest.mark.parametrize(
    ("few", "many"),
    [
        (verdicts("play drake", "drake = ARTIST"), verdicts("play hello by adele")),
        (ids(count=1), ids("play hello by adele", count=9)),
        (copies(), copies()),
    ],
)
def test_texts_with_different_numbers_of_candidates_share_all_that_the_prompt_cache_knows(
    few, many
):
    with LocalServer() as server:
        model = model_at(server, concurrency=1)
        ask_all(model, [[few], [many]])
    first, second = (
        json.dumps([body[name] for name in ("tools", "tool_choice", "system")])
        for body in server.bodies
    )
    assert first == second


@pytest.mark.parametrize(
    ("request_", "schema"),
    [
        (
            verdicts(),
            {
                "type": "object",
                "additionalProperties": {"type": "string", "enum": ["yes", "no"]},
            },
        ),
        (ids(), obj({"ids": {"type": "array", "items": {"type": "integer"}}})),
        (copies(), copies().schema),
    ],
)
def test_a_tool_takes_the_form_of_the_answer_whatever_the_number_of_candidates(request_, schema):
    with LocalServer() as server:
        ask(model_at(server), request_)
    (tool,) = server.bodies[0]["tools"]
    assert tool["input_schema"] == schema
    assert tool.get("strict", False) == (schema == request_.schema)


def test_verdicts_are_written_and_have_no_confidences():
    with LocalServer() as server:
        reply = ask(model_at(server), verdicts())
    assert json.loads(reply.text) == {"1": "yes", "2": "yes"}
    assert reply.confidences == ()


def test_tokens_from_the_prompt_cache_are_counted_apart():
    with LocalServer() as server:
        reply = ask(model_at(server), ids())
    # 30 were read, and 10 more to be put into the prompt cache
    assert reply.usage == Usage(prompt_tokens=40, cached_tokens=60, output_tokens=7, calls=1)


def test_what_a_model_does_not_take_is_left_out():
    def answer(body):
        if "temperature" in body:
            return status(400, "`temperature` is deprecated for this model.")
        if "strict" in body["tools"][0]:
            return status(400, "tools.0.strict: Extra inputs are not permitted")
        return affirm(body)

    warning = pytest.warns(UserWarning, match="does not hold answers to a JSON schema")
    with LocalServer(answer) as server, warning:
        reply = ask(model_at(server), copies())
    assert json.loads(reply.text) == {"entities": ["something"]}


def test_what_may_pass_is_tried_again(monkeypatch):
    monkeypatch.setattr(http_model, "_usual_pause", lambda retries: 0.0)
    faults = [status(529, "Overloaded"), half, garbage, other_json, empty]
    with LocalServer(faults=faults) as server:
        reply = ask(model_at(server), ids())
    assert reply.error == ""
    assert reply.usage.retries == 5
    assert reply.usage.calls == 2


@pytest.mark.parametrize("reason", ["max_tokens", "refusal"])
def test_an_answer_that_was_not_finished_is_an_error(reason):
    def answer(body):
        whole = {**shape("/v1/messages", body, {}), "stop_reason": reason}
        return lambda handler: handler.reply(200, json.dumps(whole))

    with LocalServer(answer) as server:
        reply = ask(model_at(server), ids())
    assert reply.error == f"the answer was not finished (stop reason {reason})"
    assert len(server.bodies) == 1


def test_an_answer_for_which_no_context_is_left_is_asked_with_fewer_exemplars():
    def answer(body):
        whole = shape("/v1/messages", body, affirm(body))
        if EXEMPLARS in body["messages"][0]["content"]:
            whole["stop_reason"] = "model_context_window_exceeded"
        return lambda handler: handler.reply(200, json.dumps(whole))

    with LocalServer(answer) as server:
        reply = ask(model_at(server), verdicts())
    assert reply.error == ""
    assert reply.usage.output_tokens == 14  # of both calls


def test_a_missing_key_stops_the_run_in_one_line(monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(CatalogNERError, match="variable ANTHROPIC_API_KEY is not set"):
        ask(Anthropic("claude"), ids())


def test_the_key_is_in_the_header_and_nowhere_else(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    with LocalServer(faults=[status(401, f"invalid x-api-key {SECRET}")]) as server:
        model = model_at(server)
        failed, answered = ask(model, ids()), ask(model, ids())
        assert SECRET in str(server.headers[0])
    assert failed.error == "HTTP 401: invalid x-api-key ***"
    traces = [repr(model), str(vars(model)), str(answered), json.dumps(model.identity)]
    assert not [trace for trace in traces if SECRET in trace]
    assert SECRET.encode() not in pickle.dumps(model)


def test_a_redirect_to_another_server_takes_no_key_along(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    with LocalServer() as other:

        def redirect(handler):
            handler.reply(307, "", {"location": f"{other.root}/v1/messages"})

        with LocalServer(lambda body: redirect) as server:
            assert not ask(model_at(server), ids()).error
    assert SECRET in str(server.headers)
    assert SECRET not in str(other.headers)
