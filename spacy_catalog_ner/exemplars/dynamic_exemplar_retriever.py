"""`dynamic_exemplar_retriever`: the annotated utterances most like this one."""

from __future__ import annotations

import copyreg
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import srsly
from spacy import util
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc

from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.doc.record import CANDIDATES, update_record
from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.exemplars.embedders import Embedder, embed, name_of
from spacy_catalog_ner.exemplars.exemplar import Exemplar
from spacy_catalog_ner.exemplars.store import ExemplarStore
from spacy_catalog_ner.io.files import iter_jsonl, iter_lines, require_file

Strategy = Literal["dynamic", "random", "none"]
Found = Sequence[tuple[Exemplar, float]]

_POOL = 20  # so many times k are looked at for the labels in question
_EXPECTED = 'entity names: one a line, or JSONL with {"text": ...} rows'
_SAME = 0.99  # least similarity of a text to itself, embedded by the same model elsewhere


@Language.factory(
    "dynamic_exemplar_retriever",
    assigns=["doc._.exemplars", "doc._.catalog_ner"],
    default_config={
        "store": None,
        "k": 10,
        "strategy": "dynamic",
        "match_labels": True,
        "seed": 0,
        "lang": None,
        "held_out": None,
        "embedder": {"@misc": "spacy_catalog_ner.SentenceTransformer.v1"},
    },
)
def make_dynamic_exemplar_retriever(
    nlp: Language,
    name: str,
    store: str | None,
    k: int,
    strategy: Strategy,
    match_labels: bool,
    seed: int,
    lang: str | None,
    held_out: str | None,
    embedder: Embedder,
) -> DynamicExemplarRetriever:
    """Make the component that ``nlp.add_pipe("dynamic_exemplar_retriever")`` adds.

    Parameters
    ----------
    store
        Folder of an exemplar store, as ``catalog-ner exemplars build`` makes it.
    k
        How many exemplars to retrieve.
    strategy
        ``"dynamic"``: the most similar; ``"random"``: chosen by `seed` and the text alone, so
        that a text always gets the same; ``"none"``: none.
    match_labels
        Of similar exemplars, retrieve those that have candidates of the labels that the text's
        candidates have, each label in turn. For ``"dynamic"`` only, and where a matcher ran.
    seed
        Of the random choice.
    lang
        Retrieve only exemplars in this language; "en" takes in "en-US". All if None.
    held_out
        Path of entity names, one a line or as ``"text"`` in JSONL: an exemplar that has one of
        them among its entities, in whatever case, is never retrieved.
    embedder
        Embeds the text; must be what the store was built with.
    """
    return DynamicExemplarRetriever(
        name,
        store=store,
        k=k,
        strategy=strategy,
        match_labels=match_labels,
        seed=seed,
        lang=lang,
        held_out=held_out,
        embedder=embedder,
    )


class DynamicExemplarRetriever(Pipe):
    """Writes `k` exemplars for a text to ``doc._.exemplars``, the most similar first.

    Each is a dict of ``text``, ``candidates``, ``selected`` (see
    `spacy_catalog_ner.exemplars.Exemplar`) and ``score``, the cosine similarity, which is 0.0
    where they were chosen at random. The text itself and its duplicates, which differ in case,
    punctuation or spacing alone, are never among them.
    """

    def __init__(
        self,
        name: str = "dynamic_exemplar_retriever",
        *,
        embedder: Embedder,
        store: str | Path | ExemplarStore | None = None,
        k: int = 10,
        strategy: Strategy = "dynamic",
        match_labels: bool = True,
        seed: int = 0,
        lang: str | None = None,
        held_out: str | Path | None = None,
    ) -> None:
        if k < 0:
            raise CatalogNERError(f"k: expected at least 0 exemplars, got {k}")
        if strategy not in get_args(Strategy):
            raise CatalogNERError(
                f"strategy: expected one of {', '.join(get_args(Strategy))}, got {strategy!r}"
            )
        self.name = name
        self.k = k
        self.strategy = strategy
        self.match_labels = match_labels
        self.seed = seed
        self.lang = lang
        self.embedder = embedder
        # Both are opened at first use, for the reason given in CatalogMatcher.
        self._path = Path(store) if isinstance(store, str | Path) else None
        self._store = store if isinstance(store, ExemplarStore) else None
        self._held_out_path = None if held_out is None else Path(held_out)
        self._held_out: frozenset[str] | None = None if held_out is not None else frozenset()
        self._allowed: np.ndarray | None = None
        self._is_checked = False

    @property
    def store(self) -> ExemplarStore:
        """The exemplar store.

        Raises
        ------
        CatalogNERError
            If none is configured, or none is there.
        """
        if self._store is None:
            if self._path is None:
                raise CatalogNERError(
                    f"{self.name} has no exemplars: set its `store` to a folder made by"
                    " `catalog-ner exemplars build`"
                )
            self._store = ExemplarStore.from_disk(self._path)
        return self._store

    @property
    def held_out(self) -> frozenset[str]:
        """Names, in normal form, that no exemplar retrieved has among its entities.

        Raises
        ------
        CatalogNERError
            If the configured file cannot be read.
        """
        if self._held_out is None:
            assert self._held_out_path is not None
            self._held_out = read_names(self._held_out_path)
        return self._held_out

    @property
    def content_version(self) -> str:
        """A short hash that differs when other exemplars could be retrieved."""
        digest = hashlib.sha256(srsly.json_dumps(sorted(self.held_out)).encode("utf8"))
        if self._retrieves:
            digest.update(self.store.content_version.encode("utf8"))
        return digest.hexdigest()[:12]

    @property
    def _retrieves(self) -> bool:
        return self.strategy != "none" and self.k > 0

    def __call__(self, doc: Doc) -> Doc:
        """Write the exemplars for one text."""
        self._retrieve([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        """Write the exemplars for a stream of texts, embedding a batch at a time."""
        handle_error = self.get_error_handler()
        for docs in util.minibatch(stream, batch_size):
            docs = list(docs)
            try:
                self._retrieve(docs)
            except Exception:  # find out which text it was
                for doc in docs:
                    try:
                        self._retrieve([doc])
                    except Exception as err:
                        handle_error(self.name, self, [doc], err)
                    else:
                        yield doc
            else:
                yield from docs

    def _retrieve(self, docs: Sequence[Doc]) -> None:
        for doc, exemplars in zip(docs, self._find(docs), strict=True):
            doc._.exemplars = exemplars
            update_record(doc, exemplars=len(exemplars))

    def _find(self, docs: Sequence[Doc]) -> list[list[dict[str, Any]]]:
        if not self._retrieves:
            return [[] for _ in docs]
        store = self.store
        if self._allowed is None and (self.lang is not None or self.held_out):
            self._allowed = store.select(self.lang, self.held_out)
        texts = [doc.text for doc in docs]
        if self.strategy == "random":
            return [
                [e.to_dict(0.0) for e in store.sample(text, self.k, self.seed, self._allowed)]
                for text in texts
            ]
        self._check_embedder(store)
        count = self.k * _POOL if self.match_labels else self.k
        found = store.search_many(texts, embed(self.embedder, texts), count, self._allowed)
        return [
            [exemplar.to_dict(score) for exemplar, score in self._choose(doc, items)]
            for doc, items in zip(docs, found, strict=True)
        ]

    def _choose(self, doc: Doc, found: Found) -> Found:
        labels = [span.label_ for span in doc.spans[CANDIDATES]] if CANDIDATES in doc.spans else []
        if not self.match_labels or not labels:
            return found[: self.k]
        return choose_by_label(found, labels, self.k)

    def _check_embedder(self, store: ExemplarStore) -> None:
        name = name_of(self.embedder)
        if not self._is_checked and name != store.embedder_name:
            # The same model may lie elsewhere by another name: its vectors tell.
            vector = embed(self.embedder, [store.exemplars[0].text])[0]
            known = store.embeddings[0]
            if vector.shape != known.shape or float(vector @ known) < _SAME:
                raise CatalogNERError(
                    f"{self.name}: the store was built with embedder {store.embedder_name!r}, the"
                    f" component has {name!r}, which gives other vectors; use the same for both"
                )
        self._is_checked = True

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialise the exemplar store and the names held out."""
        serializers: dict[str, Callable[[], Any]] = {"held_out": lambda: sorted(self.held_out)}
        if self._path is not None or self._store is not None:
            serializers["store"] = self.store.to_bytes
        return bytes(util.to_bytes(serializers, exclude))

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> DynamicExemplarRetriever:
        """Load what `to_bytes` gave; the store then lives in memory."""
        deserializers: dict[str, Callable[[Any], Any]] = {
            "held_out": self._set_held_out,
            "store": lambda b: self._set_store(None, ExemplarStore.from_bytes(b)),
        }
        util.from_bytes(data, deserializers, exclude)
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Copy the exemplar store and the names held out into a folder."""
        serializers: dict[str, Callable[[Path], Any]] = {
            "held_out.json": lambda p: srsly.write_json(p, sorted(self.held_out)),
        }
        if self._path is not None or self._store is not None:
            serializers["store"] = self.store.to_disk
        util.to_disk(path, serializers, exclude)

    def from_disk(
        self, path: str | Path, *, exclude: Iterable[str] = ()
    ) -> DynamicExemplarRetriever:
        """Read the names held out of a folder, and open its exemplar store at first use."""
        path = Path(path)
        deserializers: dict[str, Callable[[Path], Any]] = {
            "held_out.json": lambda p: self._set_held_out(srsly.read_json(p)),
        }
        if (path / "store").exists():
            deserializers["store"] = lambda p: self._set_store(p, None)
        util.from_disk(path, deserializers, exclude)
        return self

    def _set_store(self, path: Path | None, store: ExemplarStore | None) -> None:
        self._path, self._store = path, store
        self._allowed, self._is_checked = None, False

    def _set_held_out(self, names: Iterable[str]) -> None:
        self._held_out = frozenset(names)
        self._allowed = None

    def __reduce__(self) -> tuple[Any, ...]:
        # Pipe's own, made by Cython, does not ask __getstate__.
        return copyreg.__newobj__, (type(self),), self.__getstate__()  # type: ignore[attr-defined]

    def __getstate__(self) -> dict[str, Any]:
        # A store on disk is opened again by the process that unpickles: nothing is copied.
        store = self._store if self._path is None else None
        return {**self.__dict__, "name": self.name, "_store": store, "_allowed": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for key, value in state.items():
            setattr(self, key, value)


def choose_by_label(found: Found, labels: Iterable[str], k: int) -> list[tuple[Exemplar, float]]:
    """Choose exemplars that have candidates of the labels to decide on.

    Each label in turn takes the most similar exemplar that has it: one frequent label does not
    take all the places of a rare one.

    Parameters
    ----------
    found
        Exemplars with their similarity, best first.
    labels
        Labels to decide on.
    k
        How many exemplars to choose.

    Returns
    -------
    list
        At most `k`, best first: fewer where fewer have any of the labels. Where none has, the
        first `k`.
    """
    queues = [
        [
            number
            for number, (exemplar, _) in enumerate(found)
            if any(item.label == label for item in exemplar.candidates)
        ]
        for label in dict.fromkeys(labels)
    ]
    chosen: set[int] = set()
    while len(chosen) < k and any(queues):
        for queue in queues:
            while queue and queue[0] in chosen:
                queue.pop(0)
            if queue and len(chosen) < k:
                chosen.add(queue.pop(0))
    if not chosen:
        return list(found[:k])
    return [found[number] for number in sorted(chosen)]


def read_names(path: str | Path) -> frozenset[str]:
    """Read entity names, in normal form.

    Parameters
    ----------
    path
        A text file of one name a line; or, where its name has ``.jsonl`` in it, rows with a
        ``text``, as catalog entries are: their ``aliases`` are names too. May end in ``.gz`` or
        ``.zst``.

    Raises
    ------
    CatalogNERError
        If it is missing or empty, or a row is broken: a name that is passed over would be shown.
    """
    path = require_file(path, _EXPECTED)
    problems = Problems()
    names: list[str] = []
    if ".jsonl" in path.suffixes:
        for line, row in iter_jsonl(path, problems):
            aliases = row.get("aliases") or []
            values = [row.get("text"), *(aliases if isinstance(aliases, list) else [aliases])]
            if not all(isinstance(value, str) and value.strip() for value in values):
                message = 'expected a name as "text", and a list of names as "aliases"'
                problems.add("broken row", Place(path, line), message)
            names += map(str, values)
    else:
        names += (text for _, text in iter_lines(path, problems) if text.strip())
    if len(problems):
        raise CatalogNERError(problems.messages[0])
    if not names:
        raise CatalogNERError(f"{path}: empty, expected {_EXPECTED}")
    return frozenset(map(normalize, names))
