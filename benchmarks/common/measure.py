"""Taking times and memory, each in a process of its own."""

from __future__ import annotations

import ctypes
import gc
import importlib.metadata
import multiprocessing
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import psutil

_PACKAGES = ("spacy", "numpy", "marisa-trie", "pyahocorasick", "spacy-catalog-ner")
_start = time.perf_counter()


def progress(message: str) -> None:
    """Say on stderr what is being done, and how many seconds after the start."""
    print(f"[{time.perf_counter() - _start:6.0f} s] {message}", file=sys.stderr, flush=True)


def alone(task: Callable[..., Any], *arguments: Any) -> Any:
    """Run a function of a module in a fresh process and return what it gives.

    Nothing measured before leaves a trace in its memory, and all it took is free afterwards.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(task, *arguments).result()


def seconds(function: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def exhaust(stream: Iterable[Any]) -> None:
    """Take everything from a stream and keep nothing."""
    for _ in stream:
        pass


def memory(process: int | None = None) -> dict[str, int]:
    """Return the bytes of memory of a process.

    What can be given back to the system is given back first where it is this process, so that no
    engine is charged for what it needed only in passing.

    Returns
    -------
    dict
        ``rss``, all that is resident; ``anonymous``, the part of it that no file backs, so that the
        system cannot drop it; ``private``, what no other process shares; ``pss``, where a page
        that n processes share counts 1/n; and ``pss_own``, the same without the libraries that
        are mapped: other programs on the machine may begin and end to share these at any time.
    """
    if process is None:
        give_back()
    maps = psutil.Process(process).memory_maps()
    return {
        "rss": sum(part.rss for part in maps),
        "anonymous": sum(part.anonymous for part in maps),
        "private": sum(part.private_clean + part.private_dirty for part in maps),
        "pss": sum(part.pss for part in maps),
        "pss_own": sum(part.pss for part in maps if ".so" not in part.path),
    }


def give_back() -> None:
    """Give memory that is free back to the system."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def peak() -> int:
    """Return the most bytes this process has had resident.

    Not ``ru_maxrss``, which a process inherits from the one that started it.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def reset_peak() -> None:
    """Begin anew with what `peak` returns."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def medians(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the median of every number of some nested dicts of one shape."""
    return {
        key: medians([row[key] for row in rows])
        if isinstance(value, dict)
        else median(row[key] for row in rows)
        for key, value in rows[0].items()
    }


def machine() -> dict[str, Any]:
    """Return what the figures depend on beside the code."""
    model = platform.processor()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        **{package: importlib.metadata.version(package) for package in _PACKAGES},
    }
