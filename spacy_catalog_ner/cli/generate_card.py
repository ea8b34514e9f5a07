"""``catalog-ner generate card``."""

from __future__ import annotations


def card() -> None:
    """Not there yet."""
