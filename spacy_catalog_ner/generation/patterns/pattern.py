"""An utterance with placeholders in the place of names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.errors import CatalogNERError

PLACEHOLDER = re.compile(r"<([A-Za-z][\w.-]*)>")
"""What stands for a name: its label in angle brackets, such as ``<ARTIST>``."""


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
        The utterance that it was made from, empty where there is none.
    cluster
        Cluster of the seed, None where there is none.
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
        """Twelve hexadecimal digits that stand for text and language, whatever the case."""
        key = f"{self.lang}\n{normalize(self.text)}"
        return hashlib.sha256(key.encode("utf8")).hexdigest()[:12]

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Label of each placeholder, in their order."""
        return tuple(PLACEHOLDER.findall(self.text))

    @cached_property
    def literals(self) -> tuple[str, ...]:
        """The text before, between and after the placeholders: one more than there are labels."""
        return tuple(PLACEHOLDER.split(self.text)[::2])

    def to_row(self) -> dict[str, Any]:
        """Return the row of a patterns file."""
        row: dict[str, Any] = {
            "id": self.id,
            "pattern": self.text,
            "lang": self.lang,
            "source": self.source,
        }
        if self.seed:
            row["seed"] = self.seed
        if self.cluster is not None:
            row["cluster"] = self.cluster
        if self.meta:
            row["meta"] = self.meta
        return row

    @classmethod
    def from_row(cls, row: Mapping[str, Any], lang: str = "") -> Pattern:
        """Make a pattern of the row of a patterns file.

        Parameters
        ----------
        row
            Needs ``pattern``; ``id`` is not read, as it follows from the text.
        lang
            Language of a row that names none.

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
