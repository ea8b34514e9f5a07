"""``catalog-ner generate populate``."""

from __future__ import annotations


def populate() -> None:
    """Not there yet."""
