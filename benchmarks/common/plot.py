"""Drawing without a display, the same file from the same figures."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

plt.rcParams["svg.hashsalt"] = "benchmarks"


def save(figure: Figure, path: Path) -> None:
    """Write a figure as SVG, and forget it."""
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    plt.close(figure)
