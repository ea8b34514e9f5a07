"""The figures by number of names, one panel for each kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.common.plot import plt, save

_PANELS = (
    ("build_s", "Build, from the file of names to ready", "seconds", 1),
    ("rss", "Memory it adds to a process", "MB", 1e6),
    ("open_s", "Open in a further process (or build again)", "seconds", 1),
    ("scan_per_s", "Scan Docs that are tokenised", "Docs a second", 1),
)
# Told apart without colours too.
_STYLES = {
    "catalog": ("o", "#0072b2"),
    "PhraseMatcher": ("s", "#d55e00"),
    "SpanRuler": ("^", "#cc79a7"),
    "pyahocorasick": ("D", "#009e73"),
}


def plot(engines: dict[str, dict[str, dict[str, Any]]], path: Path) -> None:
    """Draw what `parts.measure_engines` gave, and write it as SVG and PNG.

    Parameters
    ----------
    engines
        By name of the engine and number of names, the figures.
    path
        Where to; its suffix is put in place.
    """
    figure, axes = plt.subplots(2, 2, figsize=(10, 7.5), layout="constrained")
    for panel, (key, title, unit, scale) in zip(axes.flat, _PANELS, strict=True):
        for name, by_count in engines.items():
            marker, color = _STYLES[name]
            counts = sorted(map(int, by_count))
            values = [_value(by_count[str(count)], key) / scale for count in counts]
            label = "this catalog" if name == "catalog" else name
            panel.plot(counts, values, marker=marker, color=color, label=label)
        panel.set(xscale="log", yscale="log", title=title, ylabel=unit, xlabel="names")
        panel.grid(True, which="major", alpha=0.3)
    axes[0, 0].legend()
    figure.savefig(path.with_suffix(".png"), dpi=120)
    save(figure, path)


def _value(row: dict[str, Any], key: str) -> float:
    # A logarithmic axis has no place for 0 or less, which noise makes of very small catalogs.
    return max(row["memory"]["rss"], 1e5) if key == "rss" else row[key]
