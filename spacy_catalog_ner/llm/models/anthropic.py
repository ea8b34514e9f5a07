"""`spacy_catalog_ner.Anthropic.v1`: a Claude model behind Anthropic's API."""

from __future__ import annotations

import json
from typing import Any

from spacy_catalog_ner.llm.failures import PromptTooLong, TextFault
from spacy_catalog_ner.llm.models.http_failures import UnreadableAnswer
from spacy_catalog_ner.llm.models.http_model import Body, HttpModel, get_count
from spacy_catalog_ner.llm.models.optional_parameters import OptionalParameters
from spacy_catalog_ner.llm.prompt import Reply, Request, Usage

_TOOL = "answer"
_CALL_TOKENS = 64  # what calling a tool takes besides its input


class Anthropic(HttpModel):
    """Asks a Claude model, which answers by the input of a tool and gives no probabilities.

    What all texts share, the tool included, is marked for Anthropic's prompt cache, which works
    from about a thousand tokens on. API: https://docs.anthropic.com/en/api/messages

    Parameters
    ----------
    model
        The model's name.
    key_variable
        Environment variable that holds the key, which is kept nowhere else.
    base_url
        Address of another server of the same form, which needs no key; Anthropic's if None.
    concurrency, timeout, max_retries, max_failures, cache
        As of `OpenAICompatible`.
    """

    default_url = "https://api.anthropic.com"
    extra = "anthropic"

    def __init__(
        self,
        model: str,
        key_variable: str = "ANTHROPIC_API_KEY",
        base_url: str | None = None,
        concurrency: int = 4,
        timeout: float = 60.0,
        max_retries: int = 5,
        max_failures: int = 10,
        cache: str | None = None,
    ) -> None:
        super().__init__(
            model,
            base_url=base_url,
            key_variable=key_variable,
            timeout=timeout,
            max_retries=max_retries,
            parameters=OptionalParameters(top_tokens=0, schema=True),
            concurrency=concurrency,
            max_failures=max_failures,
            cache=cache,
        )

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that can change an answer."""
        return {"kind": "Anthropic", "model": self.model, "base_url": self.base_url}

    def _headers(self, key: str) -> dict[str, str]:
        return {"x-api-key": key, "anthropic-version": "2023-06-01"}

    def _ask(self, request: Request) -> Reply:
        return self._send("/v1/messages", _make_body, _read_message, request)


def _make_body(request: Request, parameters: OptionalParameters) -> Body:
    body: Body = {
        "max_tokens": request.max_tokens + _CALL_TOKENS,
        "messages": [{"role": "user", "content": request.context + request.closing}],
    }
    if parameters.temperature:
        body["temperature"] = 0
    if request.static:
        cached = {"cache_control": {"type": "ephemeral"}}
        body["system"] = [{"type": "text", "text": request.static, **cached}]
    if request.schema:
        schema = _schema_of_any_text(request)
        tool: Body = {"name": _TOOL, "description": "Takes the answer.", "input_schema": schema}
        if parameters.schema and schema == request.schema:
            tool["strict"] = True  # an object then has only the keys that are named
        body["tools"] = [tool]
        body["tool_choice"] = {"type": "tool", "name": _TOOL, "disable_parallel_tool_use": True}
    return body


def _schema_of_any_text(request: Request) -> Body:
    """Return the schema without the number of candidates.

    Tools come first in the prompt cache: one that changes with the text would invalidate the rest.
    """
    if request.questions:
        verdict = {"type": "string", "enum": list(request.answers)}
        return {"type": "object", "additionalProperties": verdict}
    schema = request.schema or {}
    if "ids" not in schema.get("properties", {}):
        return schema
    return {**schema, "properties": {"ids": {"type": "array", "items": {"type": "integer"}}}}


def _read_message(answer: Body, request: Request) -> Reply:
    used, reason = answer.get("usage"), answer.get("stop_reason")
    usage = Usage(
        get_count(used, "input_tokens") + get_count(used, "cache_creation_input_tokens"),
        get_count(used, "cache_read_input_tokens"),
        get_count(used, "output_tokens"),
        calls=1,
    )
    if reason == "model_context_window_exceeded":
        raise PromptTooLong("the prompt leaves too little of the context for the answer", usage)
    if reason in ("max_tokens", "refusal"):
        raise TextFault(f"the answer was not finished (stop reason {reason})", usage)
    blocks = answer["content"]
    written = [json.dumps(block["input"]) for block in blocks if block["type"] == "tool_use"]
    written += [block["text"] for block in blocks if block["type"] == "text"]
    if not any(text.strip() for text in written):
        raise UnreadableAnswer("the answer is empty", usage=usage)
    return Reply(request, text=written[0], usage=usage)
