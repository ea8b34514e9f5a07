"""Memory of several processes that match with one catalog."""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from spacy.language import Language

from benchmarks.catalog.timing import make_pipeline
from benchmarks.common.measure import exhaust, give_back, memory, progress


def measure_workers(
    method: str, catalogs: dict[str, Path | None], texts: list[str], several: int
) -> dict[str, dict[str, dict[str, int]]]:
    """Measure what one and what several workers need, with each catalog, after matching all texts.

    Workers are made as ``nlp.pipe(n_process=several)`` makes them: this process has the pipeline,
    starts the workers and stays. A worker is measured when it has matched every text. What is
    summed up are the proportional set sizes (PSS) of this process and all workers, where a page
    that n processes share counts 1/n in each, and so once in the sum.

    The totals are what the machine must have. Most of them is Python, spaCy and its libraries,
    which every pipeline needs in every process, whatever matches in it: they say little about the
    catalog. What the matcher takes is the total less that of as many processes doing the same
    without it, a blank pipeline (None in `catalogs`): with all it keeps in each process, such as
    the normal forms of words, which would be left out in a comparison with a tiny catalog. So
    "several workers through one" is ``(with 4 - blank 4) / (with 1 - blank 1)`` for four: 1 where
    they share everything, 4 where they share nothing.

    Parameters
    ----------
    method
        "fork", as spaCy does on Linux, or "spawn".
    catalogs
        Compiled catalogs, None for a pipeline without the matcher.
    texts
        What each worker matches.
    several
        How many workers.

    Returns
    -------
    dict
        By name of the catalog and number of workers, ``pss`` and ``pss_own`` (see
        `measure.memory`), and ``private``, summed.
    """
    return {
        name: {str(count): _total(method, path, texts, count) for count in (1, several)}
        for name, path in catalogs.items()
    }


def _total(method: str, catalog: Path | None, texts: list[str], count: int) -> dict[str, int]:
    progress(f"  {count} x {method}, {'no catalog' if catalog is None else catalog.name}")
    context: Any = multiprocessing.get_context(method)
    nlp = make_pipeline(catalog)
    workers, pipes = [], []
    for _ in range(count):
        ours, theirs = context.Pipe()
        worker = context.Process(target=_match, args=(nlp, texts, theirs))
        worker.start()
        theirs.close()  # so that a worker that ends early is noticed
        workers.append(worker)
        pipes.append(ours)
    for pipe in pipes:
        pipe.recv()
    parts = [memory(), *(memory(worker.pid) for worker in workers)]
    for worker, pipe in zip(workers, pipes, strict=True):
        pipe.send(None)
        worker.join()
    return {key: sum(part[key] for part in parts) for key in ("pss", "pss_own", "private")}


def _match(nlp: Language, texts: list[str], pipe: Connection) -> None:
    exhaust(nlp.pipe(texts))
    give_back()
    pipe.send("ready")
    pipe.recv()
