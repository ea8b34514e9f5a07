"""Measures a student as a service would run it: latency, throughput, memory and F1.

Prints one table, and writes it with all that was measured to ``serving.json``. The texts are the
test of MASSIVE; the student is a ``candidate_classifier`` with a transformer, trained on the labels
of MASSIVE. Runs on Linux. Everything runs in fresh processes with one thread, held to a core each:
one process, and then two at the same time. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.command import Parser
from benchmarks.common.large_catalog import make_large_catalog
from benchmarks.common.measure import alone, machine, medians, progress
from benchmarks.common.report import Report, size_text, time_text
from benchmarks.serving.runs import BLANK, WAYS, measure_serving, own_catalog
from spacy_catalog_ner.catalog import Catalog
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.files import require_file

_CORES = (1, 2)


def main() -> int:
    """Run the benchmark; return the exit code."""
    options = _parser().parse_args()
    try:
        _run(options)
    except CatalogNERError as err:
        print(f"Error: {err}", file=sys.stderr)
        return 2
    return 0


def _run(options: argparse.Namespace) -> None:
    own = own_catalog(options.model)
    Catalog.open(own)  # before anything that takes time
    rows = _read_test(options)
    settings = {key: getattr(options, key) for key in ("names", "singles", "repetitions", "seed")}
    load = round(os.getloadavg()[0], 1)
    report = Report({**machine(), "load_before": load}, {**settings, "texts": len(rows)})
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        catalogs = {"own": own, "large": Path(name) / "large.catalog"}
        progress(f"making a catalog of {options.names:,} names")
        make = partial(make_large_catalog, names=options.names, seed=options.seed)
        alone(make, own, options.data, catalogs["large"])
        runs = _measure(options, catalogs, rows)
        sizes = {name: len(Catalog.open(path)) for name, path in catalogs.items()}
    report.measurements = {"names": sizes, "runs": runs}
    for key, of_run in runs.items():
        _add(report, key, of_run, sizes)
    report.write(options.output / "serving.json")
    progress("done")
    print(report.to_markdown())


def _read_test(options: argparse.Namespace) -> list[dict[str, Any]]:
    path = require_file(options.data / "massive_en/test.jsonl.gz", "the test of MASSIVE")
    with gzip.open(path, "rt", encoding="utf8") as stream:
        rows = [json.loads(line) for line in stream]
    order = np.random.default_rng(options.seed).permutation(len(rows))
    return [rows[number] for number in order[: options.texts].tolist()]


def _measure(
    options: argparse.Namespace, catalogs: dict[str, Path], rows: list[dict[str, Any]]
) -> dict[str, list[dict[str, float]]]:
    """Measure everything once, and again, so that no way has the quiet moments to itself."""
    plan = [
        (catalog, cores, way)
        for catalog in catalogs
        for cores in _CORES
        for way in ([BLANK] if catalog == "own" else []) + list(WAYS)
    ]
    runs: dict[str, list[dict[str, float]]] = {}
    for number in range(options.repetitions):
        for catalog, cores, way in plan:
            key = f"{catalog}, {cores}, {way}"
            progress(f"{key}, {number + 1} of {options.repetitions}")
            arguments = options.model, catalogs[catalog], way
            found = _at_once([(*arguments, core, rows, options.singles) for core in range(cores)])
            runs.setdefault(key, []).append(found)
    return runs


def _at_once(arguments: list[tuple[Any, ...]]) -> dict[str, float]:
    """Measure in several processes at the same time; return medians, and of texts/s the sum."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(arguments), mp_context=context) as pool:
        found = list(pool.map(measure_serving, *zip(*arguments, strict=True)))
    sums = {key: sum(one[key] for one in found) for key in ("per_s", "per_cpu_s", "rss")}
    return {**medians(found), **sums}


def _add(report: Report, key: str, runs: list[dict[str, float]], sizes: dict[str, int]) -> None:
    """Add a line: of each figure the median of all runs."""
    catalog, cores, way = key.split(", ", 2)
    found = medians(runs)
    figures = [
        f"median {time_text(found['median_s'])}",
        f"p95 {time_text(found['p95_s'])}",
        f"{found['per_s']:,.0f} texts/s",
        f"{found['per_cpu_s']:,.0f} by CPU time",
        size_text(found["rss"]),
    ]
    place = "1 core" if cores == "1" else f"{cores} cores"
    if way == BLANK:
        report.add(f"{place}, {way}", "; ".join(figures))
        return
    if cores == "1":
        target, holds = "median at most 10 ms", found["median_s"] <= 0.010
    else:
        target, holds = "at least 400 texts/s", found["per_s"] >= 400
    what = f"{place}, {sizes[catalog]:,} names, {way}"
    report.add(what, "; ".join([*figures, f"F1 {found['f1']:.3f}"]), target, holds)


def _parser() -> Parser:
    example = "--data ../shared/data --model training/massive_en/model-best"
    parser = Parser("serving", __doc__, example)
    parser.add_data("folder with massive_en/ and catalogs/")
    parser.add_argument("--model", type=Path, required=True, help="folder of the trained student")
    add = parser.add
    add("--names", int, 1_000_000, "names of the large catalog")
    add("--texts", int, 3000, "most texts, all given to nlp.pipe")
    add("--singles", int, 500, "texts given one by one")
    add("--repetitions", int, 3, "times that each is measured; the median counts")
    add("--seed", int, 0, "for everything that is drawn or shuffled")
    return parser


if __name__ == "__main__":
    sys.exit(main())
