"""Comparing language tags."""

from __future__ import annotations

import re


def is_same_language(tag: str, lang: str) -> bool:
    """Tell whether two tags name the same language, whatever their regions and scripts.

    Examples
    --------
    >>> is_same_language("es-MX", "es"), is_same_language("en_GB", "en-US")
    (True, True)
    >>> is_same_language("fil-PH", "fi")
    False
    """
    first, second = (re.split("[-_]", name)[0].lower() for name in (tag, lang))
    return first == second
