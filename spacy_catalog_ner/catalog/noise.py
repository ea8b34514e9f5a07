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
        If a number is below 1.
    """

    min_length: int = 1
    stop_list: tuple[str, ...] = ()
    labels: tuple[str, ...] | None = None
    max_per_span: int | None = None

    def __post_init__(self) -> None:
        for name in ("min_length", "max_per_span"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise CatalogNERError(f"{name}: expected at least 1, got {value}")
