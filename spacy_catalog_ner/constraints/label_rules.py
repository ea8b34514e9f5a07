"""Rules about labels that a team writes down in a file: what is accepted as a song, and how often.

::

    labels:
      SONG:
        max_words: 8
        min_confidence: 0.6
        forbid: [it, something]
      CITY:
        max_per_text: 2
    exclusive:
      - [ALBUM, SONG]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from spacy.tokens import Span

from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.files import read_yaml, require_file


class LabelRules:
    """What spans of each label must be like, and which labels do not go together.

    Parameters
    ----------
    data
        Contents of a rules file. ``labels`` has for each label any of

        - ``min_words``, ``max_words``: length of a span in words, which white space separates;
        - ``min_confidence``: from 0 to 1; a span without a confidence passes;
        - ``max_per_text``: how many spans a text has, the best of them;
        - ``forbid``: texts that are never accepted, compared in normal form.

        ``exclusive`` is a list of lists of labels: of each, a text has spans of one label, that of
        the best span.
    place
        What messages name: the file.

    Raises
    ------
    CatalogNERError
        If `data` is of another shape; the message names the key.
    """

    def __init__(self, data: Any, place: str = "rules") -> None:
        sections = _mapping(data, place, ("labels", "exclusive"))
        labels = _mapping(sections.get("labels") or {}, f"{place}: labels")
        self._labels = {
            label: _check_label(rules, f"{place}: labels.{label}")
            for label, rules in labels.items()
        }
        self._exclusive = _check_exclusive(sections.get("exclusive") or [], f"{place}: exclusive")
        self._forbidden = {
            label: frozenset(map(normalize, rules.get("forbid", ())))
            for label, rules in self._labels.items()
        }

    @classmethod
    def read(cls, path: str | Path) -> LabelRules:
        """Read a YAML or JSON file.

        Raises
        ------
        CatalogNERError
            If it is missing or of another shape; the message names file and key.
        """
        path = require_file(path, "label rules in YAML or JSON")
        data = read_yaml(path)
        return cls({} if data is None else data, str(path))

    def to_dict(self) -> dict[str, Any]:
        """Return what the constructor takes."""
        return {"labels": self._labels, "exclusive": self._exclusive}

    def find_broken(self, span: Span, confidence: float | None, accepted: Counter[str]) -> str:
        """Return the first rule that a span breaks, such as ``"SONG.max_words"``; "" if none.

        Parameters
        ----------
        span
            The span.
        confidence
            Its confidence, None where there is none.
        accepted
            How many better spans of each label the text has.
        """
        label = span.label_
        rule = self._find_broken_of_label(span, confidence, accepted[label])
        if rule:
            return f"{label}.{rule}"
        return "exclusive" if any(accepted[rival] for rival in self._rivals(label)) else ""

    def _find_broken_of_label(self, span: Span, confidence: float | None, accepted: int) -> str:
        rules = self._labels.get(span.label_)
        if not rules:
            return ""
        words = len(span.text.split())
        if words < rules.get("min_words", words):
            return "min_words"
        if words > rules.get("max_words", words):
            return "max_words"
        if confidence is not None and confidence < rules.get("min_confidence", 0):
            return "min_confidence"
        if normalize(span.text) in self._forbidden[span.label_]:
            return "forbid"
        return "max_per_text" if accepted >= rules.get("max_per_text", accepted + 1) else ""

    def _rivals(self, label: str) -> Iterator[str]:
        for group in self._exclusive:
            if label in group:
                yield from (other for other in group if other != label)


def _check_label(rules: Any, place: str) -> dict[str, Any]:
    rules = _mapping(rules, place, _CHECKS)
    for name, value in rules.items():
        is_right, expected = _CHECKS[name]
        if not is_right(value):
            raise CatalogNERError(f"{place}.{name}: expected {expected}, got {value!r:.80}")
    if rules.get("min_words", 0) > rules.get("max_words", rules.get("min_words", 0)):
        raise CatalogNERError(f"{place}: min_words is more than max_words, which no span can obey")
    return rules


def _check_exclusive(groups: Any, place: str) -> list[list[str]]:
    if not isinstance(groups, list):
        raise CatalogNERError(f"{place}: expected a list of lists of labels, got {groups!r:.80}")
    for number, group in enumerate(groups, start=1):
        if not _is_list_of_texts(group) or len(set(group)) < 2:
            raise CatalogNERError(
                f"{place}: expected a list of two or more labels at place {number}, got"
                f" {group!r:.80}"
            )
    return [list(group) for group in groups]


def _mapping(value: Any, place: str, known: Collection[str] | None = None) -> dict[str, Any]:
    """Return a dict that was checked for its keys; any text is known if None."""
    expected = "labels" if known is None else ", ".join(known)
    if not isinstance(value, dict):
        raise CatalogNERError(f"{place}: expected keys {expected}, got {value!r:.80}")
    for key in value:
        if not isinstance(key, str) or (known is not None and key not in known):
            raise CatalogNERError(f"{place}: unknown key {key!r:.80}, expected {expected}")
    return dict(value)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 1


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


_COUNT = (_is_count, "a whole number of at least 1")
_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "min_words": _COUNT,
    "max_words": _COUNT,
    "min_confidence": (_is_share, "a number from 0 to 1"),
    "max_per_text": _COUNT,
    "forbid": (_is_list_of_texts, "a list of texts"),
}
