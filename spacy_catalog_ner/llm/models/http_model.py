"""What models behind an HTTP API share: key, client, retries, errors without secrets."""

from __future__ import annotations

import json
import os
import re
import warnings
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.per_process import PerProcess
from spacy_catalog_ner.llm.failures import RequestFailed
from spacy_catalog_ner.llm.models.accepted import Accepted
from spacy_catalog_ner.llm.models.http_failures import (
    PassingFault,
    RequestRefused,
    UnreadableAnswer,
    failure_of_connection,
    failure_of_response,
)
from spacy_catalog_ner.llm.models.model import SelectionModel, one_line, unexpected
from spacy_catalog_ner.llm.models.waiting import call_within, pause, usual_pause
from spacy_catalog_ner.llm.prompt import Reply, Request, Usage

# Asks the SDKs for the answer as it came.
_RAW = {"X-Stainless-Raw-Response": "true"}


class HttpModel(SelectionModel):
    """Asks an API by its SDK, which is imported and given the key when the first text is asked.

    What may pass is tried again: connection errors, 408, 409, 429 and 5xx, and an answer that is
    none. A server that says how long to wait is not asked before, up to
    `http_failures.LONGEST_PAUSE`.

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
        Seconds that one call may take from looking up the server to the last byte of the answer.
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
        if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", key_variable):
            raise CatalogNERError(
                f"{name}: key_variable must be the name of an environment variable in capitals,"
                " such as OPENAI_API_KEY; if what was given is the key, put it into that variable"
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
        again = 0  # for the sake of a parameter that is refused
        while True:
            accepted = self._accepted
            body = {"model": self.model, **make_body(request, accepted)}
            try:
                reply, retries = self._post(path, body, lambda answer: read(answer, request))
                return replace(reply, usage=reply.usage + Usage(retries=again + retries))
            except RequestFailed as err:
                err.usage += Usage(retries=again)
                if not isinstance(err, RequestRefused):
                    raise
                refusal, text = (
                    (err.parameter, "") if err.parameter else (str(err), request.context)
                )
                less = accepted.without(refusal, text)
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
        retries, spent = 0, Usage()
        while True:
            try:
                reply = self._call(path, body, read)
                return replace(reply, usage=spent + reply.usage), retries
            except RequestFailed as err:
                spent += err.usage  # of an answer that was of no use
                err.usage = spent + Usage(retries=retries)
                if not isinstance(err, PassingFault) or retries >= self.max_retries:
                    raise
                pause(err.pause or usual_pause(retries))
                retries += 1

    def _call(
        self, path: str, body: dict[str, Any], read: Callable[[dict[str, Any]], Reply]
    ) -> Reply:
        client = self._client.get()

        def post() -> bytes:
            # Not by the SDK's methods for each path, which check and convert every field: they
            # take twice the time, which counts where many calls are made at once.
            response = client.post(path, cast_to=object, body=body, options={"headers": _RAW})
            content: bytes = response.http_response.content
            return content

        try:
            return _read(call_within(self.timeout, post), read)
        except CatalogNERError:
            raise
        except Exception as err:
            failure = err if isinstance(err, RequestFailed) else self._failure(err)
            failure.args = (self._scrub(str(failure)),)
            raise failure from None

    def _failure(self, err: Exception) -> RequestFailed:
        """Turn an error of the SDK, or one that nobody expected, into ours."""
        response = getattr(err, "response", None)
        if response is not None:
            return failure_of_response(response)
        if "Timeout" in type(err).__name__:
            return PassingFault(f"no answer within {self.timeout:g} s")
        return failure_of_connection(err) if hasattr(err, "request") else unexpected(err)

    def _scrub(self, reason: str) -> str:
        """Take the key out of what a server says: some repeat it."""
        key = self._secret()
        return reason.replace(key, "***") if key else reason


def count(usage: dict[str, Any] | None, name: str) -> int:
    """Return a number of tokens; servers leave out, or give as null, what they do not count."""
    return int((usage or {}).get(name) or 0)


def _checked(base_url: str, name: str) -> str:
    try:
        parts = urlsplit(base_url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        # It is not repeated: it may be a key, or hold a password.
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
