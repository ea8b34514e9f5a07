"""F1 of the students, with intervals, a panel for each experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # needs no display

import numpy as np
from matplotlib import pyplot as plt

_COLORS = ("#999999", "#e69f00", "#0072b2", "#009e73", "#d55e00", "#cc79a7")


def plot(measurements: dict[str, Any], path: Path) -> None:
    """Draw the F1 of every system on every test, and write it as SVG."""
    panels = {title: systems for title, systems in measurements.items() if title != "new names"}
    plt.rcParams["svg.hashsalt"] = "benchmarks"  # the same figures give the same file
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(8, 3.2 * len(panels)), layout="constrained", squeeze=False
    )
    for axis, (title, systems) in zip(axes.flat, panels.items(), strict=True):
        tests = [part for part in next(iter(systems.values())) if part != "thresholds"]
        width = 0.8 / len(systems)
        for number, (name, row) in enumerate(systems.items()):
            values = np.array([row[part]["f1"] for part in tests])
            ends = np.array([row[part]["interval"] for part in tests]).T
            spread = np.maximum([values - ends[0], ends[1] - values], 0)
            places = np.arange(len(tests)) + (number - (len(systems) - 1) / 2) * width
            color = _COLORS[number % len(_COLORS)]
            axis.bar(places, values, width, yerr=spread, capsize=2, label=name, color=color)
        axis.set_xticks(np.arange(len(tests)), tests)
        axis.set(ylim=(0, 1), ylabel="F1, with 95 % interval", title=title)
        axis.grid(axis="y", alpha=0.3)
        axis.legend(loc="lower right", fontsize="small")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
