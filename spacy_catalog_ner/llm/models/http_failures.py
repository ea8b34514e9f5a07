"""How an HTTP API fails: what the errors of servers and connections mean."""

from __future__ import annotations

import json
from typing import Any

from spacy_catalog_ner.llm.failures import PromptTooLong, RequestFailed, TextFault
from spacy_catalog_ner.llm.models.waiting import requested_pause
from spacy_catalog_ner.llm.prompt import Usage

# By these OpenAI, llama.cpp, vLLM and Anthropic say that a prompt is longer than the context.
_TOO_LONG = (
    "context_length_exceeded",
    "exceed_context_size_error",
    "longer than the maximum model length",
    "maximum context length",
    "prompt is too long",
    "request_too_large",
)
_PASSING = (408, 409, 429)  # and 5xx

LONGEST_PAUSE = 600.0
"""Seconds that a server may ask to be left alone for; if it asks for more, it is not asked again.
"""


class RequestRefused(TextFault):
    """The server does not take the request as it is: asking again in the same way is of no use.

    Parameters
    ----------
    reason
        What it said.
    parameter
        The parameter that it named; empty if none.
    """

    def __init__(self, reason: str, parameter: str) -> None:
        super().__init__(reason)
        self.parameter = parameter


class PassingFault(RequestFailed):
    """Asking again may help.

    Parameters
    ----------
    reason
        Why there is no answer.
    pause
        Seconds to wait before, as the server asks for; 0 where it does not.
    usage
        What trying has cost.
    """

    def __init__(self, reason: str, pause: float = 0.0, usage: Usage = Usage()) -> None:  # noqa: B008
        super().__init__(reason, usage)
        self.pause = pause


class UnreadableAnswer(PassingFault):
    """There is an answer, but nothing can be made of it."""


def failure_of_response(response: Any) -> RequestFailed:
    """Return the failure that an answer with an error status means.

    Parameters
    ----------
    response
        With ``status_code``, ``headers`` and ``text``.
    """
    status = response.status_code
    reason = f"HTTP {status}: {_message(response.text)}"
    if any(sign in response.text for sign in _TOO_LONG):
        return PromptTooLong(reason)
    if status in (400, 413, 422):
        return RequestRefused(reason, _parameter(response.text))
    if status not in _PASSING and status < 500:
        return RequestFailed(reason)
    seconds = requested_pause(response.headers)
    if seconds > LONGEST_PAUSE:
        wait = f"the server asks to wait {seconds:.0f} s, and {LONGEST_PAUSE:.0f} s is the most"
        return RequestFailed(f"{wait} ({reason})")
    return PassingFault(reason, seconds)


def failure_of_connection(err: BaseException) -> PassingFault:
    """Say why there is no connection, in the words of whatever is at the bottom of it."""
    while err.__cause__ is not None:
        err = err.__cause__
    return PassingFault(f"connection failed: {err or type(err).__name__}")


def _parameter(text: str) -> str:
    """Find the parameter that an error of OpenAI's form names in a field of its own."""
    try:
        body = json.loads(text)
        return str(body.get("error", body)["param"] or "")
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""


def _message(text: str) -> str:
    """Find the message in the body of an error, as servers write it in several forms."""
    try:
        body = json.loads(text)
    except ValueError:
        return text
    while isinstance(body, dict):
        inner = next((body[key] for key in ("error", "message", "detail") if body.get(key)), None)
        if inner is None:
            break
        body = inner
    return body if isinstance(body, str) else json.dumps(body)
