"""`spacy_catalog_ner.Anthropic.v1`: a Claude model behind Anthropic's API."""

from __future__ import annotations

import json
from typing import Any

from spacy_catalog_ner.errors import MissingExtraError
from spacy_catalog_ner.llm.failures import PromptTooLong, TextFault
from spacy_catalog_ner.llm.models.accepted import Accepted
from spacy_catalog_ner.llm.models.http_failures import UnreadableAnswer
from spacy_catalog_ner.llm.models.http_model import HttpModel, count
from spacy_catalog_ner.llm.prompt import Reply, Request, Usage

DEFAULT_URL = "https://api.anthropic.com"
_TOOL = "answer"
_CALL_TOKENS = 64  # what calling a tool takes besides its input


def make_anthropic(
    model: str,
    key_variable: str = "ANTHROPIC_API_KEY",
    base_url: str | None = None,
    concurrency: int = 4,
    timeout: float = 60.0,
    max_retries: int = 5,
    max_failures: int = 10,
    cache: str | None = None,
) -> Anthropic:
    """Make the model registered as ``spacy_catalog_ner.Anthropic.v1``.

    Parameters
    ----------
    model
        The model's name.
    key_variable
        Environment variable that holds the key, which is kept nowhere else.
    base_url
        Address of another server of the same form, which needs no key; Anthropic's if None.
    concurrency
        How many requests are in flight at once.
    timeout
        Seconds that one call may take from looking up the server to the last byte of the answer.
    max_retries
        How many times to ask again for one answer, if a fault may pass. A server that says how
        long to wait is not asked before, unless that is more than ten minutes: then it fails.
    max_failures
        How many texts in a row may finally fail, not for a reason of their own, before the run is
        stopped.
    cache
        File of the response cache, made if it does not exist; none is used if None.
    """
    return Anthropic(
        model,
        key_variable=key_variable,
        base_url=base_url,
        concurrency=concurrency,
        timeout=timeout,
        max_retries=max_retries,
        max_failures=max_failures,
        cache=cache,
    )


class Anthropic(HttpModel):
    """Asks a Claude model, which answers by the input of a tool and gives no probabilities.

    What all texts have in common, the tool included, is marked for Anthropic's prompt cache, which
    takes it from a thousand tokens or more on, depending on the model. Parameters are those of
    `make_anthropic`.
    """

    def __init__(
        self,
        model: str,
        *,
        key_variable: str = "ANTHROPIC_API_KEY",
        base_url: str | None = None,
        concurrency: int = 4,
        timeout: float = 60.0,
        max_retries: int = 5,
        **shared: Any,
    ) -> None:
        super().__init__(
            model,
            base_url=base_url or DEFAULT_URL,
            needs_key=not base_url,
            key_variable=key_variable,
            concurrency=concurrency,
            timeout=timeout,
            max_retries=max_retries,
            accepted=Accepted(top_tokens=0, schema=True),
            **shared,
        )

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that can change an answer."""
        return {"kind": "Anthropic", "model": self.model, "base_url": self.base_url}

    def _connect(self) -> Any:
        try:
            import anthropic
        except ImportError:
            raise MissingExtraError("Anthropic", "anthropic") from None
        return anthropic.Anthropic(
            api_key=self._api_key(),
            base_url=self.base_url,
            timeout=self.timeout,
            max_retries=0,  # what may pass is tried again for all APIs alike
        )

    def _ask(self, request: Request) -> Reply:
        return self._send("/v1/messages", self._body, _read_message, request)

    def _body(self, request: Request, accepted: Accepted) -> dict[str, Any]:
        body: dict[str, Any] = {
            "max_tokens": request.max_tokens + _CALL_TOKENS,
            "messages": [{"role": "user", "content": request.context + request.closing}],
        }
        if accepted.temperature:
            body["temperature"] = 0
        if request.static:
            cached = {"cache_control": {"type": "ephemeral"}}
            body["system"] = [{"type": "text", "text": request.static, **cached}]
        if request.schema:
            body["tools"] = [_tool(request, accepted)]
            choice = {"type": "tool", "name": _TOOL, "disable_parallel_tool_use": True}
            body["tool_choice"] = choice
        return body


def _tool(request: Request, accepted: Accepted) -> dict[str, Any]:
    schema = _same_for_all_texts(request)
    tool = {"name": _TOOL, "description": "Takes the answer.", "input_schema": schema}
    # In strict mode an object has no keys but those that are named.
    is_strict = accepted.schema and schema == request.schema
    return {**tool, "strict": True} if is_strict else tool


def _same_for_all_texts(request: Request) -> Any:
    """Return the schema without the number of candidates.

    Tools stand before all else in what the prompt cache knows: one that changes from text to text
    would have everything read anew.
    """
    if request.questions:
        verdict = {"type": "string", "enum": list(request.answers)}
        return {"type": "object", "additionalProperties": verdict}
    schema = request.schema or {}
    if "ids" not in schema.get("properties", {}):
        return schema
    ids = {"type": "array", "items": {"type": "integer"}}
    return {**schema, "properties": {"ids": ids}}


def _read_message(answer: dict[str, Any], request: Request) -> Reply:
    usage = _usage(answer.get("usage"))
    reason = answer.get("stop_reason")
    if reason == "model_context_window_exceeded":
        raise PromptTooLong("the prompt leaves too little of the context for the answer", usage)
    if reason in ("max_tokens", "refusal"):
        # The input of a tool that was cut off is not what the model meant.
        raise TextFault(f"the answer was not finished (stop reason {reason})", usage)
    blocks = answer["content"]
    written = [json.dumps(block["input"]) for block in blocks if block["type"] == "tool_use"]
    written += [block["text"] for block in blocks if block["type"] == "text"]
    if not any(text.strip() for text in written):
        raise UnreadableAnswer("the answer is empty", usage=usage)
    return Reply(request, text=written[0], usage=usage)


def _usage(usage: dict[str, Any] | None) -> Usage:
    return Usage(
        prompt_tokens=count(usage, "input_tokens") + count(usage, "cache_creation_input_tokens"),
        cached_tokens=count(usage, "cache_read_input_tokens"),
        output_tokens=count(usage, "output_tokens"),
        calls=1,
    )
