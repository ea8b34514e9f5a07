"""`catalog_matcher`: every catalog name in the text becomes a candidate (span, label)."""

from __future__ import annotations

import copyreg
import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import srsly
from spacy import util
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span, SpanGroup

from spacy_catalog_ner.catalog import Catalog, Entry, Overlay
from spacy_catalog_ner.components.doc_record import CANDIDATES, update_record
from spacy_catalog_ner.components.scoring import Scorer
from spacy_catalog_ner.components.token_text import TokenText
from spacy_catalog_ner.errors import CatalogNERError


@Language.factory(
    "catalog_matcher",
    assigns=["doc.spans", "doc._.catalog_ner"],
    default_config={
        "catalog": None,
        "spans_key": CANDIDATES,
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
    nlp: Language, name: str, catalog: str | None, spans_key: str, scorer: Scorer | None
) -> CatalogMatcher:
    """Make the component that ``nlp.add_pipe("catalog_matcher")`` adds.

    Parameters
    ----------
    catalog
        Folder of a compiled catalog; None to match only what `CatalogMatcher.add_entries` adds.
    spans_key
        The group of ``doc.spans`` to write.
    scorer
        Compares the candidates with the gold entities: their recall is the ceiling of all that
        follows.
    """
    return CatalogMatcher(name, catalog=catalog, spans_key=spans_key, scorer=scorer)


class CatalogMatcher(Pipe):
    """Finds the names of a compiled catalog, and names added in code, in a text.

    Candidates may overlap. A span that stands for several labels or ids gives one candidate for
    each, the most popular first. They start and end on token boundaries, and are compared in
    normal form (`spacy_catalog_ner.catalog.normalization`).

    Examples
    --------
    >>> nlp = spacy.blank("en")
    >>> matcher = nlp.add_pipe("catalog_matcher")
    >>> matcher.add_entries([{"text": "The Weeknd", "label": "ARTIST", "id": "artist/the-weeknd"}])
    >>> [(s.text, s.label_) for s in nlp("play the weeknd").spans["candidates"]]
    [('the weeknd', 'ARTIST')]
    """

    def __init__(
        self,
        name: str = "catalog_matcher",
        *,
        catalog: str | Path | None = None,
        spans_key: str = CANDIDATES,
        scorer: Callable[..., dict[str, Any]] | None = None,
    ) -> None:
        self.name = name
        self.spans_key = spans_key
        self.scorer = scorer
        # Opened at first use: a packaged pipeline brings its own catalog, and the path in its
        # config exists only where it was made.
        self._path = None if catalog is None else Path(catalog)
        self._catalog: Catalog | None = None
        self._overlay = Overlay()

    @property
    def catalog(self) -> Catalog | None:
        """The compiled catalog, None if there is none.

        Raises
        ------
        CatalogNERError
            If the configured folder holds no compiled catalog that this release can read.
        """
        if self._catalog is None and self._path is not None:
            self._catalog = Catalog.open(self._path)
        return self._catalog

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels a candidate can have, sorted.

        Those of a compiled catalog that cannot be opened are left out: spaCy asks for the labels
        while it loads a pipeline, before the pipeline's own catalog is there.
        """
        labels = {entry.label for entry in self._overlay.entries}
        with suppress(CatalogNERError):
            labels.update(self.catalog.labels if self.catalog is not None else ())
        return tuple(sorted(labels))

    @property
    def content_version(self) -> str:
        """A short hash that differs when other names would be matched."""
        entries = srsly.json_dumps(self._entry_rows(), sort_keys=True).encode("utf8")
        compiled = "" if self.catalog is None else self.catalog.meta["content_version"]
        return f"{compiled}-{hashlib.sha256(entries).hexdigest()[:12]}"

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
        self._overlay.add(
            [entry if isinstance(entry, Entry) else Entry.from_row(entry) for entry in entries]
        )

    def __call__(self, doc: Doc) -> Doc:
        """Write the candidates of `doc` to ``doc.spans``."""
        catalog, overlay = self.catalog, self._overlay
        if catalog is None and not len(overlay):
            raise CatalogNERError(
                f"{self.name} has no names to match: set its `catalog` to a compiled catalog, or"
                " call `add_entries`"
            )
        token_text = TokenText(doc)
        found: dict[tuple[int, int, str, str], None] = {}
        # Names added in code come before the compiled ones of the same span.
        self._match_overlay(overlay, token_text, found)
        if catalog is not None:
            self._match_catalog(catalog, token_text, found)
        spans = [
            Span(doc, start, end, label=label, kb_id=identifier)
            for start, end, label, identifier in sorted(found, key=lambda key: (key[0], -key[1]))
        ]
        doc.spans[self.spans_key] = SpanGroup(doc, name=self.spans_key, spans=spans)
        update_record(doc, candidates=len(spans))
        return doc

    @staticmethod
    def _match_overlay(
        overlay: Overlay, text: TokenText, found: dict[tuple[int, int, str, str], None]
    ) -> None:
        for start, end, entries in overlay.matches(text.text):
            if start in text.starts and end in text.ends:
                for entry in entries:
                    found[text.starts[start], text.ends[end], entry.label, entry.id] = None

    @staticmethod
    def _match_catalog(
        catalog: Catalog, text: TokenText, found: dict[tuple[int, int, str, str], None]
    ) -> None:
        for start, first in text.starts.items():
            for length, numbers in catalog.prefixes(text.text[start : start + catalog.max_length]):
                last = text.ends.get(start + length)
                if last is not None:
                    for number in numbers:
                        found[first, last, *catalog.label_and_id(number)] = None

    def score(self, examples: Iterable[Any], **kwargs: Any) -> dict[str, Any]:
        """Score the candidates against the gold entities."""
        return {} if self.scorer is None else self.scorer(examples, **kwargs)

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialise the compiled catalog and the entries added in code."""
        serializers: dict[str, Callable[[], Any]] = {
            "entries": lambda: srsly.msgpack_dumps(self._entry_rows()),
        }
        if "catalog" not in exclude and (catalog := self.catalog) is not None:
            serializers["catalog"] = lambda: srsly.msgpack_dumps(catalog.to_files())
        return bytes(util.to_bytes(serializers, exclude))

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> CatalogMatcher:
        """Load what `to_bytes` gave; the catalog then lives in memory."""
        util.from_bytes(
            data,
            {
                "entries": lambda b: self._set_entries(srsly.msgpack_loads(b)),
                "catalog": lambda b: self._set_catalog(Catalog.from_files(srsly.msgpack_loads(b))),
            },
            exclude,
        )
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Copy the compiled catalog, and the entries added in code, into a folder."""
        serializers: dict[str, Callable[[Path], Any]] = {
            "entries.jsonl": lambda p: srsly.write_jsonl(p, self._entry_rows()),
        }
        if "catalog" not in exclude and (catalog := self.catalog) is not None:
            serializers["catalog"] = catalog.to_disk
        util.to_disk(path, serializers, exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> CatalogMatcher:
        """Load from a folder; the compiled catalog is memory-mapped where it lies."""
        path = Path(path)
        deserializers: dict[str, Callable[[Path], Any]] = {
            "entries.jsonl": lambda p: self._set_entries(srsly.read_jsonl(p)),
        }
        if (path / "catalog").exists():
            deserializers["catalog"] = lambda p: self._set_catalog(Catalog.open(p))
        util.from_disk(path, deserializers, exclude)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # Pipe's own, made by Cython, does not ask __getstate__.
        return copyreg.__newobj__, (type(self),), self.__getstate__()  # type: ignore[attr-defined]

    def __getstate__(self) -> dict[str, Any]:
        # A catalog on disk is mapped again by the process that unpickles: nothing is copied.
        state = {**self.__dict__, "name": self.name}  # Pipe keeps the name outside __dict__
        catalog = self._catalog
        state["_catalog"] = None
        if catalog is not None:
            state["_path"] = catalog.path
            if catalog.path is None:
                state["_catalog_files"] = catalog.to_files()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        files = state.pop("_catalog_files", None)
        for key, value in state.items():
            setattr(self, key, value)
        if files is not None:
            self._catalog = Catalog.from_files(files)

    def _entry_rows(self) -> list[dict[str, Any]]:
        return [entry.to_row() for entry in self._overlay.entries]

    def _set_entries(self, rows: Iterable[dict[str, Any]]) -> None:
        self._overlay = Overlay(Entry.from_row(row) for row in rows)

    def _set_catalog(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._path = catalog.path
