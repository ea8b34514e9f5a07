"""Loading a student in one of several ways, and timing it on so many cores."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import spacy
from spacy.language import Language

from benchmarks.common.measure import memory
from spacy_catalog_ner import quantize, to_onnx

BLANK = "spaCy's tokenizer alone"
WAYS: dict[str, Callable[[Language], Language]] = {
    "PyTorch": lambda nlp: nlp,
    "PyTorch, 8 bits": quantize,
    "ONNX Runtime": to_onnx,
    "ONNX Runtime, 8 bits": lambda nlp: to_onnx(nlp, int8=True),
}


def own_catalog(model: Path) -> Path:
    """Return the folder of the compiled catalog that a saved student carries."""
    return model / "catalog_matcher" / "catalog"


def measure_serving(
    model: Path, catalog: Path, way: str, core: int, rows: list[dict[str, Any]], singles: int
) -> dict[str, float]:
    """Time a student, or a pipeline of nothing but a tokenizer.

    This process is held to one core. All times are from the text to ``doc.ents``.

    Parameters
    ----------
    core
        Which of the cores: 0 for the first.
    rows
        Annotated texts.
    singles
        How many of them are given one by one.

    Returns
    -------
    dict
        ``load_s``, which includes what is done after loading; ``median_s`` and ``p95_s`` of one
        text; ``per_s``, texts a second in ``nlp.pipe``, and ``per_cpu_s``, the same by CPU time,
        which others on the machine hardly change; ``rss``, bytes of memory; and, but for the
        tokenizer, ``f1`` of all texts.
    """
    import torch

    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})
    torch.set_num_threads(1)
    start = time.perf_counter()
    nlp = spacy.blank("en") if way == BLANK else WAYS[way](spacy.load(model))
    if way != BLANK:
        nlp.get_pipe("catalog_matcher").reload(catalog)
    load = time.perf_counter() - start
    texts = [row["text"] for row in rows]
    for doc in nlp.pipe(texts[:200]):  # opens what is opened at first use
        assert doc.ents is not None
    gc.collect()
    gc.freeze()
    times = []
    for text in texts[:singles]:
        start = time.perf_counter()
        assert nlp(text).ents is not None
        times.append(time.perf_counter() - start)
    start, start_cpu = time.perf_counter(), time.process_time()
    found = [
        {(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents}
        for doc in nlp.pipe(texts, batch_size=256)
    ]
    result = {
        "load_s": load,
        "median_s": float(np.median(times)),
        "p95_s": float(np.quantile(times, 0.95)),
        "per_s": len(texts) / (time.perf_counter() - start),
        "per_cpu_s": len(texts) / (time.process_time() - start_cpu),
        "rss": float(memory()["rss"]),
    }
    if way != BLANK:
        labels = set(nlp.get_pipe("candidate_classifier").labels)
        result["f1"] = _micro_f1(found, rows, labels)
    return result


def _micro_f1(
    found: list[set[tuple[int, int, str]]], rows: list[dict[str, Any]], labels: set[str]
) -> float:
    """Return F1 of exact spans, of the labels that the student knows."""
    gold = [
        {(s["start"], s["end"], s["label"]) for s in row["spans"] if s["label"] in labels}
        for row in rows
    ]
    right = sum(len(a & b) for a, b in zip(found, gold, strict=True))
    return 2 * right / max(1, sum(map(len, found)) + sum(map(len, gold)))
