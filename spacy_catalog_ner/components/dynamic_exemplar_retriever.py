"""`dynamic_exemplar_retriever`: the annotated utterances most like this one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spacy import util
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc

from spacy_catalog_ner.components.doc_record import update_record
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.exemplars.embedders import Embedder
from spacy_catalog_ner.exemplars.store import ExemplarStore, name_of


@Language.factory(
    "dynamic_exemplar_retriever",
    assigns=["doc._.exemplars", "doc._.catalog_ner"],
    default_config={
        "store": None,
        "k": 10,
        "embedder": {"@misc": "spacy_catalog_ner.SentenceTransformer.v1"},
    },
)
def make_dynamic_exemplar_retriever(
    nlp: Language, name: str, store: str | None, k: int, embedder: Embedder
) -> DynamicExemplarRetriever:
    """Make the component that ``nlp.add_pipe("dynamic_exemplar_retriever")`` adds.

    Parameters
    ----------
    store
        Folder of an exemplar store, as ``catalog-ner exemplars build`` makes it.
    k
        How many exemplars to retrieve.
    embedder
        Embeds the text; must be what the store was built with.
    """
    return DynamicExemplarRetriever(name, store=store, k=k, embedder=embedder)


class DynamicExemplarRetriever(Pipe):
    """Writes the `k` exemplars most similar to a text to ``doc._.exemplars``, best first.

    Each is a dict of ``text``, ``candidates``, ``selected`` (see
    `spacy_catalog_ner.exemplars.Exemplar`) and ``score``, the cosine similarity.
    """

    def __init__(
        self,
        name: str = "dynamic_exemplar_retriever",
        *,
        embedder: Embedder,
        store: str | Path | ExemplarStore | None = None,
        k: int = 10,
    ) -> None:
        if k < 0:
            raise CatalogNERError(f"k: expected at least 0 exemplars, got {k}")
        self.name = name
        self.k = k
        self.embedder = embedder
        # Opened at first use, for the reason given in CatalogMatcher.
        self._path = Path(store) if isinstance(store, str | Path) else None
        self._store = store if isinstance(store, ExemplarStore) else None

    @property
    def store(self) -> ExemplarStore:
        """The exemplar store.

        Raises
        ------
        CatalogNERError
            If none is configured, none is there, or another embedder made it.
        """
        if self._store is None:
            if self._path is None:
                raise CatalogNERError(
                    f"{self.name} has no exemplars: set its `store` to a folder made by"
                    " `catalog-ner exemplars build`"
                )
            self._store = ExemplarStore.from_disk(self._path)
        if self._store.embedder_name != name_of(self.embedder):
            raise CatalogNERError(
                f"{self.name}: the store was built with embedder {self._store.embedder_name!r},"
                f" the component has {name_of(self.embedder)!r}; use the same for both"
            )
        return self._store

    @property
    def content_version(self) -> str:
        """A short hash that differs when other exemplars could be retrieved."""
        return hashlib.sha256(self.store.to_bytes()).hexdigest()[:12]

    def __call__(self, doc: Doc) -> Doc:
        """Write the exemplars for one text."""
        self._retrieve([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        """Write the exemplars for a stream of texts, embedding a batch at a time."""
        error_handler = self.get_error_handler()
        for docs in util.minibatch(stream, batch_size):
            docs = list(docs)
            try:
                self._retrieve(docs)
                yield from docs
            except Exception as err:
                error_handler(self.name, self, docs, err)

    def _retrieve(self, docs: Sequence[Doc]) -> None:
        store = self.store
        vectors = self.embedder([doc.text for doc in docs])
        for doc, vector in zip(docs, vectors, strict=True):
            doc._.exemplars = [
                {**asdict(exemplar), "score": score}
                for exemplar, score in store.search(doc.text, vector, self.k)
            ]
            update_record(doc, exemplars=len(doc._.exemplars))

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialise the exemplar store."""
        serializers: dict[str, Callable[[], Any]] = {}
        if self._path is not None or self._store is not None:
            serializers["store"] = self.store.to_bytes
        return bytes(util.to_bytes(serializers, exclude))

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> DynamicExemplarRetriever:
        """Load what `to_bytes` gave; the store then lives in memory."""
        util.from_bytes(data, {"store": self._load_store}, exclude)
        return self

    def _load_store(self, data: bytes) -> None:
        self._path, self._store = None, ExemplarStore.from_bytes(data)

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Copy the exemplar store into a folder."""
        serializers: dict[str, Callable[[Path], Any]] = {}
        if self._path is not None or self._store is not None:
            serializers["store"] = self.store.to_disk
        util.to_disk(path, serializers, exclude)

    def from_disk(
        self, path: str | Path, *, exclude: Iterable[str] = ()
    ) -> DynamicExemplarRetriever:
        """Open the exemplar store of a folder, at first use."""
        path = Path(path)
        if (path / "store").exists() and "store" not in exclude:
            self._path, self._store = path / "store", None
        return self
