"""Rules about labels that a team writes down in a file: what may be a song, and how often.

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

import math
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from spacy.tokens import Span

from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.files import read_yaml, require_file

T = TypeVar("T", bound=msgspec.Struct)
Count = Annotated[int, msgspec.Meta(ge=1)]
Text = Annotated[str, msgspec.Meta(min_length=1)]


class LabelRule(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What spans of one label must be like.

    Words are separated by white space, and a span without a confidence passes. A text keeps the
    best ``max_per_text`` spans. Texts to forbid are compared in normal form.
    """

    min_words: Count | None = None
    max_words: Count | None = None
    min_confidence: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    max_per_text: Count | None = None
    forbid: list[Text] | None = None

    def __post_init__(self) -> None:
        if self.max_words is not None and (self.min_words or 1) > self.max_words:
            raise ValueError("min_words is more than max_words, which no span can obey")


class LabelRules:
    """What spans of each label must be like, and which labels exclude each other.

    Parameters
    ----------
    data
        Contents of a rules file: ``labels``, the keys of a `LabelRule` for each label, and
        ``exclusive``, a list of lists of labels: of each, a text has spans of one label, that of
        the best span.
    name
        What messages name: the file.

    Raises
    ------
    CatalogNERError
        If `data` is of another shape; the message names the key.
    """

    def __init__(self, data: Any, name: str = "rules") -> None:
        sections = _convert(data, _Sections, name)
        self._labels = {
            label: _convert(rules, LabelRule, name, f"labels.{label}")
            for label, rules in (sections.labels or {}).items()
        }
        self._exclusive = sections.exclusive or []
        self._forbidden = {
            label: frozenset(map(normalize, rule.forbid or ()))
            for label, rule in self._labels.items()
        }

    @classmethod
    def read(cls, path: str | Path) -> LabelRules:
        """Read a YAML or JSON file; an error names the file and the key."""
        path = require_file(path, "label rules in YAML or JSON")
        data = read_yaml(path)
        return cls({} if data is None else data, str(path))

    def to_dict(self) -> dict[str, Any]:
        """Return what the constructor takes."""
        return {"labels": msgspec.to_builtins(self._labels), "exclusive": self._exclusive}

    def find_broken(self, span: Span, confidence: float | None, kept: Counter[str]) -> str:
        """Return the first rule that a span breaks, such as ``"SONG.max_words"``; "" if none.

        `kept` counts the better spans of each label in the text.
        """
        label = span.label_
        rule = self._labels.get(label)
        if rule is not None:
            words = len(span.text.split())
            broken = {
                "min_words": words < (rule.min_words or 0),
                "max_words": words > (rule.max_words or words),
                "min_confidence": confidence is not None
                and confidence < (rule.min_confidence or 0),
                "forbid": normalize(span.text) in self._forbidden[label],
                "max_per_text": kept[label] >= (rule.max_per_text or math.inf),
            }
            first = next((name for name, is_broken in broken.items() if is_broken), "")
            if first:
                return f"{label}.{first}"
        rivals = (other for group in self._exclusive if label in group for other in group)
        return "exclusive" if any(kept[rival] for rival in rivals if rival != label) else ""


class _Sections(msgspec.Struct, forbid_unknown_fields=True):
    labels: dict[str, Any] | None = None
    exclusive: list[Annotated[list[str], msgspec.Meta(min_length=2)]] | None = None

    def __post_init__(self) -> None:
        for group in self.exclusive or ():
            if len(set(group)) < 2:
                raise ValueError("exclusive: expected lists of two or more different labels")


def _convert(data: Any, kind: type[T], name: str, prefix: str = "") -> T:
    """Check data; an error names the key, and what was expected and given."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as err:
        message, _, key = str(err).partition(" - at `$")
        if not key:
            message += f" (known keys: {', '.join(kind.__struct_fields__)})"
        where = ": ".join(filter(None, (name, f"{prefix}{key}".strip(".`"))))
        raise CatalogNERError(" ".join(f"{where}: {message}, got {data!r:.80}".split())) from None
