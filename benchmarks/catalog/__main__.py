"""Measures the catalog against its targets, and against other ways to find known names.

Prints one table, and writes it with all that was measured to ``catalog.json``, and a plot. Runs on
Linux: memory is read from ``/proc``. Everything heavy runs in a process of its own, one after the
other, so that neither times nor memory of one engine touch those of another. Leave the machine
alone meanwhile.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.catalog.parts import PARTS, Run
from benchmarks.common.command import Parser
from benchmarks.common.measure import machine, progress
from benchmarks.common.names import SETS, read_texts
from benchmarks.common.report import Report
from spacy_catalog_ner.errors import CatalogNERError

_PARTS = """\
parts:
  A  build, memory, open, spans found and throughput against PhraseMatcher, SpanRuler
     and pyahocorasick, at --names names
  B  a catalog of --large names, in one process and in four
  C  time per character of short and long texts
  D  entries added live
  E  coverage of gold mentions by the real catalogs

"""


def main() -> int:
    """Run the benchmark; return the exit code."""
    options = _parser().parse_args()
    try:
        _run(options)
    except (CatalogNERError, FileNotFoundError) as err:
        print(f"Error: {err}", file=sys.stderr)
        return 2
    return 0


def _run(options: argparse.Namespace) -> None:
    chosen = options.only.upper().split(",")
    if unknown := set(chosen) - set(PARTS):
        raise CatalogNERError(f"--only: expected some of {','.join(PARTS)}, got {unknown}")
    settings = {
        key: getattr(options, key)
        for key in (
            "names",
            "large",
            "live",
            "longest",
            "workers",
            "methods",
            "repetitions",
            "seed",
        )
    }
    texts = read_texts(options.data, SETS, options.seed)
    report = Report(machine(), {**settings, "texts": len(texts)})
    # Gigabytes of names and catalogs: gone at the end, whatever happens.
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        run = Run(options.data, Path(folder), texts, **settings, report=report)
        for part in PARTS:
            if part in chosen:
                PARTS[part](run)
    report.write(options.output / "catalog.json")
    if engines := report.measurements.get("engines"):
        from benchmarks.catalog.plot import plot  # here, so that no process measured imports it

        plot(engines, options.output / "catalog.svg")
    progress("done")
    print(report.to_markdown())


def _parser() -> Parser:
    example = "--data ../shared/data --only A,C --names 50000"
    parser = Parser("catalog", __doc__, example, _PARTS)
    parser.add_data(
        f"folder with catalogs/ and {', '.join(SETS)}: files .jsonl.gz of names, and of"
        " annotated text"
    )
    add = parser.add
    add("--names", int, 1_000_000, "names at which the engines are compared")
    add("--large", int, 10_000_000, "names of the large catalog; made up where the real ones end")
    add("--live", int, 10_000, "entries added live at once; a tenth of it one by one")
    add("--longest", int, 1_000_000, "characters of the longest text")
    add("--workers", int, 4, "processes that match at once with the large catalog")
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=["fork", "spawn"],
        default=["fork", "spawn"],
        help="ways in which they are started (both)",
    )
    add("--repetitions", int, 5, "times that throughput is measured; builds at most 3 times")
    add("--seed", int, 0, "for everything that is drawn or shuffled")
    add("--only", str, ",".join(PARTS), "parts to run")
    return parser


if __name__ == "__main__":
    sys.exit(main())
