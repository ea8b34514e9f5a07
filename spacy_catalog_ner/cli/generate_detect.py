"""``catalog-ner generate detect``."""

from __future__ import annotations


def detect() -> None:
    """Not there yet."""
