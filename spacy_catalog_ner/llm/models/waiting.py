"""Waiting that ends with the run, so that a server that hangs holds nothing up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, TypeVar

from spacy_catalog_ner.errors import CatalogNERError

T = TypeVar("T")

_of_thread = threading.local()


def end_with(stop: Future[Any]) -> None:
    """End all waiting on this thread once `stop` is done."""
    _of_thread.stop = stop


def call_within(seconds: float, call: Callable[[], T]) -> T:
    """Return what `call` returns.

    HTTP clients limit the time to the next piece of an answer, not the time of a whole answer or of
    the DNS look-up. So the call runs on a thread of its own, which is abandoned if it takes longer.

    Raises
    ------
    TimeoutError
        If it takes longer.
    CatalogNERError
        If the run that this thread works for was stopped.
    """
    result: Future[T] = Future()
    threading.Thread(target=_settle, args=(result, call), daemon=True).start()
    _wait(seconds, result)
    return result.result(timeout=0)


def pause(seconds: float) -> None:
    """Wait; raise a `CatalogNERError` if the run that this thread works for is stopped."""
    _wait(seconds, Future())


def _settle(result: Future[T], call: Callable[[], T]) -> None:
    try:
        result.set_result(call())
    except BaseException as err:
        result.set_exception(err)


def _wait(seconds: float, future: Future[Any]) -> None:
    stop = getattr(_of_thread, "stop", None)
    wait([future] if stop is None else [future, stop], seconds, FIRST_COMPLETED)
    if stop is not None and stop.done() and not future.done():
        raise CatalogNERError("the run was stopped")
