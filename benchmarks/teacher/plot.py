"""F1 of the systems, with intervals, a panel for each set and exemplar store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.common.plot import plt, save


def plot(measurements: dict[str, Any], path: Path) -> None:
    """Draw the F1 of every system, and write it as SVG."""
    panels = {title: rows for title, rows in measurements.items() if title != "pace"}
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(8, 3.6 * len(panels)), layout="constrained", squeeze=False
    )
    for axis, (title, rows) in zip(axes.flat, panels.items(), strict=True):
        rows = sorted(rows, key=lambda row: row["f1"])
        values = [row["f1"] for row in rows]
        spread = [
            [row["f1"] - row["interval"][0] for row in rows],
            [row["interval"][1] - row["f1"] for row in rows],
        ]
        axis.barh([row["system"] for row in rows], values, xerr=spread, color="#0072b2", capsize=3)
        axis.set(xlim=(0, 1), xlabel="F1, with 95 % interval", title=f"{title} exemplars")
        axis.grid(axis="x", alpha=0.3)
    save(figure, path)
