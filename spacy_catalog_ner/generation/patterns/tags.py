"""The tags that a pattern may have."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.generation.patterns.pattern import PLACEHOLDER


class Tags:
    """The labels that are known, and which of them there are names for.

    Parameters
    ----------
    labels
        Description of each label.
    in_catalog
        The labels that the catalog has names for.

    Attributes
    ----------
    allowed
        Description of each label that a placeholder may have.
    forbidden
        Description of each label that no name could be put in the place of.

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
        """Return a label as the labels write it, whatever its case; None if it is unknown."""
        return label if label in self._labels else self._by_case.get(label.casefold())
