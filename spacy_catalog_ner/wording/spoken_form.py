"""The form of an utterance that speech recognition writes."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from importlib.util import find_spec

# Said as words; all other punctuation is not said
_SIGNS = {
    "en": {"&": "and", "+": "plus", "%": "percent"},
    "es": {"&": "y", "+": "plus", "%": "por ciento"},
}
_POINT = {"en": "point", "es": "punto"}
_INITIALS = re.compile(r"(?<=\b[^\W\d_])\.(?=[^\W\d_]\b)")  # "s.w.a.t." -> "swat."
_THOUSANDS = re.compile(r"(?<=\d)[.,](?=\d{3}(?!\d))")  # "10,000" and "10.000"
_DECIMAL = re.compile(r"(?<=\d)[.](?=\d)")
_LETTER_SIGNS = (  # "P!nk", "A$AP", "Ke$ha": signs that stand for a letter
    (re.compile(r"(?<=[^\W\d_])!(?=[^\W\d_])"), "i"),
    (re.compile(r"\$(?=[^\W\d_])|(?<=[^\W\d_])\$"), "s"),
)
_APOSTROPHES = re.compile("[\u2018\u2019\u02bc`]")
_NUMBER = re.compile(r"(?<!\S)[0-9]{1,4}(?!\S)")  # "u2" is no number
_OUTER_APOSTROPHES = re.compile(r"(?<![^\W_])'|'(?![^\W_])")


class _Said(dict[int, str]):
    """Translation table: a character, or a space in place of punctuation."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        # Combining accents and vowel signs (M) are part of a letter
        is_said = char.isalnum() or char == "'" or unicodedata.category(char).startswith("M")
        self[code] = char if is_said else " "
        return self[code]


_SAID = _Said()


@lru_cache(maxsize=1 << 18)
def spoken_form(text: str, lang: str) -> str:
    """Return a text in lower case, without punctuation, and with its numbers in words.

    Apostrophes within words stay. "&", "+" and "%" become words in English and Spanish, and so do
    numbers of up to four digits if `spells_numbers`.

    Examples
    --------
    >>> spoken_form("AC/DC - Back in Black!", "en")
    'ac dc back in black'
    """
    text = _INITIALS.sub("", _APOSTROPHES.sub("'", text.lower()))
    for pattern, letter in _LETTER_SIGNS:
        text = pattern.sub(letter, text)
    text = _THOUSANDS.sub("", text)
    if lang in _POINT:
        text = _DECIMAL.sub(f" {_POINT[lang]} ", text)
    for sign, word in _SIGNS.get(lang, {}).items():
        text = text.replace(sign, f" {word} ")
    words = " ".join(_OUTER_APOSTROPHES.sub(" ", text.translate(_SAID)).split())
    return _NUMBER.sub(lambda match: _spell(match[0], lang), words)


def spoken_literal(literal: str, lang: str, *, first: bool, last: bool) -> str:
    """Return the spoken form of the text before (`first`), between or after (`last`) names.

    Space at a name stays, and so does an apostrophe: "<ARTIST>'s".
    """
    # "xx" takes the place of each name: two letters, so that it is no initial
    left, right = "" if first else "xx", "" if last else "xx"
    said = spoken_form(f"{left}{literal}{right}", lang)
    return said[len(left) : len(said) - len(right)]


@cache
def spells_numbers(lang: str) -> bool:
    """Tell whether num2words is installed and knows the language."""
    if find_spec("num2words") is None:
        return False
    from num2words import CONVERTER_CLASSES

    return lang in CONVERTER_CLASSES


def _spell(digits: str, lang: str) -> str:
    """Spell a number; four digits in English as a year: "nineteen eighty four"."""
    if not spells_numbers(lang):
        return digits
    from num2words import num2words

    kind = "year" if lang == "en" and len(digits) == 4 and digits[0] != "0" else "cardinal"
    words: str = num2words(int(digits), lang=lang, to=kind)
    return words.replace("-", " ").replace(",", "")
