"""What a catalog says of one name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import repeat
from numbers import Real
from typing import Any, NamedTuple

from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.errors import CatalogNERError

MAX_NAME_LENGTH = 1000
"""Longest name taken, in characters: what is longer is a broken row, not a name."""

MAX_WEIGHT = 1e300
"""Largest weight: what is larger is a broken row, not a popularity."""


class _Fields(NamedTuple):
    text: str
    label: str
    id: str
    weight: float
    aliases: tuple[str, ...]
    lang: str


class Entry(_Fields):
    """One entity of a catalog.

    Attributes
    ----------
    text
        Canonical name, as the catalog's owner writes it.
    label
        Entity type.
    id
        The owner's identifier; an empty string where there is none.
    weight
        Popularity on any scale of the owner's, at least 0; more is more popular.
    aliases
        Other forms that name the same entity.
    lang
        Language of the name, an empty string where it does not matter. It is kept with the entry
        and not used in matching.

    Raises
    ------
    CatalogNERError
        If a value is of another type; if the name or an alias has no letter or digit, is too long,
        or holds a NUL byte or half a surrogate pair; if there is no label; or if the weight is no
        number from 0 to 1e300.
    """

    __slots__ = ()

    def __new__(
        cls,
        text: str,
        label: str,
        id: str = "",
        weight: float = 1.0,
        aliases: Sequence[str] = (),
        lang: str = "",
    ) -> Entry:
        """Make an entry of values that are checked."""
        if type(aliases) is list:
            aliases = tuple(aliases)
        # The named tuple's own would take a second call, and there are millions of entries.
        self = tuple.__new__(cls, (text, label, id, weight, aliases, lang))
        # Most names are seen to be right at once.
        if not (
            type(text) is type(label) is type(id) is type(lang) is str
            and text[:1].isalnum()
            and len(text) <= MAX_NAME_LENGTH
            and label
            and type(weight) in (float, int)
            and 0 <= weight <= MAX_WEIGHT
            and aliases == ()
            and (every := f"{text}{label}{id}{lang}").isascii()
            and "\0" not in every
        ):
            self._check()
        return self

    def _check(self) -> None:
        if not isinstance(self.aliases, tuple):
            raise CatalogNERError(f"aliases: expected a tuple, got {self.aliases!r:.60}")
        for name in (self.text, *self.aliases):
            _check_name(name)
        if not isinstance(self.label, str) or not self.label:
            raise CatalogNERError("no label")
        for value, what in ((self.label, "label"), (self.id, "id"), (self.lang, "lang")):
            _check_plain(value, what)
        weight: Any = self.weight
        is_number = isinstance(weight, Real) and not isinstance(weight, bool)
        if not (is_number and 0 <= weight <= MAX_WEIGHT):
            raise CatalogNERError(
                f"weight: expected a number from 0 to {MAX_WEIGHT:g}, got {self.weight!r}"
            )

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Entry:
        """Make an entry of a JSON object, a CSV row or a spaCy EntityRuler pattern.

        A token pattern is a name where each token is given by nothing but its LOWER, TEXT or ORTH;
        a space is taken to stand between two tokens.

        Raises
        ------
        CatalogNERError
            If the row has no usable name or label, or a value of the wrong kind.
        """
        text = row.get("text")
        if text is None:
            text = row.get("pattern")
            if isinstance(text, list):
                text = _join_tokens(text)
        if not isinstance(text, str):
            raise CatalogNERError(f"expected a name, got {text!r:.60}")
        label = row.get("label")
        if not isinstance(label, str) or not (label := label.strip()):
            raise CatalogNERError("no label")
        identifier, lang = row.get("id"), row.get("lang")
        aliases, weight = row.get("aliases"), row.get("weight")
        return cls(
            text.strip(),
            label,
            "" if identifier is None else str(identifier),
            weight if type(weight) is float else _read_weight(weight),
            _read_aliases(aliases) if aliases else (),
            str(lang) if lang else "",
        )

    @classmethod
    def from_columns(
        cls,
        texts: Sequence[str],
        labels: Sequence[str],
        ids: Sequence[str],
        weights: Sequence[float],
        langs: Sequence[str],
    ) -> list[Entry]:
        """Make many entries without aliases, in a third of the time it takes one by one.

        Raises
        ------
        CatalogNERError
            If a value is wrong, without telling which entry's it is.
        """
        values = zip(texts, labels, ids, weights, repeat(()), langs)
        entries = list(map(partial(tuple.__new__, cls), values))
        words = "".join((*texts, *ids, *set(labels), *set(langs)))
        if (
            all(labels)
            and "\0" not in words
            and (words.isascii() or _is_unicode(words))
            and max(map(len, texts), default=0) <= MAX_NAME_LENGTH
            and min(weights, default=0) >= 0
            and max(weights, default=0) <= MAX_WEIGHT
        ):
            suspect = [entry for entry in entries if not entry[0][:1].isalnum()]
        else:
            suspect = entries
        for entry in suspect:
            entry._check()
        return entries

    def to_row(self) -> dict[str, Any]:
        """Return the JSON object that `from_row` reads."""
        return {
            "text": self.text,
            "label": self.label,
            "id": self.id,
            "weight": self.weight,
            "aliases": list(self.aliases),
            "lang": self.lang,
        }

    def surface_forms(self, normalize: Callable[[str], str] = normalize) -> list[str]:
        """Return the normalised forms to look for, canonical name first, without duplicates."""
        if not self.aliases:
            return [normalize(self.text)]
        return list(dict.fromkeys(map(normalize, (self.text, *self.aliases))))


def _join_tokens(pattern: list[Any]) -> str:
    words = [
        value
        for token in pattern
        if isinstance(token, dict) and len(token) == 1
        for key, value in token.items()
        if key.upper() in ("LOWER", "TEXT", "ORTH") and isinstance(value, str)
    ]
    if not words or len(words) < len(pattern):
        raise CatalogNERError("token patterns are not names; expected a string as pattern")
    return " ".join(words)


def _check_name(value: Any) -> None:
    if not isinstance(value, str):
        raise CatalogNERError(f"expected a name, got {value!r:.60}")
    if len(value) > MAX_NAME_LENGTH:
        raise CatalogNERError(f"a name of {len(value)} characters, at most {MAX_NAME_LENGTH}")
    _check_plain(value, "name")
    if not (value[:1].isalnum() or any(char.isalnum() for char in value)):
        raise CatalogNERError(f"a name without a letter or digit: {value!r:.60}")


def _check_plain(value: str, what: str) -> None:
    """Refuse what a compiled catalog cannot hold: its separator, and half of a character."""
    if not isinstance(value, str):
        raise CatalogNERError(f"{what}: expected a string, got {value!r:.60}")
    if "\0" in value:
        raise CatalogNERError(f"{what} with a NUL byte: {value!r:.60}")
    if not value.isascii() and not _is_unicode(value):
        raise CatalogNERError(f"{what} with half a surrogate pair: {value!a:.60}")


def _is_unicode(value: str) -> bool:
    try:
        value.encode("utf8")
    except UnicodeEncodeError:
        return False
    return True


def _read_aliases(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split("|")
    if not isinstance(value, list | tuple):
        raise CatalogNERError('aliases: expected a list of strings, or "a|b" in a CSV file')
    for alias in value:
        if not isinstance(alias, str):
            raise CatalogNERError(f"aliases: expected strings, got {alias!r:.60}")
    return tuple(stripped for alias in value if (stripped := alias.strip()))


def _read_weight(value: Any) -> float:
    if value is None or value == "":
        return 1.0
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise CatalogNERError(f"weight: expected a number, got {value!r:.60}") from None
