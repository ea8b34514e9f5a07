"""Whether a text is in the language that it should be in, by its commonest words."""

from __future__ import annotations

import importlib
import re
from functools import cache

# Not French, which spaCy takes three seconds to import
_OTHERS = ("de", "en", "es", "it", "nl", "pt")
# With fewer words a text may be good in several languages: "play <SONG>", "radio <GENRE> por favor"
_MIN_WORDS = 4
_MIN_COMMON = 3
_WORD = re.compile(r"[^\W\d_]+")


def find_other_language(text: str, lang: str) -> str | None:
    """Return the language that a text is in, if it is certainly not the expected one.

    A text is taken for another language's if at least three of its words are among that one's stop
    words, and twice as many as are among those of the expected one: related languages share many.

    Parameters
    ----------
    text
        Without placeholders.
    lang
        spaCy's code of the expected language.

    Returns
    -------
    str or None
        None where it is in the expected language, or where that cannot be told.

    Examples
    --------
    >>> find_other_language("what is the weather like in", "es")
    'en'
    >>> find_other_language("pon algo de", "es")
    """
    words = [word.lower() for word in _WORD.findall(text)]
    if len(words) < _MIN_WORDS or not stop_words(lang):
        return None
    common = {other: _count(words, other) for other in _OTHERS if other != lang}
    best = max(common, key=lambda other: common[other])
    is_other = common[best] >= max(_MIN_COMMON, 2 * _count(words, lang))
    return best if is_other else None


@cache
def stop_words(lang: str) -> frozenset[str]:
    """Return spaCy's stop words of a language; empty where it has none."""
    try:
        return frozenset(importlib.import_module(f"spacy.lang.{lang}.stop_words").STOP_WORDS)
    except ImportError:
        return frozenset()


def _count(words: list[str], lang: str) -> int:
    return sum(word in stop_words(lang) for word in words)
