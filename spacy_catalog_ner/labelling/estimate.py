"""What a run would cost, from a sample of its texts."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import msgspec
from spacy.language import Language
from tqdm import tqdm

from spacy_catalog_ner.doc.record import CANDIDATES
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.labelling.batches import run_batch, usage_of
from spacy_catalog_ner.labelling.models import Price
from spacy_catalog_ner.labelling.sources import read_source
from spacy_catalog_ner.llm.prompt import Usage

_TOKENS = ("prompt_tokens", "cached_tokens", "output_tokens")


class Sample(msgspec.Struct, kw_only=True):
    """The texts an estimate is made from: how many failed, and how many the cache knew."""

    texts: int
    failures: int
    from_cache: int


class Estimate(msgspec.Struct, kw_only=True):
    """What a whole run would take; None where no text of the sample tells.

    All figures are of the whole run but those of the `sample` that was labelled for them. The cost
    is that of the tokens, None without a price.
    """

    texts: int
    candidates: int | None = None
    calls: int | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    seconds: float | None = None
    sample: Sample


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
) -> Estimate:
    """Label a sample of a file's texts and estimate what all of them would take.

    No file is written. The estimate is for an empty response cache: the whole sample tells how many
    texts need the model, and those that the cache did not know tell what each of them takes.

    Parameters
    ----------
    nlp
        The pipeline.
    source
        Texts, see `read_source`; all of them are read, to count them.
    problems
        Receives rows that would be skipped.
    limit
        Estimate for so many texts at most; for all if 0.
    price
        Price of the model's tokens.
    sample
        How many texts to label.
    seed
        Of their choice.
    progress
        Show a progress bar on stderr.

    Raises
    ------
    CatalogNERError
        If there is no text in `source`.
    """
    texts = (row.text for _, row in read_source(source, problems))
    chosen, total = _choose(islice(texts, limit or None), sample, seed)
    if not total:
        raise CatalogNERError(f"{source}: no text in this file")
    # The first text loads the models, which happens once and not for each text
    with tqdm(total=len(chosen), desc="sample", unit="text", disable=not progress) as bar:
        first, others = (_measure(nlp, part, bar.update) for part in (chosen[:1], chosen[1:]))
    both = first + others
    made_of = Sample(**{name: both[name] for name in Sample.__struct_fields__})
    result = Estimate(texts=total, sample=made_of)
    if both["known"]:
        result.candidates = round(both["candidates"] / both["known"] * total)
    # Texts that the model was asked about stand for all that need it
    some, of_all = ("asked", "calling") if both["calling"] else ("known", "known")
    if both[some]:
        needed = both[of_all] / both["known"] * total
        for name in ("calls", *_TOKENS):
            setattr(result, name, round(both[name] / both[some] * needed))
        timed = others if others[some] else first
        result.seconds = timed["nanoseconds"] / 1e9 / timed[some] * needed
        if price is not None:
            result.cost = price.cost(Usage(**{name: getattr(result, name) for name in _TOKENS}))
    return result


def _measure(nlp: Language, texts: list[str], on_doc: Callable[[], object]) -> Counter[str]:
    """Count what texts take.

    ``known`` are the texts that came to an end, with or without the model; ``calling`` are those
    of them that need it, ``asked`` those of these that the response cache did not know. Calls and
    tokens are of those that were asked.
    """
    start = time.perf_counter_ns()
    batch = run_batch(nlp, texts, on_doc)
    counts = Counter(texts=len(texts), nanoseconds=time.perf_counter_ns() - start)
    for number in range(len(texts)):
        usage = usage_of(batch.docs[number]) if number in batch.docs else Usage()
        if batch.failure(number):
            counts["failures"] += 1
            if not (usage.cache_hits or usage.calls):
                continue
        counts["known"] += 1
        counts["candidates"] += len(batch.docs[number].spans.get(CANDIDATES, ()))
        if usage.cache_hits:
            counts.update(calling=1, from_cache=1)
        elif usage.calls:
            counts.update({name: getattr(usage, name) for name in ("calls", *_TOKENS)})
            counts.update(calling=1, asked=1)
    return counts


def _choose(texts: Iterable[str], size: int, seed: int) -> tuple[list[str], int]:
    """Take `size` of the texts, each with the same chance, and count them all."""
    chooser = random.Random(seed)
    chosen: list[str] = []
    total = 0
    for total, text in enumerate(texts, start=1):
        if total <= size:
            chosen.append(text)
        elif (number := chooser.randrange(total)) < size:
            chosen[number] = text
    return chosen, total
