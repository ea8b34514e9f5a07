"""Measures evaluation against its targets, and against seqeval and spaCy.

Prints one table, and writes it with all that was measured to ``evaluation.json``. The texts are
made up with a seed. Runs on Linux: memory is read from ``/proc``. Everything runs in a process of
its own, one after the other. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.common.command import Parser
from benchmarks.common.measure import alone, machine, medians, progress
from benchmarks.common.report import Report, ratio, size_text, time_text
from benchmarks.evaluation.browser import find_chromium, measure_open
from benchmarks.evaluation.scorers import (
    ENGINES,
    measure_command,
    measure_evaluation,
    measure_flat,
    measure_html,
)
from benchmarks.evaluation.synthetic import LABELS, write_set


def main() -> None:
    """Run the benchmark."""
    options = _parser().parse_args()
    settings = {
        key: getattr(options, key)
        for key in ("texts", "spans", "samples", "errors", "repetitions", "seed")
    }
    load = round(os.getloadavg()[0], 1)
    versions = {"seqeval": importlib.metadata.version("seqeval"), "load_before": load}
    report = Report({**machine(), **versions}, {**settings, "labels": len(LABELS)})
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        progress(f"writing {options.texts:,} texts")
        sizes = alone(write_set, folder, options.texts, options.spans, options.seed)
        report.measurements["set"] = sizes
        _add_evaluation(report, folder, sizes, options)
        _add_others(report, folder, options.repetitions)
        _add_html(report, folder, options)
    report.write(options.output / "evaluation.json")
    progress("done")
    print(report.to_markdown())


def _repeat(report: Report, key: str, times: int, task: Any, *arguments: Any) -> dict[str, Any]:
    """Run a task in several fresh processes, keep what each gave, and return the medians."""
    runs = []
    for number in range(times):
        progress(f"{key}, {number + 1} of {times}")
        runs.append(alone(task, *arguments))
    report.measurements[key] = runs
    return medians(runs)


def _add_evaluation(
    report: Report, folder: Path, sizes: dict[str, int], options: argparse.Namespace
) -> None:
    times, samples = options.repetitions, options.samples
    found = _repeat(report, "evaluation", times, measure_evaluation, folder, samples)
    total = found["align_s"] + found["evaluate_s"]
    report.add(
        f"evaluate {sizes['texts']:,} texts with {sizes['gold']:,} gold spans, aligned,"
        " without bootstrap",
        time_text(total),
        "under 30 s",
        total < 30,
    )
    more = found["bootstrap_s"]
    report.add(f"{samples:,} bootstrap samples, more", time_text(more), "under 20 s", more < 20)
    report.add(
        "memory of all that with the rows, at its peak, above the imports",
        size_text(found["peak"]),
        "under 1,000 MB",
        found["peak"] < 1e9,
    )
    found = _repeat(report, "command", times, measure_command, folder)
    report.add(
        f"catalog-ner evaluate, reading {size_text(sizes['bytes'])} in two files",
        f"{time_text(found['seconds'])}; {size_text(found['peak'])} with the imports",
    )


def _add_others(report: Report, folder: Path, times: int) -> None:
    """Compare with engines that take no overlapping spans."""
    results = {
        name: _repeat(report, f"flat, {name}", times, measure_flat, name, folder)
        for name in ENGINES
    }
    ours = results.pop("ours")
    report.add("without overlapping spans, and without bootstrap", time_text(ours["seconds"]))
    calls = {
        "seqeval": 'classification_report(mode="strict", scheme=IOB2), tags ready',
        "spaCy": "Scorer.score_spans, Examples ready",
    }
    for name, theirs in results.items():
        slower = ratio(theirs["seconds"], ours["seconds"])
        equal = abs(theirs["f1"] - ours["f1"]) < 5.1e-5  # ours is rounded
        report.add(
            f"- {name}: {calls[name]}",
            f"{time_text(theirs['seconds'])}: {slower:.1f} x; micro F1 {theirs['f1']:.4f}",
            f"micro F1 {ours['f1']:.4f}",
            equal,
        )


def _add_html(report: Report, folder: Path, options: argparse.Namespace) -> None:
    times, page = options.repetitions, folder / "report.html"
    found = _repeat(report, "html", times, measure_html, folder, options.errors, page)
    size = found["bytes"]
    what = f"HTML report with {options.errors:,} errors and a baseline"
    report.add(what, size_text(size), "under 10 MB", size < 10e6)
    report.add("- to write it", time_text(found["render_s"]))
    chromium = find_chromium()
    what = "- to open it in a headless Chromium"
    if chromium is None or importlib.util.find_spec("playwright") is None:
        report.add(what, "left out: needs chromium or google-chrome, and playwright")
        return
    progress("opening the HTML")
    opened = alone(measure_open, chromium, page, times)
    report.measurements["open"] = opened
    report.machine["chromium"] = opened["version"]
    seconds = median(opened["open_s"])
    report.add(what, time_text(seconds), "under 2 s", seconds < 2)


def _parser() -> Parser:
    example = "--texts 1000 --spans 3000 --errors 100 --output /tmp"
    parser = Parser("evaluation", __doc__, example)
    add = parser.add
    add("--texts", int, 100_000, "texts")
    add("--spans", int, 300_000, "gold spans in them")
    add("--samples", int, 1000, "resamples of the bootstrap")
    add("--errors", int, 10_000, "errors in the HTML report")
    add("--repetitions", int, 3, "times that each is measured; the median counts")
    add("--seed", int, 0, "for everything that is drawn")
    return parser


if __name__ == "__main__":
    sys.exit(main())
