"""``catalog-ner generate agreement``."""

from __future__ import annotations


def agreement() -> None:
    """Not there yet."""
