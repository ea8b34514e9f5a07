"""``catalog-ner generate cluster``."""

from __future__ import annotations


def cluster() -> None:
    """Not there yet."""
