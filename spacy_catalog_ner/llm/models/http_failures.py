"""What the errors of HTTP servers and connections mean."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any

from spacy_catalog_ner.llm.failures import PromptTooLong, RequestFailed, TextFault
from spacy_catalog_ner.llm.prompt import Usage

# How OpenAI, llama.cpp, vLLM and Anthropic say that a prompt is longer than the context
_TOO_LONG = (
    "context_length_exceeded",
    "exceed_context_size_error",
    "longer than the maximum model length",
    "maximum context length",
    "prompt is too long",
    "request_too_large",
)
_TRANSIENT = (408, 409, 429)  # and 5xx
_LONGEST_PAUSE = 600.0  # seconds; a server that asks for more is not asked again


class RequestRefused(TextFault):
    """The server does not take the request as it is; `parameter` is what it names, if anything."""

    def __init__(self, reason: str, parameter: str) -> None:
        super().__init__(reason)
        self.parameter = parameter


class TransientFailure(RequestFailed):
    """The same request may succeed later; `pause` are the seconds the server asks to wait, or 0."""

    def __init__(self, reason: str, pause: float = 0.0, usage: Usage = Usage()) -> None:  # noqa: B008
        super().__init__(reason, usage)
        self.pause = pause


class UnreadableAnswer(TransientFailure):
    """The answer cannot be read."""


def failure_of_response(status: int, headers: Mapping[str, str], text: str) -> RequestFailed:
    """Return the failure that a response with an error status means."""
    body = _parse(text)
    reason = f"HTTP {status}: {_find_message(body, text)}"
    if any(sign in text for sign in _TOO_LONG):
        return PromptTooLong(reason)
    if status in (400, 413, 422):
        return RequestRefused(reason, _find_parameter(body))
    if status not in _TRANSIENT and status < 500:
        return RequestFailed(reason)
    seconds = _requested_pause(headers)
    if seconds > _LONGEST_PAUSE:
        wait = f"the server asks to wait {seconds:.0f} s, and {_LONGEST_PAUSE:.0f} s is the most"
        return RequestFailed(f"{wait} ({reason})")
    return TransientFailure(reason, seconds)


def failure_of_connection(err: BaseException) -> TransientFailure:
    """Return the failure of a connection, with the innermost error as its reason."""
    while err.__cause__ is not None:
        err = err.__cause__
    return TransientFailure(f"connection failed: {err or type(err).__name__}")


def _requested_pause(headers: Mapping[str, str]) -> float:
    """Return how many seconds a server asks to wait; 0 if it does not say."""
    for name, parts in (("retry-after-ms", 1000), ("retry-after", 1)):
        with suppress(LookupError, ValueError):
            return max(0.0, float(headers[name]) / parts)
    with suppress(LookupError, ValueError):
        return max(0.0, parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time())
    return 0.0


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _find_parameter(body: Any) -> str:
    """Return the parameter that an error of OpenAI's form names in a field of its own."""
    with suppress(LookupError, TypeError, AttributeError):
        return str(body.get("error", body)["param"] or "")
    return ""


def _find_message(body: Any, text: str) -> str:
    """Return the message in the body of an error; servers nest it in several ways."""
    if body is None:
        return text
    while isinstance(body, dict):
        inner = next((body[key] for key in ("error", "message", "detail") if body.get(key)), None)
        if inner is None:
            break
        body = inner
    return body if isinstance(body, str) else json.dumps(body)
