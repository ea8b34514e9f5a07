"""Measures the making of conversational data sets, step by step.

Detection on labelled utterances, clustering of 100,000 utterances, the speed of populating, and
the data sets that ``spacy project run dataset`` makes of the default assets; and how far one gets
from MASSIVE's training utterances, text alone, with the names of the default assets.

Prints a table, and writes ``generation.json``.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.common.command import REPOSITORY, Parser
from benchmarks.common.measure import machine, progress
from benchmarks.common.report import Report, ratio, size_text, time_text
from benchmarks.generation.data_sets import measure_data_set, measure_massive
from benchmarks.generation.detection import LANGUAGES, measure_detection
from benchmarks.generation.steps import measure_clustering, measure_population
from spacy_catalog_ner.errors import CatalogNERError


def main() -> int:
    """Run the benchmark; 1 if a target is missed, 2 if something given is wrong."""
    options = _parser().parse_args()
    try:
        report = _run(options)
    except (CatalogNERError, OSError) as err:
        print(f"Error: {err}", file=sys.stderr)
        return 2
    report.write(options.output / "generation.json")
    progress("done")
    print(report.to_markdown())
    return int(report.is_missed)


def _run(options: argparse.Namespace) -> Report:
    settings = {key: getattr(options, key) for key in ("utterances", "rows", "repetitions")}
    report = Report({**machine(), "load_before": round(os.getloadavg()[0], 1)}, settings)
    parts: dict[str, Callable[[argparse.Namespace, Report, Path], None]] = {
        "detect": _add_detection,
        "cluster": _add_clustering,
        "populate": _add_population,
        "datasets": _add_data_sets,
    }
    if unknown := set(options.only) - set(parts):
        raise CatalogNERError(f"--only: expected some of {', '.join(parts)}, got {unknown}")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
        folder = options.work or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise CatalogNERError(f"{folder}: expected an empty folder for what is made")
        for name, add in parts.items():
            if name in options.only:
                progress(name)
                add(options, report, folder)
    return report


def _add_detection(options: argparse.Namespace, report: Report, folder: Path) -> None:
    found = report.measurements["detection"] = measure_detection(
        REPOSITORY / "assets", options.data
    )
    for lang, sets in found["assets"].items():
        for name, figures in sets.items():
            figure = f"{figures['precision']:.3f} / {figures['recall']:.3f}"
            what = f"detect, {lang}, {name} ({figures['utterances']}): precision / recall"
            report.add(what, figure)
    massive = found["massive"]
    if massive:
        low, high = massive["recall_interval"]
        figure = f"{massive['precision']:.2f} / {massive['recall']:.2f} ({low:.2f} to {high:.2f})"
        report.add("detect, MASSIVE test: precision / recall (95 % interval)", figure)
    for lang, speed in found["throughput"].items():
        rate = speed["wall_per_s"]
        report.add(f"detect, {lang}", f"{rate:,.0f} utterances/s", "5,000", rate >= 5000)


def _add_clustering(options: argparse.Namespace, report: Report, folder: Path) -> None:
    found = measure_clustering(options.data, folder, options.utterances)
    report.measurements["clustering"] = found
    seconds = sum(found["seconds"].values())
    peak = found["peak_memory_mb"] * 1e6
    what = f"cluster {found['distinct']:,} distinct utterances"
    report.add(what, time_text(seconds), "15 min", seconds <= 900)
    report.add("- peak memory", size_text(peak), "6,000 MB", peak <= 6e9)
    parts = ", ".join(f"{name} {time_text(value)}" for name, value in found["seconds"].items())
    report.add("- its steps", parts)
    report.add("- clusters, noise", f"{found['clusters']:,}, {found['noise']:,}")


def _add_population(options: argparse.Namespace, report: Report, folder: Path) -> None:
    found = report.measurements["population"] = {
        lang: measure_population(
            REPOSITORY / "assets/media", lang, options.rows, options.repetitions
        )
        for lang in LANGUAGES
    }
    for lang, figures in found.items():
        rate = figures["rows_per_second"]
        report.add(f"populate, {lang}", f"{rate:,.0f} utterances/s", "20,000", rate >= 20_000)


def _add_data_sets(options: argparse.Namespace, report: Report, folder: Path) -> None:
    copies = {}
    for lang in LANGUAGES:
        progress(f"spacy project run dataset, {lang}")
        copies[lang], found = measure_data_set(REPOSITORY, folder / lang, lang)
        report.measurements[f"dataset, {lang}"] = found
        _add_counts(report, lang, found)
        seconds = found["seconds"]
        what = f"dataset, {lang}: spacy project run dataset"
        report.add(what, time_text(seconds), "20 min", seconds <= 1200)
        for key, least in (("patterns populated", 400), ("utterances", 4000)):
            count = found["counts"][key]
            report.add(f"dataset, {lang}: {key}", f"{count:,}", f"{least:,}", count >= least)
    if options.data is not None:
        progress("MASSIVE")
        found = measure_massive(copies["en"], options.data)
        report.measurements["dataset, MASSIVE"] = found
        _add_counts(report, "MASSIVE", found)


def _add_counts(report: Report, name: str, found: dict[str, Any]) -> None:
    counts = found["counts"]
    share = ratio(counts["conversational"], counts["traffic"])
    steps = ", ".join(f"{count:,} {step}" for step, count in counts.items())
    report.add(f"dataset, {name}: counts ({share:.0%} conversational)", steps)


def _parser() -> Parser:
    parser = Parser("generation", __doc__, "--data ../shared/data")
    parser.add_data(
        "folder of the public sets; without it, what needs them is left out", required=False
    )
    parser.add_argument("--work", type=Path, help="empty folder to keep what is made in")
    parser.add("--utterances", int, 100_000, "utterances to cluster")
    parser.add("--rows", int, 20_000, "utterances to make")
    parser.add("--repetitions", int, 5, "times of a speed")
    parser.add_argument(
        "--only",
        nargs="+",
        default=["detect", "cluster", "populate", "datasets"],
        help="parts to run",
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
