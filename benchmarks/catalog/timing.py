"""Times of the catalog alone: in a pipeline, by length of text, after live additions."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

import spacy
from spacy.language import Language

from benchmarks.common.measure import exhaust, progress, seconds
from spacy_catalog_ner.catalog import Entry, compile_catalog
from spacy_catalog_ner.matching.catalog_matcher import CatalogMatcher

_PREFIXES = (*range(1, 31), 500)  # lengths of the nested names "a", "a a", "a a a", ...


def make_pipeline(catalog: Path | None) -> Language:
    """Return a blank pipeline, with the matcher where there is a catalog."""
    nlp = spacy.blank("en")
    if catalog is not None:
        nlp.add_pipe("catalog_matcher", config={"catalog": str(catalog)})
    return nlp


def measure_throughput(catalog: Path, texts: list[str], repetitions: int) -> dict[str, Any]:
    """Time ``nlp.pipe`` over all texts, alternately without and with the matcher.

    Every pipeline is new: it has no text's words in its caches and has not opened the catalog.

    Returns
    -------
    dict
        ``blank_per_s`` and ``with_per_s``, the medians of texts a second; ``share``, the second
        through the first; ``blank_s`` and ``with_s``, all times.
    """
    times: dict[str, list[float]] = {"blank_s": [], "with_s": []}
    for number in range(repetitions):
        progress(f"  repetition {number + 1} of {repetitions}")
        for key, path in (("blank_s", None), ("with_s", catalog)):
            nlp = make_pipeline(path)
            gc.collect()
            times[key].append(seconds(lambda nlp=nlp: exhaust(nlp.pipe(texts))))
    blank, with_catalog = median(times["blank_s"]), median(times["with_s"])
    return {
        "blank_per_s": len(texts) / blank,
        "with_per_s": len(texts) / with_catalog,
        "share": blank / with_catalog,
        **times,
    }


def measure_linearity(catalog: Path, texts: list[str], longest: int) -> dict[str, Any]:
    """Time the matcher on documents of four sizes cut from one text of real utterances."""
    text = " ".join(texts)
    text = " ".join([text] * (longest // len(text) + 1))
    return _by_size(CatalogMatcher(catalog=catalog), text, longest)


def measure_adversarial(folder: Path, longest: int) -> dict[str, Any]:
    """Do the same on "a a a a ..." with a catalog in which 31 names begin at every word.

    The number of candidates is 31 a word too, but for the names that do not fit in before the end.
    """
    entries = [Entry(" ".join("a" * count), "NESTED") for count in _PREFIXES]
    file = folder / "nested.catalog"
    compile_catalog(entries, file)
    return _by_size(CatalogMatcher(catalog=file), "a " * (longest // 2), longest)


def _by_size(matcher: CatalogMatcher, text: str, longest: int) -> dict[str, Any]:
    """Return, for each size, nanoseconds and candidates per character.

    ``growth`` is the time per character of the largest size through that of the smallest one.
    """
    nlp = spacy.blank("en")
    nlp.max_length = max(nlp.max_length, longest)
    matcher(nlp.make_doc(text[: longest // 10]))  # words new to it cost the first time only
    sizes = []
    for size in (longest // 1000, longest // 100, longest // 10, longest):
        progress(f"  documents of {size:,} characters")
        # Short ones many at a time, cut from all over the text.
        starts = range(0, longest - size + 1, max(size, longest // 100))
        times, candidates = [], 0
        for _ in range(3):
            docs = [nlp.make_doc(text[start : start + size]) for start in starts]
            gc.collect()
            times.append(seconds(lambda docs=docs: exhaust(map(matcher, docs))))
            candidates = sum(len(doc.spans[matcher.spans_key]) for doc in docs)
        characters = size * len(starts)
        sizes.append(
            {
                "characters": size,
                "documents": len(starts),
                "ns_per_character": 1e9 * median(times) / characters,
                "candidates_per_character": candidates / characters,
            }
        )
    growth = sizes[-1]["ns_per_character"] / sizes[0]["ns_per_character"]
    return {"sizes": sizes, "growth": growth}


def measure_live(
    catalog: Path, batches: Sequence[list[dict[str, Any]]], singles: list[dict[str, Any]]
) -> dict[str, Any]:
    """Time additions to a matcher on a compiled catalog.

    Returns
    -------
    dict
        ``batch_s``, the median over `batches` from the call of `CatalogMatcher.add_entries` until
        a document has one of them as a candidate; ``single_s``, the mean of adding `singles` one by
        one, and ``slowest_single_s``; ``single_match_s``, the mean of matching after each of them.
    """
    times = []
    for batch in batches:
        nlp, matcher, row = _ready(catalog, batch)
        doc = nlp.make_doc(f"play {row['text']} now")
        start = time.perf_counter()
        matcher.add_entries(batch)
        matcher(doc)
        times.append(time.perf_counter() - start)
        _check(matcher, doc, row)
    nlp, matcher, _ = _ready(catalog, singles)
    adding, matching = [], []
    for row in singles:
        doc = nlp.make_doc(f"play {row['text']} now")
        adding.append(seconds(lambda row=row: matcher.add_entries([row])))
        matching.append(seconds(lambda doc=doc: matcher(doc)))
        if _is_plain(row):
            _check(matcher, doc, row)
    return {
        "batch_s": median(times),
        "single_s": mean(adding),
        "slowest_single_s": max(adding),
        "single_match_s": mean(matching),
        "entries": len(batches[0]),
        "singles": len(singles),
    }


def _ready(
    catalog: Path, rows: list[dict[str, Any]]
) -> tuple[Language, CatalogMatcher, dict[str, Any]]:
    nlp = make_pipeline(catalog)
    nlp("play something")  # opens the catalog
    plain = [row for row in rows if _is_plain(row)]
    return nlp, nlp.get_pipe("catalog_matcher"), plain[-1]


def _is_plain(row: dict[str, Any]) -> bool:
    """Tell whether the tokenizer takes no part of the name together with its neighbours."""
    return row["text"].replace(" ", "").isalpha()


def _check(matcher: CatalogMatcher, doc: Any, row: dict[str, Any]) -> None:
    if row["id"] not in {span.kb_id_ for span in doc.spans[matcher.spans_key]}:
        raise RuntimeError(f"{row['text']!r} was added and is no candidate in {doc.text!r}")
