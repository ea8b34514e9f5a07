"""The command lines of the benchmarks."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]


class Parser(argparse.ArgumentParser):
    """Options of a benchmark, with ``--output``.

    Parameters
    ----------
    name
        Of its package.
    description
        What it measures.
    example
        Options of an example.
    parts
        Shown before the example.
    """

    def __init__(self, name: str, description: str | None, example: str, parts: str = "") -> None:
        command = f"python -m benchmarks.{name}"
        super().__init__(
            prog=command,
            description=description,
            epilog=f"{parts}example:\n  {command} {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.add("--output", Path, Path("benchmarks/results"), "folder for results")

    def add(self, name: str, kind: Callable[[str], Any], default: object, text: str) -> None:
        """Add an option whose default is shown."""
        self.add_argument(name, type=kind, default=default, help=f"{text} (%(default)s)")

    def add_data(self, text: str, *, required: bool = True) -> None:
        """Add ``--data``, the folder of the public sets."""
        self.add_argument("--data", type=Path, required=required, help=text)
