"""What a matcher matches against at one moment, and the names it leaves out."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter

from spacy_catalog_ner.catalog.compiled import Catalog
from spacy_catalog_ner.catalog.normalization import get_normalizer
from spacy_catalog_ner.catalog.overlay import Overlay
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


class Snapshot:
    """A compiled catalog and the changes to it, of which neither ever changes.

    A matcher replaces its snapshot as a whole; a document is matched against one.

    Parameters
    ----------
    catalog
        The compiled catalog, None if there is none.
    overlay
        Entries added and removed since it was compiled.
    controls
        Names to leave out.

    Attributes
    ----------
    normalization
        Name of the normal form that texts and names are compared in.
    """

    def __init__(self, catalog: Catalog | None, overlay: Overlay, controls: NoiseControls) -> None:
        if catalog is not None:
            overlay = overlay.on(catalog.meta["normalization"], catalog.meta["variants"])
        self.catalog = catalog
        self.overlay = overlay
        self.controls = controls
        self.normalization = overlay.normalization
        self._hidden = frozenset() if catalog is None else overlay.hidden_in(catalog)
        self._stops = frozenset(map(get_normalizer(self.normalization), controls.stop_list))

    def __bool__(self) -> bool:
        return self.catalog is not None or bool(self.overlay)

    @property
    def labels(self) -> list[str]:
        """All labels a candidate can have, sorted."""
        labels = {entry.label for entry in self.overlay.entries}
        if self.catalog is not None:
            labels.update(self.catalog.labels)
        if self.controls.labels is not None:
            labels.intersection_update(self.controls.labels)
        return sorted(labels)

    def candidates(self, form: str) -> tuple[tuple[str, str], ...]:
        """Return (label, id) of all that a normal form stands for, most popular first.

        An empty tuple if it is no name, or one that the noise controls leave out.
        """
        controls = self.controls
        if len(form) < controls.min_length or form in self._stops:
            return ()
        if self.catalog is None or self.overlay:
            pairs = self._by_weight(form)
        else:
            pairs = self.catalog.labels_and_ids(form)
        if controls.labels is not None:
            pairs = [pair for pair in pairs if pair[0] in controls.labels]
        return tuple(dict.fromkeys(pairs))[: controls.max_per_span]

    def _by_weight(self, form: str) -> list[tuple[str, str]]:
        found = [(entry.weight, entry.label, entry.id) for entry in self.overlay.lookup(form)]
        if (catalog := self.catalog) is not None:
            for number, _ in catalog.numbers(form):
                if number not in self._hidden:
                    found.append((catalog.weight(number), *catalog.label_and_id(number)))
        # Sorting is stable: of equal weight, entries added come before compiled ones.
        found.sort(key=itemgetter(0), reverse=True)
        return [(label, identifier) for _, label, identifier in found]
