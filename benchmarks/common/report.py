"""The table that a run ends with, and how its figures are written."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Line:
    """One figure.

    Attributes
    ----------
    holds
        Whether it reaches its target; None where there is none.
    """

    what: str
    figure: str
    target: str = ""
    holds: bool | None = None


@dataclass
class Report:
    """What was measured.

    Attributes
    ----------
    measurements
        Everything the figures were made of, by part.
    """

    machine: dict[str, Any]
    settings: dict[str, Any]
    table: list[Line] = field(default_factory=list)
    measurements: dict[str, Any] = field(default_factory=dict)

    def add(self, what: str, figure: str, target: str = "", holds: bool | None = None) -> None:
        """Add a line to the table."""
        self.table.append(Line(what, figure, target, holds))

    def to_markdown(self) -> str:
        """Return the table."""
        words = {True: "yes", False: "NO", None: ""}
        rows = [("what", "figure", "target", "holds")]
        rows += [(line.what, line.figure, line.target, words[line.holds]) for line in self.table]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        rows.insert(1, tuple("-" * width for width in widths))
        return "\n".join(
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            + " |"
            for row in rows
        )  # fmt: skip

    @property
    def is_missed(self) -> bool:
        """Whether a figure misses its target."""
        return any(line.holds is False for line in self.table)

    def write(self, path: Path) -> None:
        """Write all of it as JSON, and make the folder."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(asdict(self), ensure_ascii=False, indent=1)
        path.write_text(text + "\n", encoding="utf8")


def time_text(value: float) -> str:
    """Write a number of seconds: "41.2 s", "0.213 ms"."""
    if value >= 100:
        return f"{value:,.0f} s"
    return f"{value:.3g} s" if value >= 1 else f"{1000 * value:.3g} ms"


def size_text(value: float) -> str:
    """Write a number of bytes in megabytes of a million bytes."""
    megabytes = value / 1e6
    return f"{megabytes:,.0f} MB" if abs(megabytes) >= 10 else f"{megabytes:.2g} MB"


def ratio(large: float, small: float) -> float:
    """Return how many times larger one is, 0 where the other is too small to be measured."""
    return large / small if small > 0 else 0.0
