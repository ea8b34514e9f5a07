"""Spanish: contractions, one article where pattern and name both have one, and e and u for y and o.

Sources are the entries of the Diccionario panhispánico de dudas of the Real Academia Española:
https://www.rae.es/dpd/del, https://www.rae.es/dpd/al, https://www.rae.es/dpd/y and
https://www.rae.es/dpd/o.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from spacy_catalog_ner.catalog.normalization import normalize_without_diacritics


class Opening(NamedTuple):
    """Whether a name begins with an article, with the sound /i/, and with /o/."""

    article: bool
    i: bool
    o: bool


# English names bring theirs along: "los The Beatles" has one too many
_ARTICLE = re.compile(r"(?:el|la|los|las|un|una|unos|unas|the)\s+\S", re.IGNORECASE)
_LAST_ARTICLE = re.compile(r"(?<!\S)(?:el|la|los|las|un|una|unos|unas)\s+$", re.IGNORECASE)
_CONTRACTED = re.compile(r"(?<!\S)(de|a)l(\s+)$", re.IGNORECASE)
_UNCONTRACTED = re.compile(r"(?<!\S)(de|a)\s+el(\s+)$", re.IGNORECASE)
# "¿Y Inés?" asks for her and stays (DPD, y): something must stand before, with no "¿" between
_AND = re.compile(r"(?:(?<=[^\s¿?¡!.])|^)(\s+)y(\s+)$")
_OR = re.compile(r"(?:(?<=[^\s¿?¡!.])|^)(\s+)o(\s+)$")
# Before a diphthong ("hierro", "Ian") y stays, or may stay
_I_SOUND = re.compile(r"h?i(?![aeou])|y(?![aeiou])")
_O_SOUND = re.compile(r"h?o|8|11(?:\d{3})*(?!\d)")
# English words with another first sound: "Metallica y Iron Maiden", "Queen o One Direction"
_OTHER_SOUND = re.compile(
    r"(?:i|im|ice|ive|iron|island|isle|hi|hide|high|one|onerepublic)(?![a-z])"
    r"|i(?:cloud|mac|message|phone|pad|pod|robot|tunes|zombie)"
)
_SIGNS_BEFORE = re.compile(r"^\W+")


def opening(name: str) -> Opening:
    """Return what the words before a name depend on."""
    form = _SIGNS_BEFORE.sub("", normalize_without_diacritics(name)).replace("'", "")
    other = _OTHER_SOUND.match(form) is not None
    return Opening(
        article=_ARTICLE.match(name.lstrip()) is not None,
        i=not other and _I_SOUND.match(form) is not None,
        o=not other and _O_SOUND.match(form) is not None,
    )


def fit(literal: str, name: Opening) -> str:
    """Adapt the words before a name.

    "de el" and "a el" become "del" and "al". An article that is part of a name is never contracted
    ("la lectura de El Aleph"; DPD, del 1), and replaces that of the pattern. "y" becomes "e" before
    the sound /i/ and "o" becomes "u" before /o/.
    """
    if name.article:
        return _LAST_ARTICLE.sub("", _CONTRACTED.sub(r"\1\2", literal))
    literal = _UNCONTRACTED.sub(r"\1l\2", literal)
    if name.i:
        return _AND.sub(r"\1e\2", literal)
    if name.o:
        return _OR.sub(r"\1u\2", literal)
    return literal
