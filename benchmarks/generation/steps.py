"""Single steps of generation, on much data."""

from __future__ import annotations

import random
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.common.measure import alone, exhaust, peak
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.exemplars import SentenceTransformerEmbedder
from spacy_catalog_ner.exemplars.exemplar import duplicate_key
from spacy_catalog_ner.generation.clusters.cluster_file import cluster_file
from spacy_catalog_ner.generation.population.names import read_names
from spacy_catalog_ner.generation.population.population import Population, Style
from spacy_catalog_ner.generation.review.decisions import read_patterns
from spacy_catalog_ner.io.annotated import read_texts
from spacy_catalog_ner.io.files import read_labels, write_jsonl

_SETS = ("massive_en", "snips", "music_ner", "multiconer2_en")
_BEFORE = ("", "hey", "okay", "please", "well", "so", "um", "could you", "and then", "wait")
_AFTER = ("", "please", "now", "for me", "tonight", "again", "if you can", "thanks", "right away")


def measure_clustering(data: Path | None, folder: Path, count: int) -> dict[str, Any]:
    """Cluster many distinct utterances in a process of its own.

    They are those of public sets and, where they are not enough, the same with a word or two
    before or after.

    Returns
    -------
    dict
        As `cluster_file`, with seconds by step and peak memory.
    """
    if data is None:
        raise CatalogNERError("clustering needs --data, a folder of public sets")
    source = folder / "utterances.jsonl"
    write_jsonl(source, ({"text": text} for text in _many_texts(data, count)))
    found: dict[str, Any] = alone(_cluster, source, folder / "clusters.jsonl")
    return found


def _cluster(source: Path, target: Path) -> dict[str, Any]:
    found = cluster_file(source, target, SentenceTransformerEmbedder(), Problems(), lang="en")
    return {**found, "peak_memory_mb": round(peak() / 1e6)}


def _many_texts(data: Path, count: int) -> list[str]:
    texts: dict[str, str] = {}
    for name in _SETS:
        for path in sorted((data / name).glob("*.jsonl.gz")):
            for _, row in read_texts(path, Problems()):
                texts.setdefault(duplicate_key(row.text), row.text)
    chooser = random.Random(0)
    known = list(texts.values())
    while len(texts) < count:
        text = f"{chooser.choice(_BEFORE)} {chooser.choice(known)} {chooser.choice(_AFTER)}".strip()
        texts.setdefault(duplicate_key(text), text)
    return chooser.sample(list(texts.values()), count)


def measure_population(assets: Path, lang: str, rows: int, repetitions: int) -> dict[str, Any]:
    """Put names into the accepted patterns of the assets, again and again.

    Returns
    -------
    dict
        ``rows_per_second``, the median of the repetitions, each in its own words ``all``; and
        ``dropped``, rows made and not given, by reason.
    """
    problems = Problems()
    patterns, _ = read_patterns(assets / f"reviewed.{lang}.jsonl", problems, lang)
    labels = read_labels(assets.parent.parent / "configs/labels/media.yml")
    names = read_names([assets / "catalogs"], lang, labels, problems)
    rates, population = [], Population(lang, Style())
    for seed in range(repetitions):
        population = Population(lang, Style(seed=seed))
        start = time.perf_counter()
        exhaust(population.populate(patterns, names, rows))
        rates.append(rows / (time.perf_counter() - start))
    return {
        "rows": rows,
        "rows_per_second": round(median(rates)),
        "all": [round(rate) for rate in rates],
        "dropped": dict(population.dropped),
    }
