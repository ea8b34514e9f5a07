"""What a run would cost, from a sample of its texts."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from spacy.language import Language
from tqdm import tqdm

from spacy_catalog_ner.components.doc_record import CANDIDATES
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.labelling.batches import run_batch, usage_of
from spacy_catalog_ner.labelling.prices import Price
from spacy_catalog_ner.labelling.sources import read_source

_COUNTS = ("calls", "prompt_tokens", "cached_tokens", "output_tokens")


def estimate_run(
    nlp: Language,
    source: str | Path,
    problems: Problems,
    *,
    limit: int = 0,
    price: Price | None = None,
    sample: int = 20,
    seed: int = 0,
    progress: bool = False,
) -> dict[str, Any]:
    """Label a sample of a file's texts and reckon what all of them would take.

    No file is written. Texts of the sample that a response cache answers are left out of the
    reckoning, so that it is for texts that are new to the cache.

    Parameters
    ----------
    nlp
        The pipeline.
    source
        Texts, see `read_source`; all of them are read, to count them.
    problems
        Receives rows that would be skipped.
    limit
        Reckon for so many texts at most; for all if 0.
    price
        Price of the model's tokens.
    sample
        How many texts to label.
    seed
        Of their choice.
    progress
        Show a progress bar on stderr.

    Returns
    -------
    dict
        ``texts`` of the whole run, and for all of them ``candidates``, ``calls``,
        ``prompt_tokens``, ``cached_tokens``, ``output_tokens``, ``cost`` (None without a price)
        and ``seconds``; None where no text of the sample tells. Of the ``sample`` its ``texts``,
        ``failures`` and how many were ``from_cache``.

    Raises
    ------
    CatalogNERError
        If there is no text in `source`.
    """
    texts = (row["text"] for _, row in read_source(source, problems))
    chosen, total = _choose(islice(texts, limit or None), sample, seed)
    if not total:
        raise CatalogNERError(f"{source}: no text in this file")
    # The first text loads the models, which happens once and not for each text
    with tqdm(total=len(chosen), desc="sample", unit="text", disable=not progress) as bar:
        first, others = (_measure(nlp, part, bar.update) for part in (chosen[:1], chosen[1:]))
    both = first + others
    timed = others if others["asked"] else first
    result: dict[str, Any] = {"texts": total}
    for name in ("candidates", *_COUNTS):
        result[name] = round(both[name] / both["asked"] * total) if both["asked"] else None
    result["cost"] = price.cost(result) if price and both["asked"] else None
    per_text = timed["nanoseconds"] / timed["asked"] / 1e9 if timed["asked"] else None
    result["seconds"] = None if per_text is None else per_text * total
    result["sample"] = {name: both[name] for name in ("texts", "failures", "from_cache")}
    return result


def _measure(nlp: Language, texts: list[str], on_doc: Callable[[], object]) -> Counter[str]:
    """Count what texts take; candidates, calls and tokens only of those that are `asked`."""
    counts: Counter[str] = Counter(texts=len(texts))
    start = time.perf_counter_ns()
    batch = run_batch(nlp, texts, on_doc)
    counts["nanoseconds"] = time.perf_counter_ns() - start
    counts["failures"] = sum(bool(batch.failure(place)) for place in range(len(texts)))
    for doc in batch.docs.values():
        usage = usage_of(doc)
        if usage.get("cache_hits"):
            counts["from_cache"] += 1
            continue
        counts["asked"] += 1
        counts["candidates"] += len(doc.spans.get(CANDIDATES, ()))
        counts.update({name: usage.get(name, 0) for name in _COUNTS})
    return counts


def _choose(texts: Iterable[str], size: int, seed: int) -> tuple[list[str], int]:
    """Take `size` of the texts, each with the same chance, and count them all."""
    chooser = random.Random(seed)
    chosen: list[str] = []
    total = 0
    for total, text in enumerate(texts, start=1):
        if total <= size:
            chosen.append(text)
        elif (place := chooser.randrange(total)) < size:
            chosen[place] = text
    return chosen, total
