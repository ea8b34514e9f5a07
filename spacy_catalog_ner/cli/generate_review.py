"""``catalog-ner generate review``."""

from __future__ import annotations


def review() -> None:
    """Not there yet."""
