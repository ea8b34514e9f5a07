"""The base of models behind an HTTP API: key, client, retries, errors without secrets."""

from __future__ import annotations

import json
import os
import random
import re
import warnings
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

from spacy_catalog_ner.errors import CatalogNERError, MissingExtraError
from spacy_catalog_ner.io.per_process import PerProcess
from spacy_catalog_ner.llm.failures import RequestFailed
from spacy_catalog_ner.llm.models.http_failures import (
    RequestRefused,
    TransientFailure,
    UnreadableAnswer,
    failure_of_connection,
    failure_of_response,
)
from spacy_catalog_ner.llm.models.model import SelectionModel, one_line, unexpected
from spacy_catalog_ner.llm.models.optional_parameters import OptionalParameters
from spacy_catalog_ner.llm.models.waiting import call_within, pause
from spacy_catalog_ner.llm.prompt import Reply, Request, Usage

Body = dict[str, Any]
MakeBody = Callable[[Request, OptionalParameters], Body]
Read = Callable[[Body, Request], Reply]


class HttpModel(SelectionModel):
    """Asks a model behind an HTTP API.

    It connects and reads the key at the first request. Connection errors, status 408, 409, 429 and
    5xx, and unreadable answers are retried. A parameter that the server refuses is left out from
    then on.

    Parameters
    ----------
    model, base_url, key_variable, timeout, max_retries
        As of `OpenAICompatible`. If `base_url` is None, it is `default_url`, which needs a key.
    parameters
        Optional parameters to send.
    **shared
        Parameters of `SelectionModel`.
    """

    default_url: ClassVar[str]
    extra: ClassVar[str]

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None,
        key_variable: str,
        timeout: float,
        max_retries: int,
        parameters: OptionalParameters,
        **shared: Any,
    ) -> None:
        super().__init__(model, **shared)
        name = type(self).__name__
        if timeout <= 0 or max_retries < 0:
            raise CatalogNERError(
                f"{name}: expected timeout > 0 and max_retries >= 0, got {timeout} and"
                f" {max_retries}"
            )
        if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", key_variable):
            raise CatalogNERError(
                f"{name}: key_variable must be the name of an environment variable in capitals,"
                " such as OPENAI_API_KEY; if what was given is the key, put it into that variable"
            )
        self.base_url = _check_url(base_url or self.default_url, name)
        self.key_variable = key_variable
        self.timeout = timeout
        self.max_retries = max_retries
        self._needs_key = not base_url
        self._parameters = parameters
        self._client: PerProcess[Any] = PerProcess(self._connect)

    @abstractmethod
    def _headers(self, key: str) -> dict[str, str]:
        """Return the headers of every request."""

    def __str__(self) -> str:
        return f"{type(self).__name__} {self.model} at {self.base_url}"

    def _connect(self) -> Any:
        try:
            import httpx
        except ImportError:
            raise MissingExtraError(type(self).__name__, self.extra) from None
        return httpx.Client(
            headers=self._headers(self._api_key()),
            timeout=self.timeout,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=self.concurrency),
            follow_redirects=True,
            event_hooks={"request": [self._withhold_key]},
        )

    def _withhold_key(self, request: Any) -> None:
        """Remove the key from a request that is redirected to another server or away from TLS."""
        import httpx

        home, url = httpx.URL(self.base_url), request.url
        if url.netloc != home.netloc or (home.scheme == "https" and url.scheme == "http"):
            for header in ("authorization", "x-api-key"):
                request.headers.pop(header, None)

    def _api_key(self) -> str:
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

    def _send(self, path: str, make_body: MakeBody, read: Read, request: Request) -> Reply:
        """Return the answer to a request, or raise `RequestFailed`.

        `path` is below the base URL, `make_body` makes the JSON to send, and `read` takes the
        decoded answer; its `UnreadableAnswer`, `LookupError` and the like are retried.
        """
        spent, retries = Usage(), 0
        while True:
            parameters = self._parameters
            body = {"model": self.model, **make_body(request, parameters)}
            try:
                reply = self._call(path, body, read, request)
                return replace(reply, usage=spent + reply.usage)
            except RequestFailed as err:
                err.usage = spent = spent + err.usage
                if isinstance(err, RequestRefused):
                    named = (err.parameter,) if err.parameter else (str(err), request.context)
                    less = parameters.without(*named)
                    if less == parameters:
                        raise
                    self._leave_out(less, str(err))
                    retries = 0
                elif isinstance(err, TransientFailure) and retries < self.max_retries:
                    pause(err.pause or _usual_pause(retries))
                    retries += 1
                else:
                    raise
                spent += Usage(retries=1)

    def _leave_out(self, less: OptionalParameters, refusal: str) -> None:
        """Send only `less` from now on."""
        losses = self._parameters.describe_losses(less)
        self._parameters = less
        if losses:
            warnings.warn(f"{self}: {losses} ({one_line(refusal)})", stacklevel=2)

    def _call(self, path: str, body: Body, read: Read, request: Request) -> Reply:
        client, url = self._client.get(), self.base_url.rstrip("/") + path
        try:
            response = call_within(self.timeout, lambda: client.post(url, json=body))
            if not response.is_success:
                raise failure_of_response(response.status_code, response.headers, response.text)
            return _read(response.content, read, request)
        except CatalogNERError:
            raise
        except Exception as err:
            failure = err if isinstance(err, RequestFailed) else self._failure(err)
            key = self._secret()
            if key:  # some servers repeat it
                failure.args = (str(failure).replace(key, "***"),)
            raise failure from None

    def _failure(self, err: Exception) -> RequestFailed:
        import httpx

        if isinstance(err, TimeoutError | httpx.TimeoutException):
            return TransientFailure(f"no answer within {self.timeout:g} s")
        return failure_of_connection(err) if isinstance(err, httpx.HTTPError) else unexpected(err)


def get_count(usage: Body | None, name: str) -> int:
    """Return a number of tokens; servers leave out, or give as null, what they do not count."""
    return int((usage or {}).get(name) or 0)


def _usual_pause(retries: int) -> float:
    """Return seconds to wait: 0.5 s, doubled up to 8 s, with jitter."""
    return 0.5 * 2.0 ** min(retries, 4) * random.uniform(0.75, 1)


def _check_url(base_url: str, name: str) -> str:
    try:
        parts = urlsplit(base_url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        # It is not shown: it may be a key, or hold a password.
        raise CatalogNERError(
            f"{name}: base_url must be like http://localhost:8000/v1, with http:// or https:// and"
            " the name of a server"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise CatalogNERError(
            f"{name}: base_url must hold no password and no query, which would end up in saved"
            f" pipelines; give {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path} and"
            " put the key into the environment variable that key_variable names"
        )
    return base_url


def _read(content: bytes, read: Read, request: Request) -> Reply:
    try:
        answer = json.loads(content)
        if not isinstance(answer, dict):
            raise TypeError
        return read(answer, request)
    except (LookupError, TypeError, AttributeError, ValueError):
        # Not cut yet: half a key would not be found and removed
        text = content.decode("utf8", errors="replace")
        raise UnreadableAnswer(f"the answer has an unexpected form: {text!r}") from None
