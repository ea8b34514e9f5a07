"""The reliability of confidences as a picture."""

from __future__ import annotations

from pathlib import Path

from spacy_catalog_ner.calibration.calibration import Report
from spacy_catalog_ner.errors import MissingExtraError
from spacy_catalog_ner.io.files import atomic_write

_STYLES = {
    "known": ("catalog and exemplars", "s", "#0072b2"),
    "verdict": ("LLM's verdict alone", "^", "#d55e00"),
    "judged": ("both together", "o", "#009e73"),
}


def plot_reliability(report: Report, path: str | Path) -> None:
    """Draw an SVG of how often candidates were right by the confidence they had."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("A reliability plot", "calibration") from None
    with rc_context({"svg.hashsalt": "reliability"}):  # the same figures give the same file
        figure = Figure(figsize=(5, 5), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="ideal")
        for name, (label, marker, color) in _STYLES.items():
            measured = getattr(report.asked or report, name, None)
            if measured is None:
                continue
            bins, error = measured.reliability.bins, measured.reliability.expected_calibration_error
            axes.plot(
                [part.confidence for part in bins],
                [part.accuracy for part in bins],
                marker=marker,
                color=color,
                label=f"{label} (error {error:.3f})",
            )
        limits = (-0.02, 1.02)
        axes.set(xlabel="confidence", ylabel="share that is right", xlim=limits, ylim=limits)
        axes.set_aspect("equal")
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left")
        with atomic_write(path, "wb") as stream:
            figure.savefig(stream, format="svg", metadata={"Date": None})
