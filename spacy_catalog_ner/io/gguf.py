"""Models in GGUF files, run in this process by llama.cpp."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from spacy_catalog_ner.errors import CatalogNERError, MissingExtraError


def import_xllamacpp(feature: str) -> Any:
    """Return the module that runs llama.cpp; `feature` is what needs it, for the error."""
    try:
        import xllamacpp
    except ImportError:
        raise MissingExtraError(feature, "local-llm") from None
    return xllamacpp


def start_server(xllamacpp: Any, path: Path, threads: int | None = None, **settings: Any) -> Any:
    """Load a GGUF file as a model that answers one call at a time.

    It computes on all cores that this process may use if `threads` is None. Further `settings` are
    named as in xllamacpp's ``CommonParams``.
    """
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_parallel = 1  # with several slots, texts affect each other's embeddings
    params.cache_ram_mib = 0
    threads = threads or _available_cores()
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.verbosity = -1
    # It also listens on a local port, which nobody else may use
    params.api_keys = [secrets.token_urlsafe()]
    for name, value in settings.items():
        setattr(params, name, value)
    try:
        return xllamacpp.Server(params)
    except RuntimeError as err:
        raise CatalogNERError(f"{path}: llama.cpp cannot load it as a model ({err})") from None


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux: a container may have fewer than the machine
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
