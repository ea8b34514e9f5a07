"""F1 of the students, with intervals, a panel for each experiment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.plot import plt, save

# Each kind of system has a hue of its own, in all panels
_COLORS = {
    "teacher": ("#999999",),
    "plain": ("#e69f00", "#d55e00"),
    "grounded": ("#0072b2", "#56b4e9", "#009e73"),
}


def plot(measurements: dict[str, Any], path: Path, without: Sequence[str] = ()) -> None:
    """Draw the F1 of every system on every test but those `without`, and write it as SVG."""
    panels = {title: systems for title, systems in measurements.items() if title != "new names"}
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(10, 3 * len(panels)), layout="constrained", squeeze=False
    )
    for axis, (title, systems) in zip(axes.flat, panels.items(), strict=True):
        parts = next(iter(systems.values()))
        tests = [part for part in parts if part not in ("thresholds", *without)]
        colors = {kind: iter(hues) for kind, hues in _COLORS.items()}
        width = 0.8 / len(systems)
        for number, (name, row) in enumerate(systems.items()):
            values = np.array([row[part]["f1"] for part in tests])
            ends = np.array([row[part]["interval"] for part in tests]).T
            spread = np.maximum([values - ends[0], ends[1] - values], 0)
            places = np.arange(len(tests)) + (number - (len(systems) - 1) / 2) * width
            color = next(colors[name.split(",")[0]])
            axis.bar(places, values, width, yerr=spread, capsize=2, label=name, color=color)
        axis.set_xticks(np.arange(len(tests)), tests)
        axis.set(ylim=(0, 1), ylabel="F1, with 95 % interval", title=title)
        axis.grid(axis="y", alpha=0.3)
        axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    save(figure, path)
