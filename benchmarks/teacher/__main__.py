"""Measures the teacher against its targets, baselines and the paper's forms, on public sets.

Every set has an oracle catalog, made of all gold names of all its splits. Thresholds are chosen on
the development texts and figures are of the test texts. The LLM is the embedded one. Its answers
are kept in --work, text by text: a run that was stopped goes on there. Seconds are measured apart
from them and anew in each run: once all answers are there, run it again on a quiet machine.

Prints tables, and writes ``teacher.json``, ``teacher.md`` and ``teacher.svg``.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import spacy_catalog_ner
from benchmarks.common.command import REPOSITORY, Parser
from benchmarks.common.measure import machine, progress
from benchmarks.common.public_sets import SETS
from benchmarks.common.report import Report
from benchmarks.teacher.plot import plot
from benchmarks.teacher.runs import SHOWN
from benchmarks.teacher.sets import prepare
from benchmarks.teacher.systems import Systems, measure

# Prompt tokens are those that the model had to read; cached ones it knew from the question before
_COLUMNS = (
    "threshold",
    "precision",
    "recall",
    "f1",
    "prompt_tokens",
    "cached_tokens",
    "output_tokens",
    "seconds",
)
_FULL = "SF+DER+calibration+constraints"
_DER = f"SF+DER, k = {SHOWN}"
_VOTE = "neighbour vote"
_BASELINES = ("accept-all", "longest match with prior", _VOTE, "ICL", "ICL+DER")


def main() -> int:
    """Run the benchmark; 1 if a target is missed."""
    options = _parser().parse_args()
    keys = ("texts", "dev", "few", "verdicts", "seed")
    settings = {key: getattr(options, key) for key in keys}
    report = Report({**machine(), "load_before": round(os.getloadavg()[0], 1)}, settings)
    # Answers are kept for one version, seed and size: no other takes them for its own
    digest = hashlib.sha256(json.dumps([settings, _source_digest()]).encode()).hexdigest()[:12]
    work = options.work / digest
    for name in options.sets:
        progress(f"{name}: catalog and exemplars")
        sets = prepare(
            name,
            options.data,
            work,
            dev=options.dev,
            test=options.texts,
            few=options.few,
            seed=options.seed,
        )
        for store in ("all", "few"):
            folder = work / name
            folder.mkdir(exist_ok=True)
            systems = Systems(sets, store, folder, options.verdicts, options.seed)
            found = report.measurements[f"{name}, {store}"] = []
            for label, make in _systems(systems, store):
                progress(f"{name}, {store} exemplars: {label}")
                found.append(measure(make(), sets))
    progress("pace against a server")
    report.measurements["pace"] = _measure_pace()
    _add_targets(report)
    report.write(options.output / "teacher.json")
    text = to_markdown(report)
    (options.output / "teacher.md").write_text(text, encoding="utf8")
    plot(report.measurements, options.output / "teacher.svg")
    progress("done")
    print(text)
    return int(report.is_missed)


def _source_digest() -> str:
    """Hash what answers and calibrations depend on: all of the package, the labels, the sets."""
    digest = hashlib.sha256()
    for folder in (Path(spacy_catalog_ner.__file__).parent, REPOSITORY / "configs" / "labels"):
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".py", ".jinja", ".yml"):
                digest.update(path.read_bytes())
    for name in ("common/public_sets.py", "teacher/sets.py", "teacher/runs.py"):
        digest.update((REPOSITORY / "benchmarks" / name).read_bytes())
    return digest.hexdigest()


def _systems(systems: Systems, store: str) -> list[tuple[str, Any]]:
    made = [
        ("accept-all", systems.accept_all),
        ("prior", systems.prior),
        ("neighbour vote", systems.vote),
        ("SF+DER", lambda: systems.select(SHOWN)),
        ("constraints", systems.constrained),
        ("calibration", systems.calibrated),
        ("all", lambda: systems.calibrated("confident")),
        ("without LLM", systems.known),
        ("ICL+DER", systems.extract),
        ("ICL", lambda: systems.extract("random")),
        ("SF", lambda: systems.select(SHOWN, strategy="random")),
        ("SF, k = 0", lambda: systems.select(0)),
    ]
    if store == "all":
        made += [(form, lambda form=form: systems.select(SHOWN, form)) for form in ("ids", "json")]
        made += [(f"k = {k}", lambda k=k: systems.select(k)) for k in (10, 20)]
    return made


def _measure_pace() -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.teacher.model_pace"]
    output = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(output.stdout)
    return found


def _add_targets(report: Report) -> None:
    for key, lowest in (("massive", 0.86), ("snips", 0.97)):
        if f"{key}, all" not in report.measurements:
            continue
        for store in ("all", "few"):
            _add_set(report, key, store, lowest)
    pace = report.measurements["pace"]["ratio"]
    what = "64 documents against a server that takes 50 ms"
    report.add(what, f"{pace:.2f} x the ideal", "1.3 x", pace <= 1.3)


def _add_set(report: Report, key: str, store: str, lowest: float) -> None:
    rows = {row["system"]: row for row in report.measurements[f"{key}, {store}"]}
    f1 = {name: row["f1"] for name, row in rows.items()}
    full = rows[_FULL]

    def add(what: str, figure: str, target: str, holds: bool) -> None:
        report.add(f"{key}, {store} exemplars: {what}", figure, target, holds)

    order = (f1[_DER], f1["SF"], f1["ICL"])
    text = ", ".join(f"{value:.3f}" for value in order)
    add("SF+DER, SF, ICL", text, "falling", order[0] > order[1] > order[2])
    if store == "few":
        best = max(f1[name] for name in _BASELINES)
        figure = f"{full['f1']:.3f}, {best:.3f}"
        add("full teacher, best baseline", figure, "above", full["f1"] > best)
        return
    add("full teacher", f"{full['f1']:.3f}", f"{lowest}", full["f1"] >= lowest)
    if key == "massive":
        for name in (_DER, _VOTE):
            gain = full["f1"] - f1[name]
            figure = f"{100 * gain:.1f} points"
            add(f"full teacher above {name}", figure, "5 points", gain >= 0.05)
        add("seconds an utterance", f"{full['seconds']:.2f}", "1", full["seconds"] <= 1)
    copies = rows[f"{_DER}, json"]
    share = rows[_DER]["prompt_tokens"] / copies["prompt_tokens"]
    holds = share <= 0.5 and f1[_DER] >= copies["f1"]
    add("prompt tokens read through the JSON form's", f"{share:.2f}", "0.5, F1 no lower", holds)


def to_markdown(report: Report) -> str:
    """Return a table for every set and store, and that of the targets."""
    parts = []
    for title, rows in report.measurements.items():
        if title == "pace":
            continue
        lines = [
            f"### {title} exemplars",
            "",
            f"| system | {' | '.join(_COLUMNS)} | 95 % interval of F1 |",
            f"|---|{'---:|' * len(_COLUMNS)}---|",
        ]
        for row in rows:
            cells = " | ".join(_cell(key, row.get(key)) for key in _COLUMNS)
            low, high = row["interval"]
            lines.append(f"| {row['system']} | {cells} | {low:.3f} to {high:.3f} |")
        parts.append("\n".join(lines))
    return "\n\n".join([*parts, "### Targets", report.to_markdown()]) + "\n"


def _cell(key: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if key.endswith("tokens") else f"{value:.3f}"


def _parser() -> Parser:
    parser = Parser("teacher", __doc__, "--data ../shared/data")
    parser.add_data("folder of the public sets")
    parser.add("--work", Path, Path("corpus/teacher-benchmark"), "folder of what is kept")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS), help="which sets")
    parser.add("--texts", int, 300, "test texts")
    parser.add("--dev", int, 100, "development texts")
    parser.add("--few", int, 300, "exemplars of the small store")
    parser.add("--verdicts", int, 120, "exemplars that calibration asks about")
    parser.add("--seed", int, 0, "for everything that is drawn")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
