"""The base of all models: order, concurrency, shortening, response cache, failures."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    InvalidStateError,
    ThreadPoolExecutor,
    wait,
)
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Iterable  # noqa: UP035  (spacy-llm compares annotations with typing's)

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.per_process import PerProcess
from spacy_catalog_ner.llm.failures import (
    CircuitBreaker,
    ModelUnavailableError,
    PromptTooLong,
    RequestFailed,
    TextFault,
)
from spacy_catalog_ner.llm.models.waiting import end_with
from spacy_catalog_ner.llm.prompt import Answer, Prompt, Reply, Request, Usage
from spacy_catalog_ner.llm.response_cache import ResponseCache

_AHEAD = 8  # requests to submit beyond the oldest open one, per thread, so that none is idle
_LONGEST_REASON = 300  # characters
_READING = 1  # part of every cache key: raise it if answers are parsed differently


class SelectionModel(ABC):
    """Answers prompts in order, with several requests in flight; a failed one affects no other.

    Subclasses implement `_ask` and `identity`, and hold connections in `PerProcess`, so that
    processes can be spawned and forked.

    Parameters
    ----------
    model
        The model's name, for messages and the response cache.
    concurrency
        Requests in flight at once; with 1 no thread is started.
    max_failures
        Failed texts in a row that stop the run with `ModelUnavailableError`. Those that fail for
        a reason of their own, such as their length, don't count.
    cache
        File of the response cache, made if it does not exist; None for no cache.
    """

    def __init__(
        self,
        model: str,
        *,
        concurrency: int = 1,
        max_failures: int = 10,
        cache: str | Path | None = None,
    ) -> None:
        for name, value in (("concurrency", concurrency), ("max_failures", max_failures)):
            if value < 1:
                raise CatalogNERError(
                    f"{type(self).__name__}: {name} must be at least 1, got {value}"
                )
        self.model = model
        self.concurrency = concurrency
        self.max_failures = max_failures
        self._cache = None if cache is None else ResponseCache(cache)
        self._breaker = PerProcess(partial(CircuitBreaker, max_failures))

    @property
    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Settings that can change an answer, without secrets; JSON-serialisable."""

    @abstractmethod
    def _ask(self, request: Request) -> Reply:
        """Answer one request.

        Raises
        ------
        PromptTooLong
            If it does not fit: it is repeated with fewer exemplars.
        RequestFailed
            If there is no answer.
        CatalogNERError
            If the settings are wrong, so that no request can be answered.
        """

    def __str__(self) -> str:
        return f"{type(self).__name__} {self.model}"

    def __call__(self, prompts: Iterable[Iterable[Any]]) -> Iterable[Iterable[Any]]:
        """Yield a list of `Answer` for each document, in order.

        Parameters
        ----------
        prompts
            For each document a list of `Prompt`, as spacy-llm gives them; read as needed.

        Raises
        ------
        ModelUnavailableError
            If `max_failures` texts in a row have failed, or the settings are wrong. Any other
            failure is a reply with an `error`.
        """
        groups = ([_requests(prompt) for prompt in group] for group in prompts)
        if self.concurrency == 1:
            return ([self._answer(prompt) for prompt in group] for group in groups)
        return self._answer_concurrently(groups)

    def _answer(self, requests: Iterable[Request]) -> Answer:
        text = object()
        return Answer(tuple(self._reply(request, text) for request in requests))

    def _answer_concurrently(
        self, groups: Iterable[list[tuple[Request, ...]]]
    ) -> Iterator[list[Answer]]:
        stop: Future[Reply] = Future()  # fails with the error that stops the run

        def reply(request: Request, text: object) -> Reply:
            if stop.done():  # requests still in the queue are dropped
                return stop.result()
            try:
                return self._reply(request, text)
            except CatalogNERError as err:
                _fail(stop, err)
                return stop.result()

        def submit(requests: Iterable[Request]) -> list[Future[Reply]]:
            text = object()
            return [pool.submit(reply, request, text) for request in requests]

        pool = ThreadPoolExecutor(
            self.concurrency, "catalog-ner-llm", initializer=end_with, initargs=(stop,)
        )
        waiting: deque[list[list[Future[Reply]]]] = deque()
        try:
            for group in groups:
                waiting.append([submit(requests) for requests in group])
                while waiting and (_is_done(waiting[0]) or self._is_far_ahead(waiting)):
                    yield _collect(waiting.popleft(), stop)
            while waiting:
                yield _collect(waiting.popleft(), stop)
        finally:
            _fail(stop, CatalogNERError("the run was left"))
            pool.shutdown(wait=False, cancel_futures=True)

    def _is_far_ahead(self, waiting: Iterable[list[list[Future[Reply]]]]) -> bool:
        submitted = sum(len(futures) for group in waiting for futures in group)
        return submitted >= self.concurrency * (1 + _AHEAD)

    def _reply(self, request: Request, text: object) -> Reply:
        """Answer a request from the cache or the model; raise only what stops the run.

        `text` identifies the text that the request belongs to.
        """
        key = self._cache_key(request)
        stored = self._cache.get(key) if self._cache else None
        if stored is not None:
            self._breaker.get().has_succeeded = True  # the settings are right
            return _recall(request, stored)
        try:
            reply, cuts = self._ask_until_it_fits(request)
        except RequestFailed as err:
            reason = one_line(str(err))
            breaker = self._breaker.get()
            if not (isinstance(err, TextFault) and breaker.has_succeeded):
                breaker.failed(text, str(self), reason)
            return Reply(request, usage=err.usage, error=reason)
        except ModelUnavailableError:
            raise
        except CatalogNERError as err:  # wrong settings, which every text would fail on
            raise ModelUnavailableError(str(err)) from err
        self._breaker.get().succeeded()
        if self._cache:
            stored = {"confidences": reply.confidences, "text": reply.text, "cuts": cuts}
            self._cache.put(key, self.model, stored)
        return reply

    def _ask_until_it_fits(self, request: Request) -> tuple[Reply, int]:
        """Return the reply and how often the request was shortened, or raise `RequestFailed`."""
        spent, cuts = Usage(), 0
        while True:
            try:
                reply = self._ask(request)
                return replace(reply, usage=spent + reply.usage), cuts
            except RequestFailed as err:
                spent += err.usage
                shorter = request.shorter() if isinstance(err, PromptTooLong) else None
                if shorter is None:
                    err.usage = spent
                    raise
                request, cuts = shorter, cuts + 1
            except CatalogNERError:
                raise
            except Exception as err:  # fails this text only
                raise unexpected(err, spent) from err

    def _cache_key(self, request: Request) -> str:
        """Hash everything that the answer to a request depends on."""
        if self._cache is None:
            return ""
        names = "static", "context", "questions", "closing", "schema", "max_tokens", "answers"
        parts = [_READING, self.identity, *(getattr(request, name) for name in names)]
        # ASCII, since a text may hold half of a surrogate pair, which UTF-8 cannot encode
        return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()


def one_line(reason: str) -> str:
    """Return a reason on one line, shortened to 300 characters."""
    reason = " ".join(reason.split())
    return reason if len(reason) <= _LONGEST_REASON else reason[:_LONGEST_REASON] + " ..."


def unexpected(err: Exception, usage: Usage = Usage()) -> RequestFailed:  # noqa: B008  (immutable)
    """Turn an unexpected error into a failure of the request."""
    # A text may hold half of a surrogate pair, which UTF-8 cannot encode
    kind = TextFault if isinstance(err, UnicodeEncodeError) else RequestFailed
    return kind(f"{type(err).__name__}: {err}", usage)


def _requests(prompt: Any) -> tuple[Request, ...]:
    if not isinstance(prompt, Prompt):
        raise CatalogNERError(
            f"expected a prompt of a spacy_catalog_ner task, got {type(prompt).__name__}: use the"
            " model with spacy_catalog_ner.SemanticFilter.v1 or DirectExtraction.v1"
        )
    return prompt.requests


def _is_done(group: list[list[Future[Reply]]]) -> bool:
    return all(future.done() for futures in group for future in futures)


def _collect(group: list[list[Future[Reply]]], stop: Future[Reply]) -> list[Answer]:
    return [Answer(tuple(_result(future, stop) for future in futures)) for futures in group]


def _fail(stop: Future[Reply], err: CatalogNERError) -> None:
    with suppress(InvalidStateError):  # already stopped
        stop.set_exception(err)


def _result(future: Future[Reply], stop: Future[Reply]) -> Reply:
    """Wait for a reply or the end of the run."""
    wait((future, stop), return_when=FIRST_COMPLETED)
    return (future if future.done() else stop).result()


def _recall(request: Request, stored: dict[str, Any]) -> Reply:
    for _ in range(stored["cuts"]):
        request = request.shorter() or request
    confidences = tuple(stored["confidences"])
    return Reply(request, confidences, stored["text"], Usage(cache_hits=1))
