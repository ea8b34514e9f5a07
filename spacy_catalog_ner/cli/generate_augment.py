"""``catalog-ner generate augment``."""

from __future__ import annotations


def augment() -> None:
    """Not there yet."""
