"""Values of a single process, such as connections, running models and locks."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_holders: weakref.WeakSet[PerProcess[Any]] = weakref.WeakSet()

# A forked child must not close its parent's values: that would wait for threads that the child
# does not have, or end what the parent still uses.
_inherited: list[Any] = []


class PerProcess(Generic[T]):
    """A value that each process makes when it first needs it, once for all its threads.

    A forked process makes its own, and pickling leaves the value out. To be pickled, `make` must be
    a module's function, a method, or a `functools.partial` of these.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._empty()
        _holders.add(self)

    def _empty(self) -> None:
        self._lock = threading.Lock()
        self._values: list[T] = []

    def get(self) -> T:
        """Return this process's value."""
        if not self._values:
            with self._lock:
                if not self._values:
                    self._values.append(self._make())
        return self._values[0]

    @property
    def is_made(self) -> bool:
        """Whether this process has needed it yet."""
        return bool(self._values)

    def __getstate__(self) -> dict[str, Any]:
        return {"make": self._make}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["make"])  # type: ignore[misc]


def _leave_all_to_parent() -> None:
    for holder in list(_holders):
        _inherited.extend(holder._values)
        holder._empty()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_leave_all_to_parent)
