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

from spacy_catalog_ner.doc.record import CANDIDATES
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

    No file is written. It is reckoned as if the response cache knew none of the texts: how many of
    them need the model is told by the whole sample, what each of those takes by the ones that the
    cache did not know.

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
    result: dict[str, Any] = {"texts": total}
    result |= dict.fromkeys(("candidates", *_COUNTS, "cost", "seconds"))
    result |= _reckon(first, others, total)
    if price and result["calls"] is not None:
        result["cost"] = price.cost(result)
    result["sample"] = {name: both[name] for name in ("texts", "failures", "from_cache")}
    return result


def _reckon(first: Counter[str], others: Counter[str], total: int) -> dict[str, Any]:
    """Reckon what all texts take, as far as the sample tells."""
    both = first + others
    # Texts that the model was asked about stand for all that need it
    some, of_all = ("asked", "calling") if both["calling"] else ("known", "known")
    result: dict[str, Any] = {}
    if both["known"]:
        result["candidates"] = round(both["candidates"] / both["known"] * total)
    if both[some]:
        texts = both[of_all] / both["known"] * total
        result |= {name: round(both[name] / both[some] * texts) for name in _COUNTS}
        timed = others if others[some] else first
        result["seconds"] = timed["nanoseconds"] / 1e9 / timed[some] * texts
    return result


def _measure(nlp: Language, texts: list[str], on_doc: Callable[[], object]) -> Counter[str]:
    """Count what texts take.

    Those that are `known` came to an end, with or without the model; `calling` are those of them
    that need it, `asked` those of these of which the response cache knew nothing. Calls and tokens
    are of those that were asked.
    """
    counts: Counter[str] = Counter(texts=len(texts))
    start = time.perf_counter_ns()
    batch = run_batch(nlp, texts, on_doc)
    counts["nanoseconds"] = time.perf_counter_ns() - start
    for place in range(len(texts)):
        usage = usage_of(batch.docs[place]) if place in batch.docs else {}
        is_cached, is_asked = bool(usage.get("cache_hits")), bool(usage.get("calls"))
        if batch.failure(place):
            counts["failures"] += 1
            if not (is_cached or is_asked):
                continue
        counts["known"] += 1
        counts["candidates"] += len(batch.docs[place].spans.get(CANDIDATES, ()))
        if is_cached:
            counts.update(calling=1, from_cache=1)
        elif is_asked:
            counts.update({name: usage.get(name, 0) for name in _COUNTS}, calling=1, asked=1)
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
