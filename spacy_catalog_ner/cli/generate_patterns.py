"""``catalog-ner generate patterns``."""

from __future__ import annotations


def patterns() -> None:
    """Not there yet."""
