"""Waiting for answers, and for the time at which a server may be asked again.

What waits on a thread of a run ends with the run, so that a server that hangs holds nothing up.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from spacy_catalog_ner.errors import CatalogNERError

T = TypeVar("T")

_FIRST_WAIT, _DOUBLINGS = 0.5, 4  # the first in seconds, and how often it is doubled
_of_thread = threading.local()


def end_with(stop: Future[Any]) -> None:
    """Let nothing wait on this thread any longer once `stop` is done."""
    _of_thread.stop = stop


def call_within(seconds: float, call: Callable[[], T]) -> T:
    """Return what `call` returns.

    HTTP clients limit the time until the next piece of an answer, never that of the whole, nor
    the look-up of the server's name. So the call is made on a thread of its own, which is left
    behind if it takes longer.

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
    """Wait.

    Raises
    ------
    CatalogNERError
        If the run that this thread works for was stopped.
    """
    _wait(seconds, Future())


def usual_pause(retries: int) -> float:
    """Return how many seconds to wait before asking again, after so many times.

    It grows to 8 s, and is up to a quarter less, so that not all ask at the same moment.
    """
    return _FIRST_WAIT * 2 ** min(retries, _DOUBLINGS) * random.uniform(0.75, 1)


def requested_pause(headers: Mapping[str, str]) -> float:
    """Return how many seconds a server asks to wait; 0 where it does not say."""
    for name, parts in (("retry-after-ms", 1000), ("retry-after", 1)):
        with suppress(LookupError, ValueError):
            return max(0.0, float(headers[name]) / parts)
    with suppress(LookupError, ValueError):
        return max(0.0, parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time())
    return 0.0


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
