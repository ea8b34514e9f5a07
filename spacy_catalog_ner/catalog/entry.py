"""What a catalog says of one name."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.errors import CatalogNERError

MAX_NAME_LENGTH = 1000
"""Longest name taken, in characters: what is longer is a broken row, not a name."""


@dataclass(frozen=True)
class Entry:
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
        If the name or an alias has no letter or digit, is too long or holds a NUL byte, or there
        is no label.
    """

    text: str
    label: str
    id: str = ""
    weight: float = 1.0
    aliases: tuple[str, ...] = ()
    lang: str = ""

    def __post_init__(self) -> None:
        for name in (self.text, *self.aliases):
            _check_name(name)
        if not self.label:
            raise CatalogNERError("no label")

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Entry:
        """Make an entry of a JSON object, a CSV row or a spaCy EntityRuler phrase pattern.

        Raises
        ------
        CatalogNERError
            If the row has no usable name or label, or a value of the wrong kind.
        """
        text = row.get("text", row.get("pattern"))
        if isinstance(text, list):
            raise CatalogNERError("token patterns are not names; expected a string as pattern")
        label = row.get("label")
        if not isinstance(label, str) or not label.strip():
            raise CatalogNERError("no label")
        aliases = row.get("aliases") or ()
        if isinstance(aliases, str):
            aliases = tuple(alias.strip() for alias in aliases.split("|"))
        if not isinstance(aliases, list | tuple):
            raise CatalogNERError('aliases: expected a list of strings, or "a|b" in a CSV file')
        identifier = row.get("id")
        return cls(
            text=_check_name(text).strip(),
            label=label.strip(),
            id="" if identifier is None else str(identifier),
            weight=_check_weight(row.get("weight")),
            aliases=tuple(_check_name(alias).strip() for alias in aliases if alias != ""),
            lang=str(row.get("lang") or ""),
        )

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

    def surface_forms(self) -> list[str]:
        """Return the normalised forms to look for, canonical name first, without duplicates."""
        return list(dict.fromkeys(normalize(form) for form in (self.text, *self.aliases)))


def _check_name(value: Any) -> str:
    if not isinstance(value, str):
        raise CatalogNERError(f"expected a name, got {value!r:.60}")
    if len(value) > MAX_NAME_LENGTH:
        raise CatalogNERError(f"a name of {len(value)} characters, at most {MAX_NAME_LENGTH}")
    if "\0" in value:
        raise CatalogNERError("a name with a NUL byte")
    if not any(char.isalnum() for char in value):
        raise CatalogNERError(f"a name without a letter or digit: {value!r:.60}")
    return value


def _check_weight(value: Any) -> float:
    if value is None or value == "":
        return 1.0
    try:
        weight = float(value)
    except (TypeError, ValueError, OverflowError):
        raise CatalogNERError(f"weight: expected a number, got {value!r:.60}") from None
    if not (math.isfinite(weight) and weight >= 0):
        raise CatalogNERError(f"weight: expected a finite number of at least 0, got {value!r}")
    return weight
