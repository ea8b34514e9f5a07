"""The parts of the benchmark: each measures, and adds its lines to the report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.catalog.differences import UNEXPLAINED, compare, compare_oracle
from benchmarks.catalog.engines import ENGINES, measure_build, measure_index, measure_use
from benchmarks.catalog.mentions import measure_real_coverage
from benchmarks.catalog.timing import (
    measure_adversarial,
    measure_linearity,
    measure_live,
    measure_throughput,
)
from benchmarks.catalog.workers import measure_workers
from benchmarks.common.measure import alone, medians, progress
from benchmarks.common.names import SETS, mixed_names, write_names, write_real_names
from benchmarks.common.report import Report, ratio, size_text, time_text

_BUILDS = 3
_LIVE_BATCHES = 5


@dataclass
class Run:
    """What the parts share.

    Attributes
    ----------
    folder
        Where files are kept until the end of the run.
    texts
        Every distinct utterance, shuffled.
    """

    data: Path
    folder: Path
    texts: list[str]
    names: int
    large: int
    live: int
    longest: int
    workers: int
    methods: list[str]
    repetitions: int
    seed: int
    report: Report

    def real_names(self) -> Path:
        """Return the file of all real names, written where it is not there yet."""
        path = self.folder / "real-names.jsonl"
        if not path.exists():
            progress("reading the real names")
            alone(write_real_names, self.data, path)
        return path

    def names_file(self, count: int) -> Path:
        """Return a file of so many names, written where it is not there yet."""
        path = self.folder / f"names-{count}.jsonl"
        if not path.exists():
            progress(f"writing {count:,} names")
            kinds = alone(write_names, self.real_names(), path, count, self.seed)
            self.report.measurements.setdefault("names", {})[str(count)] = kinds
        return path

    def catalog(self, count: int) -> Path:
        """Return a compiled catalog of so many names, compiled where it is not there yet."""
        path = self.folder / f"catalog-{count}"
        if not path.exists():
            progress(f"compiling {count:,} names")
            alone(measure_build, "catalog", self.names_file(count), path)
        return path

    def engine(self, name: str, count: int, times: int) -> dict[str, Any]:
        """Measure an engine, and keep what the plot shows."""
        names, file = self.names_file(count), self.folder / f"{name}-{count}"
        builds, uses = [], []
        for number in range(times):
            progress(f"{name}, {count:,} names, {number + 1} of {times}")
            if ENGINES[name].saves:
                builds.append(alone(measure_build, name, names, file))
            spans_file = self.folder / f"spans-{name}-{count}.json"
            uses.append(alone(measure_use, name, names, file, self.texts, spans_file))
        figures = medians(uses)
        figures.update(medians(builds) if builds else {"build_s": figures["open_s"]})
        figures["times"] = times
        engines = self.report.measurements.setdefault("engines", {})
        engines.setdefault(name, {})[str(count)] = figures
        return figures


def measure_engines(run: Run) -> None:
    """Do part A: the engines at `Run.names` names; at a tenth and a hundredth for the plot."""
    count, report = run.names, run.report
    for smaller in (count // 100, count // 10):
        if smaller >= 1000:
            for name in ENGINES:
                run.engine(name, smaller, 1)
    times = min(_BUILDS, run.repetitions)
    # A SpanRuler takes longest, and no target hangs on it.
    figures = {
        name: run.engine(name, count, 1 if name == "SpanRuler" else times) for name in ENGINES
    }
    ours, phrases = figures["catalog"], figures["PhraseMatcher"]

    def against(key: str, text: Any, target: int | None, what: str) -> None:
        times_better = ratio(phrases[key], ours[key])
        figure = f"{text(ours[key])}; PhraseMatcher {text(phrases[key])}: {times_better:,.1f} x"
        if target is None:
            report.add(what, figure)
        else:
            report.add(what, figure, f"at least {target:,} x", times_better >= target)

    file = run.folder / "index.catalog"
    progress(f"catalog, {count:,} names in memory")
    ours["index_s"] = median(
        alone(measure_index, run.names_file(count), file) for _ in range(times)
    )
    against("index_s", time_text, None, f"build {count:,} names, from memory to ready")
    against("build_s", time_text, 10, "- from the file: read, checked and built")
    for row in figures.values():
        row["peak"], row["rss"] = row["memory"]["peak"], row["memory"]["rss"]
    against("peak", size_text, None, "memory to get ready and match all texts, at its peak")
    against("rss", size_text, 50, "- what stays resident")
    # PhraseMatcher's peak has its build in it: ours is another process's, and stands beside it.
    added = ours["build_added"]
    report.add(
        "- of ours without the build: compiling, once and in another process, at its peak",
        f"{size_text(added)}; PhraseMatcher, see above: {ratio(phrases['peak'], added):,.1f} x",
    )
    for key, what in (
        ("anonymous", "- what no file backs, so that the system cannot drop it"),
        ("private", "- what no other process shares (here there is none)"),
        ("pss", "- proportional"),
    ):
        one, other = ours["memory"][key], phrases["memory"][key]
        better = ratio(other, one)
        report.add(what, f"{size_text(one)}; PhraseMatcher {size_text(other)}: {better:,.1f} x")
    against("open_s", time_text, 1000, "open (PhraseMatcher: build again)")
    for name in ("SpanRuler", "pyahocorasick"):
        row = figures[name]
        opening = f", open {time_text(row['open_s'])}" if ENGINES[name].saves else ""
        built = f"build {time_text(row['build_s'])}, {size_text(row['memory']['rss'])}{opening}"
        once = " (built once)" if row["times"] == 1 else ""
        report.add(f"{name}{once}", f"{built}, {row['spans']:,} spans")
    scans = (f"{name} {row['scan_per_s']:,.0f}" for name, row in figures.items())
    report.add("scan ready Docs, Docs a second", "; ".join(scans))
    _compare_spans(run)
    _add_throughput(run, count, 0.6)


def _compare_spans(run: Run) -> None:
    progress("comparing the spans with PhraseMatcher's")
    count = run.names
    theirs = run.folder / f"spans-PhraseMatcher-{count}.json"
    arguments = (run.names_file(count), run.catalog(count), run.texts, theirs)
    results = {f"{count:,} names": alone(compare, *arguments)}
    for name, title in SETS.items():
        progress(f"comparing the spans with PhraseMatcher's, oracle catalog of {title}")
        result = alone(compare_oracle, run.data, name, run.folder)
        results[f"oracle catalog of {title}, {result['entries']:,} names"] = result
    run.report.measurements["spans"] = results
    for what, result in results.items():
        kinds = ("only_catalog", "only_phrase_matcher")
        only = [sum(row["count"] for row in result[kind].values()) for kind in kinds]
        unexplained = any(UNEXPLAINED in result[kind] for kind in kinds)
        figure = (
            f"{result['common']:,} in common; only ours {only[0]}, only PhraseMatcher {only[1]}"
        )
        report = run.report
        report.add(f"spans, {what}", figure, "PhraseMatcher's, or explained", not unexplained)
        for kind, who in zip(kinds, ("ours", "PhraseMatcher"), strict=True):
            for row in result[kind].values():
                example = row["examples"][0]
                said = f"{row['count']} x, as {example['text']!r} for {example['name']!r}"
                report.add(f"- only {who}: {row['what']}", said)


def _add_throughput(run: Run, count: int, target: float) -> None:
    progress(f"throughput, {count:,} names")
    result = alone(measure_throughput, run.catalog(count), run.texts, run.repetitions)
    run.report.measurements.setdefault("throughput", {})[str(count)] = result
    figure = (
        f"{result['with_per_s']:,.0f}/s of {result['blank_per_s']:,.0f}/s: {result['share']:.0%}"
    )
    what = f"nlp.pipe with {count:,} names, of blank, {len(run.texts):,} utterances"
    run.report.add(what, figure, f"at least {target:.0%}", result["share"] >= target)


def measure_large(run: Run) -> None:
    """Do part B: a large catalog, in one process and in several."""
    count, report = run.large, run.report
    figures = run.engine("catalog", count, 1)
    report.add(
        f"compile {count:,} names",
        time_text(figures["build_s"]),
        "under 10 min",
        figures["build_s"] < 600,
    )
    peak = figures["build_peak"]
    report.add("- peak memory of the process", size_text(peak), "under 8 GB", peak < 8e9)
    first, later = figures["first_open_s"], figures["open_s"]
    figure = f"{time_text(later)} (the first time in a process {time_text(first)})"
    report.add(f"open {count:,} names", figure, "under 100 ms", max(first, later) < 0.1)
    report.add("- memory, resident, after matching all texts", size_text(figures["memory"]["rss"]))
    tiny = run.catalog(min(100, run.names))
    catalogs = {"blank": None, "tiny": tiny, "large": run.catalog(count)}
    one, several = "1", str(run.workers)
    for method in run.methods:
        progress(f"memory of workers, {method}")
        totals = alone(measure_workers, method, catalogs, run.texts, run.workers)
        report.measurements.setdefault("workers", {})[method] = totals

        def added(number: str, base: str, totals: Any = totals) -> int:
            return totals["large"][number]["pss_own"] - totals[base][number]["pss_own"]

        shares = {}
        for base in ("blank", "tiny"):
            few, many = added(one, base), added(several, base)
            shares[base] = ratio(many, few)
            figure = f"{size_text(many)} through {size_text(few)}: {shares[base]:.2f} x"
            if base == "blank":
                what = f"memory of the matcher in {several} workers through 1 ({method}): PSS less"
                held = 0 < shares[base] < 1.3
                report.add(f"{what} a blank pipeline's", figure, "under 1.3 x", held)
            else:
                report.add("- less that of a tiny catalog", figure)
        few, many = (totals["large"][number]["pss"] for number in (one, several))
        figure = f"{size_text(many)} through {size_text(few)}: {ratio(many, few):.2f} x"
        report.add("- whole processes, with Python and spaCy in each", figure)
    _add_throughput(run, count, 0.5)


def measure_growth(run: Run) -> None:
    """Do part C: time per character by length of the text."""
    catalog = run.catalog(run.names)
    for what, task, arguments in (
        ("real utterances", measure_linearity, (catalog, run.texts, run.longest)),
        ('"a a a ..." with 31 nested names', measure_adversarial, (run.folder, run.longest)),
    ):
        progress(f"time per character, {what}")
        result = alone(task, *arguments)
        run.report.measurements.setdefault("time_per_character", {})[what] = result
        sizes = result["sizes"]
        each = ", ".join(f"{row['ns_per_character']:,.0f}" for row in sizes)
        small, large = sizes[0]["characters"], sizes[-1]["characters"]
        figure = f"{each} ns/character: {result['growth']:.2f} x"
        what = f"{what}, {small:,} to {large:,} characters"
        run.report.add(what, figure, "at most 2 x", result["growth"] <= 2)


def measure_additions(run: Run) -> None:
    """Do part D: names added live."""
    size, singles = run.live, max(1, run.live // 10)
    progress("entries added live")
    rows = alone(mixed_names, run.real_names(), size * _LIVE_BATCHES + singles, run.seed + 1)
    batches = [rows[number * size : (number + 1) * size] for number in range(_LIVE_BATCHES)]
    catalog = run.catalog(run.names)
    result = alone(measure_live, catalog, batches, rows[size * _LIVE_BATCHES :])
    run.report.measurements["live"] = result
    what = f"{size:,} entries added live, until a candidate"
    run.report.add(what, time_text(result["batch_s"]), "under 100 ms", result["batch_s"] < 0.1)
    figure = f"{time_text(result['single_s'])} each, {time_text(result['single_match_s'])} to match"
    run.report.add(f"- {singles:,} one by one, mean", figure)


def measure_mentions(run: Run) -> None:
    """Do part E: gold mentions that the real catalogs know."""
    progress("coverage of gold mentions by the real catalogs")
    results = alone(measure_real_coverage, run.data, run.real_names(), run.folder)
    run.report.measurements["coverage"] = results
    for name, result in results.items():
        plain, variants = result["plain"], result["variants"]
        for label, row in [("all of these", plain), *plain["per_label"].items()]:
            other = variants if row is plain else variants["per_label"][label]
            noise = f"{row['candidates_per_text']:.2f} to {other['candidates_per_text']:.2f}"
            run.report.add(
                f"coverage, {SETS[name]} {label}, {row['mentions']:,} mentions",
                f"{row['coverage']:.1%}, with variants {other['coverage']:.1%};"
                f" candidates per utterance {noise}",
            )


PARTS = {
    "A": measure_engines,
    "B": measure_large,
    "C": measure_growth,
    "D": measure_additions,
    "E": measure_mentions,
}
