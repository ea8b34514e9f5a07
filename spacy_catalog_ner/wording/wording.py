"""The words around names: their agreement with the names, and their written and spoken form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from spacy_catalog_ner.wording import english as wording_en
from spacy_catalog_ner.wording import spanish as wording_es
from spacy_catalog_ner.wording.spoken_form import spoken_form, spoken_literal

Form = Literal["written", "spoken"]

_AGREEMENT: dict[str, tuple[Callable[[str], Any], Callable[[str, Any], str]]] = {
    "en": (wording_en.opening, wording_en.fit),
    "es": (wording_es.opening, wording_es.fit),
}


class Wording:
    """Adapts the words of one language to the names among them.

    English and Spanish have rules of agreement; the words of other languages stay as they are.
    Results are kept, as patterns and names come again and again.
    """

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self._opening, self._fit = _AGREEMENT.get(
            lang, (lambda name: True, lambda literal, opening: literal)
        )
        self._openings: dict[str, Any] = {}
        # For each literal of a pattern, its text before each opening of a name
        self._tables: dict[tuple[tuple[str, ...], Form], list[dict[Any, str]]] = {}

    def name(self, name: str, form: Form) -> str:
        """Return a name as in the catalog, or as it is said."""
        return name if form == "written" else spoken_form(name, self.lang)

    def agree(self, literal: str, name: str) -> str:
        """Return the text before a name, made to agree with it."""
        return self._fit(literal, self._opening_of(name))

    def literals(self, literals: tuple[str, ...], names: Sequence[str], form: Form) -> list[str]:
        """Return the text before, between and after names, made to agree with them.

        Parameters
        ----------
        literals
            Text of the pattern, one more than there are names.
        names
            The names as in the catalog.
        form
            Written keeps the pattern's case and punctuation.
        """
        key = (literals, form)
        tables = self._tables.get(key)
        if tables is None:
            tables = self._tables[key] = [{} for _ in literals]
        made = []
        for position, name in enumerate([*names, None]):
            opening = None if name is None else self._opening_of(name)
            words = tables[position].get(opening)
            if words is None:
                words = self._word(literals[position], opening, form, first=not position)
                tables[position][opening] = words
            made.append(words)
        return made

    def _word(self, literal: str, opening: Any, form: Form, *, first: bool) -> str:
        """Return the text before a name with this opening, or after the last one (None)."""
        if opening is not None:
            literal = self._fit(literal, opening)
        if form == "written":
            return literal
        return spoken_literal(literal, self.lang, first=first, last=opening is None)

    def _opening_of(self, name: str) -> Any:
        opening = self._openings.get(name)
        if opening is None:
            opening = self._openings[name] = self._opening(name)
        return opening
