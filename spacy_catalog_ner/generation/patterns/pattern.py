"""Patterns: utterances with placeholders in the place of names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.errors import CatalogNERError

PLACEHOLDER = re.compile(r"<([A-Za-z][\w.-]*)>")
"""A label in angle brackets in the place of a name, such as ``<ARTIST>``."""


@dataclass(frozen=True)
class Pattern:
    """An utterance in which every name is a placeholder.

    Attributes
    ----------
    text
        Such as ``"put on that one by <ARTIST>, no wait, something from <ARTIST>"``.
    lang
        spaCy's code of its language.
    source
        How it was made: ``"abstracted"`` from an annotated utterance, ``"llm"``, or ``"written"``
        by a person.
    seed
        The utterance it was made from; may be empty.
    cluster
        Cluster of the seed, if any.
    meta
        Anything more, kept as it is.
    """

    text: str
    lang: str
    source: str = "written"
    seed: str = ""
    cluster: int | None = None
    meta: dict[str, Any] = field(default_factory=dict, compare=False)

    @cached_property
    def id(self) -> str:
        """Checksum of the text, whatever its case, and the language: twelve hexadecimal digits."""
        key = f"{self.lang}\n{normalize(self.text)}"
        return hashlib.sha256(key.encode("utf8")).hexdigest()[:12]

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Label of each placeholder, in their order."""
        return tuple(PLACEHOLDER.findall(self.text))

    @cached_property
    def literals(self) -> tuple[str, ...]:
        """The text before, between and after the placeholders."""
        return tuple(PLACEHOLDER.split(self.text)[::2])

    def to_row(self) -> dict[str, Any]:
        """Return the row of a patterns file."""
        row = {"id": self.id, "pattern": self.text, "lang": self.lang, "source": self.source}
        optional = {"seed": self.seed, "cluster": self.cluster, "meta": self.meta}
        return row | {key: value for key, value in optional.items() if value not in ("", None, {})}

    @classmethod
    def from_row(cls, row: Mapping[str, Any], lang: str = "") -> Pattern:
        """Make a pattern of the row of a patterns file; `lang` is that of a row that names none.

        Raises
        ------
        CatalogNERError
            If a value is missing or of another type.
        """
        text = row.get("pattern")
        if not isinstance(text, str) or not text.strip():
            raise CatalogNERError(f'expected a "pattern", got {text!r:.80}')
        values = {"lang": row.get("lang") or lang, "source": row.get("source") or "written"}
        values["seed"] = row.get("seed") or ""
        for name, value in values.items():
            if not isinstance(value, str):
                raise CatalogNERError(f"{name}: expected text, got {value!r:.80}")
        if not values["lang"]:
            raise CatalogNERError('no "lang" in the row, and no language given')
        cluster, meta = row.get("cluster"), row.get("meta") or {}
        if not (cluster is None or type(cluster) is int):
            raise CatalogNERError(f"cluster: expected a whole number, got {cluster!r:.80}")
        if not isinstance(meta, dict):
            raise CatalogNERError(f"meta: expected an object, got {meta!r:.80}")
        return cls(" ".join(text.split()), cluster=cluster, meta=meta, **values)


class Rejected(CatalogNERError):  # noqa: N818  (a result, not a failure)
    """A pattern that is not taken, or a seed that gives none.

    Parameters
    ----------
    kind
        What is wrong, in a few words that all of its kind share: they are counted.
    message
        What is wrong with this one.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def to_row(self) -> dict[str, str]:
        """Return what is added to the row of what was rejected."""
        return {"reason": self.kind, "message": str(self)}


class Tags:
    """The labels of placeholders, with their descriptions.

    Allowed are those `in_catalog`, the labels that the catalog has names for; the others are
    forbidden.

    Raises
    ------
    CatalogNERError
        If a label cannot be written as a placeholder, or the catalog has names for none.
    """

    def __init__(self, labels: Mapping[str, str], in_catalog: Collection[str]) -> None:
        for label in labels:
            if not PLACEHOLDER.fullmatch(f"<{label}>"):
                raise CatalogNERError(
                    f"label {label!r} cannot be written as a placeholder: expected a letter, then"
                    " letters, digits and _ . - only; rename it"
                )
        self.allowed = {label: text for label, text in labels.items() if label in in_catalog}
        self.forbidden = {label: text for label, text in labels.items() if label not in in_catalog}
        if not self.allowed:
            raise CatalogNERError(
                f"the catalog has names for none of the labels {', '.join(labels)}; it has"
                f" {', '.join(sorted(in_catalog)) or 'none at all'}; give the labels of this"
                " catalog"
            )
        self._by_case = {label.casefold(): label for label in reversed(list(labels))}
        self._labels = frozenset(labels)

    def find(self, label: str) -> str | None:
        """Return a label as the labels file writes it, whatever its case; None if unknown."""
        return label if label in self._labels else self._by_case.get(label.casefold())
