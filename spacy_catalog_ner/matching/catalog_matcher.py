"""`catalog_matcher`: every catalog name in the text becomes a candidate (span, label)."""

from __future__ import annotations

import copyreg
import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any

import srsly
from spacy import util
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc

from spacy_catalog_ner.catalog import Catalog, Entry, NoiseControls, Overlay, Snapshot
from spacy_catalog_ner.catalog.normalization import get_normalizer
from spacy_catalog_ner.catalog.overlay import removal
from spacy_catalog_ner.doc.record import CANDIDATES
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.evaluation.scorers import Scorer

try:
    from spacy_catalog_ner.matching._span_finder import SpanFinder, TokenForms
except (ImportError, ValueError):  # not built here, or for a spaCy of another memory layout
    from spacy_catalog_ner.matching.plain_finder import SpanFinder, TokenForms

_MAX_FORMS = 500_000  # distinct tokens; then they are forgotten and learned again


@Language.factory(
    "catalog_matcher",
    assigns=["doc.spans", "doc._.catalog_ner"],
    default_config={
        "catalog": None,
        "spans_key": CANDIDATES,
        "min_length": 1,
        "stop_list": [],
        "labels": None,
        "max_per_span": None,
        "drop_nested": False,
        "scorer": {"@scorers": "spacy_catalog_ner.spans_scorer.v1", "spans_key": CANDIDATES},
    },
    default_score_weights={
        f"spans_{CANDIDATES}_p": None,
        f"spans_{CANDIDATES}_r": 0.0,
        f"spans_{CANDIDATES}_f": None,
        f"spans_{CANDIDATES}_per_type": None,
    },
)
def make_catalog_matcher(
    nlp: Language,
    name: str,
    catalog: str | None,
    spans_key: str,
    min_length: int,
    stop_list: list[str],
    labels: list[str] | None,
    max_per_span: int | None,
    drop_nested: bool,
    scorer: Scorer | None,
) -> CatalogMatcher:
    """Make the component that ``nlp.add_pipe("catalog_matcher")`` adds.

    Parameters
    ----------
    catalog
        Folder of a compiled catalog; None to match only what `CatalogMatcher.add_entries` adds.
    spans_key
        The group of ``doc.spans`` to write.
    min_length, stop_list, labels, max_per_span
        Names to leave out: see `spacy_catalog_ner.catalog.NoiseControls`.
    drop_nested
        Leave out candidates within a longer candidate of the same label.
    scorer
        Compares the candidates with the gold entities: their recall is the ceiling of all that
        follows.
    """
    controls = NoiseControls(
        min_length, tuple(stop_list), None if labels is None else tuple(labels), max_per_span
    )
    return CatalogMatcher(
        name,
        catalog=catalog,
        spans_key=spans_key,
        controls=controls,
        drop_nested=drop_nested,
        scorer=scorer,
    )


class CatalogMatcher(Pipe):
    """Finds the names of a compiled catalog, and names added in code, in a text.

    Candidates may overlap. A span that stands for several labels or ids gives one candidate for
    each, the most popular first. They start and end on token boundaries, and are compared in
    normal form (`spacy_catalog_ner.catalog.normalization`).

    The names can change while other threads match: `add_entries`, `remove_entries` and `reload`
    take effect as a whole with the next document, in ``nlp.pipe`` after the few that are matched
    together. No document sees a part of a change.

    Examples
    --------
    >>> nlp = spacy.blank("en")
    >>> matcher = nlp.add_pipe("catalog_matcher")
    >>> matcher.add_entries([{"text": "The Weeknd", "label": "ARTIST", "id": "artist/the-weeknd"}])
    >>> doc = nlp("play the weeknd")
    >>> [(span.text, span.label_) for span in doc.spans["candidates"]]
    [('the weeknd', 'ARTIST')]
    """

    def __init__(
        self,
        name: str = "catalog_matcher",
        *,
        catalog: str | Path | None = None,
        spans_key: str = CANDIDATES,
        controls: NoiseControls | None = None,
        drop_nested: bool = False,
        scorer: Callable[..., dict[str, Any]] | None = None,
    ) -> None:
        self.name = name
        self.spans_key = spans_key
        self.drop_nested = drop_nested
        self.scorer = scorer
        # Opened at first use: a packaged pipeline brings its own catalog, and the path in its
        # config exists only where it was made.
        self._unopened = None if catalog is None else Path(catalog)
        self._change = threading.RLock()  # held while the snapshot is replaced, never to match
        self._snapshot = Snapshot(None, Overlay(), controls or NoiseControls())
        self._finder: SpanFinder | None = None

    @property
    def snapshot(self) -> Snapshot:
        """What the next document is matched against.

        Raises
        ------
        CatalogNERError
            If the configured folder holds no compiled catalog that this release can read.
        """
        if self._unopened is not None:
            with self._change:
                if self._unopened is not None:
                    self._set_catalog(Catalog.open(self._unopened))
        return self._snapshot

    @property
    def catalog(self) -> Catalog | None:
        """The compiled catalog, None if there is none; opened where it is not yet."""
        return self.snapshot.catalog

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels a candidate can have, sorted.

        Those of a compiled catalog that cannot be opened are left out: spaCy asks for the labels
        while it loads a pipeline, before the pipeline's own catalog is there.
        """
        with suppress(CatalogNERError):
            return tuple(self.snapshot.labels)
        return tuple(self._snapshot.labels)

    @property
    def content_version(self) -> str:
        """A short hash that differs when other names would be matched."""
        snapshot = self.snapshot
        changes = [*_changes(snapshot.overlay), astuple(snapshot.controls), self.drop_nested]
        digest = hashlib.sha256(srsly.json_dumps(changes, sort_keys=True).encode("utf8"))
        compiled = "" if snapshot.catalog is None else snapshot.catalog.meta["content_version"]
        return f"{compiled}-{digest.hexdigest()[:12]}"

    def add_entries(self, entries: Iterable[dict[str, Any] | Entry]) -> None:
        """Add names that the next document is matched against, without compiling anything.

        Parameters
        ----------
        entries
            `Entry` objects, or dicts as in a JSONL catalog: ``text`` and ``label``, and
            optionally ``id``, ``weight`` and ``aliases``.

        Raises
        ------
        CatalogNERError
            If one of them is no valid entry; then none is added.
        """
        new = [entry if isinstance(entry, Entry) else Entry.from_row(entry) for entry in entries]
        with self._change:
            self._set(self.snapshot.catalog, self.snapshot.overlay.with_added(new))

    def remove_entries(self, entries: Iterable[dict[str, Any] | Entry]) -> None:
        """Remove names, compiled or added, from what the next document is matched against.

        They stay away after `reload`, until a version without them was loaded, and come back with
        `add_entries`.

        Parameters
        ----------
        entries
            Dicts with ``id``, or with ``text``, the entry's name, or with both; a ``label``
            narrows further. What agrees with all that is given is removed. `Entry` objects are
            removed by name, label and id.

        Raises
        ------
        CatalogNERError
            If one of them has neither ``text`` nor ``id``; then none is removed.
        """
        rows = [removal(entry) for entry in entries]
        with self._change:
            self._set(self.snapshot.catalog, self.snapshot.overlay.with_removed(rows))

    def reload(self, path: str | Path | None = None, *, keep_changes: bool = True) -> None:
        """Open a compiled catalog and match the next document against it.

        Parameters
        ----------
        path
            Folder of a compiled catalog; None for the folder of the present one, where a newer
            version may have taken its place.
        keep_changes
            Keep what was added and removed in code; False where the new version has it all.

        Raises
        ------
        CatalogNERError
            If there is no catalog there that can be read; the present one then stays.
        """
        with self._change:
            if path is None:
                if self.catalog is None or self.catalog.path is None:
                    raise CatalogNERError(f"{self.name} has no catalog on disk: give `path`")
                path = self.catalog.path
            catalog = Catalog.open(path)
            old = self._snapshot
            self._set(
                catalog,
                old.overlay.after_reload(old.catalog, catalog) if keep_changes else Overlay(),
            )
            self._unopened = None

    def __call__(self, doc: Doc) -> Doc:
        """Write the candidates of `doc` to ``doc.spans``."""
        self._current_finder().annotate([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 1) -> Iterator[Doc]:
        """Write the candidates of each Doc of a stream.

        `batch_size` is part of spaCy's interface; how many Docs are matched together is the
        finder's choice.
        """
        handle_error = self.get_error_handler()
        for docs in util.minibatch(stream, SpanFinder.batch_size):
            try:
                self._current_finder().annotate(docs)
            except Exception:  # find out which one it was
                for doc in docs:
                    try:
                        self(doc)
                    except Exception as err:
                        handle_error(self.name, self, [doc], err)
                    else:
                        yield doc
            else:
                yield from docs

    def _current_finder(self) -> SpanFinder:
        snapshot, finder = self.snapshot, self._finder
        full = finder is not None and len(finder.forms) > _MAX_FORMS
        if finder is None or finder.snapshot is not snapshot or full:
            if not snapshot:
                raise CatalogNERError(
                    f"{self.name} has no names to match: set its `catalog` to a compiled catalog,"
                    " or call `add_entries`"
                )
            if finder is None or full or finder.snapshot.normalization != snapshot.normalization:
                forms = TokenForms(get_normalizer(snapshot.normalization))
            else:
                forms = finder.forms
            finder = self._finder = SpanFinder(snapshot, forms, self.spans_key, self.drop_nested)
        return finder

    def score(self, examples: Iterable[Any], **kwargs: Any) -> dict[str, Any]:
        """Score the candidates against the gold entities."""
        return {} if self.scorer is None else self.scorer(examples, **kwargs)

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialise the compiled catalog and the changes to it."""
        snapshot = self.snapshot
        serializers: dict[str, Callable[[], Any]] = {
            "changes": lambda: srsly.msgpack_dumps(_changes(snapshot.overlay)),
        }
        if "catalog" not in exclude and (catalog := snapshot.catalog) is not None:
            serializers["catalog"] = lambda: srsly.msgpack_dumps(catalog.to_bytes())
        return bytes(util.to_bytes(serializers, exclude))

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> CatalogMatcher:
        """Load what `to_bytes` gave; the catalog then lives in memory."""
        # In this order: the changes are made on the catalog.
        deserializers: dict[str, Callable[[bytes], Any]] = {
            "catalog": lambda b: self._set_catalog(Catalog.from_bytes(*srsly.msgpack_loads(b))),
            "changes": lambda b: self._set_changes(*srsly.msgpack_loads(b)),
        }
        util.from_bytes(data, deserializers, exclude)
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Copy the compiled catalog, and the changes to it, into a folder."""
        snapshot = self.snapshot
        added, removed = _changes(snapshot.overlay)
        serializers: dict[str, Callable[[Path], Any]] = {
            "added.jsonl": lambda p: srsly.write_jsonl(p, added),
            "removed.jsonl": lambda p: srsly.write_jsonl(p, removed),
        }
        if "catalog" not in exclude and (catalog := snapshot.catalog) is not None:
            serializers["catalog"] = catalog.to_disk
        util.to_disk(path, serializers, exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> CatalogMatcher:
        """Load from a folder; the compiled catalog is memory-mapped where it lies."""
        path = Path(path)
        deserializers: dict[str, Callable[[Path], Any]] = {}
        if (path / "catalog").exists():
            deserializers["catalog"] = lambda p: self._set_catalog(Catalog.open(p))
        deserializers["added.jsonl"] = lambda p: self._set_changes(
            srsly.read_jsonl(p), srsly.read_jsonl(path / "removed.jsonl")
        )
        util.from_disk(path, deserializers, exclude)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # Pipe's own, made by Cython, does not ask __getstate__.
        return copyreg.__newobj__, (type(self),), self.__getstate__()  # type: ignore[attr-defined]

    def __getstate__(self) -> dict[str, Any]:
        # A catalog on disk is mapped again by the process that unpickles: nothing is copied.
        snapshot, unopened, in_memory = self._snapshot, self._unopened, None
        if snapshot.catalog is not None:
            unopened = snapshot.catalog.path
            in_memory = None if unopened is not None else snapshot.catalog.to_bytes()
        left_out = ("_change", "_snapshot", "_finder")
        return {
            **{key: value for key, value in self.__dict__.items() if key not in left_out},
            "name": self.name,  # Pipe keeps it outside __dict__
            "_unopened": unopened,
            "_saved": (snapshot.controls, _changes(snapshot.overlay), in_memory),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        controls, (added, removed), in_memory = state.pop("_saved")
        for key, value in state.items():
            setattr(self, key, value)
        self._change = threading.RLock()
        self._finder = None
        catalog = None if in_memory is None else Catalog.from_bytes(*in_memory)
        self._snapshot = Snapshot(catalog, _overlay(added, removed), controls)

    def _set(self, catalog: Catalog | None, overlay: Overlay) -> None:
        self._snapshot = Snapshot(catalog, overlay, self._snapshot.controls)

    def _set_catalog(self, catalog: Catalog) -> None:
        with self._change:
            self._set(catalog, self._snapshot.overlay)
            self._unopened = None

    def _set_changes(
        self, added: Iterable[dict[str, Any]], removed: Iterable[dict[str, str]]
    ) -> None:
        with self._change:
            self._set(self._snapshot.catalog, _overlay(added, removed))


def _changes(overlay: Overlay) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    return [entry.to_row() for entry in overlay.entries], list(overlay.removals)


def _overlay(added: Iterable[dict[str, Any]], removed: Iterable[dict[str, str]]) -> Overlay:
    return Overlay().with_removed(removed).with_added(map(Entry.from_row, added))
