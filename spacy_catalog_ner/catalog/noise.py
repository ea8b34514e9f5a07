"""Which of the names in a text are no candidates."""

from __future__ import annotations

from dataclasses import dataclass

from spacy_catalog_ner.errors import CatalogNERError


@dataclass(frozen=True)
class NoiseControls:
    """Settings that keep names out; each is off by default.

    Attributes
    ----------
    min_length
        Shortest normal form, in characters.
    stop_list
        Names that are never candidates, in any case and spelling that has the same normal form.
    labels
        The labels to use; None for all.
    max_per_span
        At most so many candidates for one span, the most popular; None for all.

    Raises
    ------
    CatalogNERError
        If a number is below 1, or a value of another kind.
    """

    min_length: int = 1
    stop_list: tuple[str, ...] = ()
    labels: tuple[str, ...] | None = None
    max_per_span: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("min_length", self.min_length), ("max_per_span", self.max_per_span)):
            if value is None and name == "max_per_span":
                continue
            if not isinstance(value, int) or value < 1:
                raise CatalogNERError(f"{name}: expected a number of at least 1, got {value!r:.60}")
        for name, items in (("stop_list", self.stop_list), ("labels", self.labels or ())):
            if not isinstance(items, list | tuple) or not all(
                isinstance(item, str) for item in items
            ):
                raise CatalogNERError(f"{name}: expected strings, got {items!r:.60}")
