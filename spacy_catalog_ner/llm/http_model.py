"""What models behind an HTTP API share: key, client, retries, errors without secrets."""

from __future__ import annotations

import json
import os
import time
import warnings
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.llm.accepted import Accepted
from spacy_catalog_ner.llm.failures import PromptTooLong, RequestFailed
from spacy_catalog_ner.llm.model import SelectionModel, one_line
from spacy_catalog_ner.llm.prompt import Reply, Request, Usage
from spacy_catalog_ner.per_process import PerProcess

# By these OpenAI, llama.cpp, vLLM and Anthropic say that a prompt is longer than the context.
_TOO_LONG = (
    "context_length_exceeded",
    "exceed_context_size_error",
    "maximum context length",
    "prompt is too long",
    "request_too_large",
)
# Asks the SDKs for the answer as it came, with the number of retries.
_RAW = {"X-Stainless-Raw-Response": "true"}
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0  # seconds, as the SDKs wait


class RequestRefused(RequestFailed):
    """The server does not take the request as it is: asking again in the same way is of no use."""


class UnreadableAnswer(Exception):  # noqa: N818  (as RequestFailed)
    """There is an answer, but nothing can be made of it: asking again may help."""


class HttpModel(SelectionModel):
    """Asks an API by its SDK, which is imported and given the key when the first text is asked.

    The SDK repeats what fails on the way (connection errors, 408, 409, 429 and 5xx, after the time
    that the server asks for). An answer that is no answer is asked for again here.

    Parameters
    ----------
    model
        The model's name at the server.
    base_url
        The API's address.
    needs_key
        Whether the server cannot be used without a key.
    key_variable
        Environment variable that holds the key. The key is read from there for each connection
        and kept nowhere else.
    timeout
        Seconds to wait for a connection and for each part of an answer.
    max_retries
        How many times to ask again for one answer.
    accepted
        Parameters to send that not every server takes. What the server refuses is left out from
        then on.
    **shared
        Parameters of `SelectionModel`.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str,
        needs_key: bool,
        key_variable: str,
        timeout: float,
        max_retries: int,
        accepted: Accepted,
        **shared: Any,
    ) -> None:
        super().__init__(model, **shared)
        name = type(self).__name__
        if timeout <= 0 or max_retries < 0:
            raise CatalogNERError(
                f"{name}: expected timeout > 0 and max_retries >= 0, got {timeout} and"
                f" {max_retries}"
            )
        self.base_url = _checked(base_url, name)
        self.key_variable = key_variable
        self.timeout = timeout
        self.max_retries = max_retries
        self._accepted = accepted
        self._needs_key = needs_key
        self._client: PerProcess[Any] = PerProcess(self._connect)

    @abstractmethod
    def _connect(self) -> Any:
        """Make the SDK's client."""

    def __str__(self) -> str:
        return f"{type(self).__name__} {self.model} at {self.base_url}"

    def _api_key(self) -> str:
        """Return the API key.

        Raises
        ------
        CatalogNERError
            If there is none and the server needs one, or if it cannot be one.
        """
        key = self._secret()
        if not key and self._needs_key:
            raise CatalogNERError(
                f"{self}: the environment variable {self.key_variable} is not set; set it to your"
                " API key, or give the base_url of a server that needs none"
            )
        if not (key.isascii() and key.isprintable()):
            raise CatalogNERError(
                f"{self}: the environment variable {self.key_variable} holds characters that no"
                " API key has; set it to the key alone"
            )
        return key or "none"

    def _secret(self) -> str:
        return os.environ.get(self.key_variable, "").strip()

    def _send(
        self,
        path: str,
        make_body: Callable[[Request, Accepted], dict[str, Any]],
        read: Callable[[dict[str, Any], Request], Reply],
        request: Request,
    ) -> Reply:
        """Ask until there is an answer that can be read, if need be without what is refused.

        Parameters
        ----------
        path
            Where to, below the base URL.
        make_body
            Makes what is sent as JSON, of those parameters that the server accepts.
        read
            Takes the decoded answer. `UnreadableAnswer`, and the errors of an answer that has
            another form than expected, mean that it is to be asked for again.
        request
            What is asked.

        Raises
        ------
        RequestFailed
            If there is no answer.
        """
        again = 0
        while True:
            accepted = self._accepted
            body = {"model": self.model, **make_body(request, accepted)}
            try:
                reply, retries = self._post(path, body, lambda answer: read(answer, request))
                return replace(reply, usage=reply.usage + Usage(retries=again + retries))
            except RequestFailed as err:
                err.usage += Usage(retries=again)
                less = accepted.without(str(err)) if isinstance(err, RequestRefused) else accepted
                if less == accepted:
                    raise
                self._give_up(less, str(err))
                again = err.usage.retries + 1

    def _give_up(self, less: Accepted, refusal: str) -> None:
        """Ask with `less` from now on."""
        losses = self._accepted.losses(less)
        self._accepted = less
        if losses:
            warnings.warn(f"{self}: {'; '.join(losses)} ({one_line(refusal)})", stacklevel=2)

    def _post(
        self, path: str, body: dict[str, Any], read: Callable[[dict[str, Any]], Reply]
    ) -> tuple[Reply, int]:
        """Return what `read` makes of the answer, and how many calls had to be made again."""
        retries = 0
        while True:
            options = {"headers": _RAW, "max_retries": self.max_retries - retries}
            try:
                client = self._client.get()
                # Not by the SDK's methods for each path, which check and convert every field:
                # they take twice the time, which counts where many calls are made at once.
                response = client.post(path, cast_to=object, body=body, options=options)
                retries += response.retries_taken
                return _read(response.http_response.content, read), retries
            except UnreadableAnswer as err:
                if retries >= self.max_retries:
                    raise RequestFailed(self._scrub(str(err)), Usage(retries=retries)) from None
                time.sleep(min(_FIRST_WAIT * 2**retries, _LONGEST_WAIT))
                retries += 1
            except RequestFailed as err:
                spent = err.usage + Usage(retries=retries)
                raise type(err)(self._scrub(str(err)), spent) from None
            except Exception as err:
                raise self._failure(err, retries) from None

    def _failure(self, err: Exception, retries: int) -> Exception:
        """Turn an error of the SDK, or one that nobody expected, into ours."""
        if isinstance(err, CatalogNERError):
            return err
        request, response = getattr(err, "request", None), getattr(err, "response", None)
        if request is None:
            reason = self._scrub(f"{type(err).__name__}: {err}")
            return RequestFailed(reason, Usage(retries=retries))
        usage = Usage(retries=retries + int(request.headers.get("x-stainless-retry-count", 0)))
        if response is None:
            timed_out = "Timeout" in type(err).__name__
            reason = f"no answer within {self.timeout:g} s" if timed_out else _cause(err)
            return RequestFailed(self._scrub(reason), usage)
        reason = self._scrub(f"HTTP {response.status_code}: {_message(response.text)}")
        if any(sign in response.text for sign in _TOO_LONG):
            return PromptTooLong(reason, usage)
        kind = RequestRefused if response.status_code in (400, 422) else RequestFailed
        return kind(reason, usage)

    def _scrub(self, reason: str) -> str:
        """Take the key out of what a server says: some repeat it."""
        key = self._secret()
        return reason.replace(key, "***") if key else reason


def count(usage: dict[str, Any] | None, name: str) -> int:
    """Return a number of tokens; servers leave out, or give as null, what they do not count."""
    return int((usage or {}).get(name) or 0)


def _checked(base_url: str, name: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CatalogNERError(
            f"{name}: base_url must be like http://localhost:8000/v1, got {base_url!r}"
        )
    if parts.username or parts.password or parts.query:
        raise CatalogNERError(
            f"{name}: base_url must hold no password and no query, which would end up in saved"
            f" pipelines; give {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path} and"
            " put the key into the environment variable that key_variable names"
        )
    return base_url


def _read(content: bytes, read: Callable[[dict[str, Any]], Reply]) -> Reply:
    try:
        answer = json.loads(content)
        if not isinstance(answer, dict):
            raise TypeError
        return read(answer)
    except (LookupError, TypeError, AttributeError, ValueError):
        # Whole: the key is taken out before it is cut, since half a key would not be found
        text = content.decode("utf8", errors="replace")
        raise UnreadableAnswer(f"the answer has an unexpected form: {text!r}") from None


def _cause(err: BaseException) -> str:
    """Say why there is no connection, in the words of whatever is at the bottom of it."""
    while err.__cause__ is not None:
        err = err.__cause__
    return f"connection failed: {err or type(err).__name__}"


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
