"""Exemplars on disk, and the nearest of them to a text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import srsly

from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.exemplars.embedders import Embedder
from spacy_catalog_ner.files import atomic_folder, dump_row, iter_jsonl

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Exemplar:
    """An annotated utterance in the form in which the LLM is shown it.

    Attributes
    ----------
    text
        The utterance.
    candidates
        ``{"start", "end", "text", "label"}`` of every catalog candidate, in reading order.
    selected
        Those of the candidates that are right.
    """

    text: str
    candidates: list[dict[str, Any]]
    selected: list[dict[str, Any]]


class ExemplarStore:
    """Exemplars with their embeddings, searched exactly.

    Parameters
    ----------
    exemplars
        The exemplars.
    embeddings
        Shape (exemplars, dimensions), float32, rows of length 1.
    embedder_name
        What made the embeddings: queries must be embedded by the same.
    """

    def __init__(
        self, exemplars: Sequence[Exemplar], embeddings: np.ndarray, embedder_name: str
    ) -> None:
        if len(exemplars) != len(embeddings):
            raise CatalogNERError(f"{len(exemplars)} exemplars but {len(embeddings)} embeddings")
        self.exemplars = list(exemplars)
        self.embeddings = embeddings
        self.embedder_name = embedder_name
        self._normal_texts = [normalize(exemplar.text) for exemplar in self.exemplars]

    @classmethod
    def build(cls, exemplars: Iterable[Exemplar], embedder: Embedder) -> ExemplarStore:
        """Embed exemplars and make a store of them.

        Raises
        ------
        CatalogNERError
            If there is none.
        """
        exemplars = list(exemplars)
        if not exemplars:
            raise CatalogNERError("no exemplar to build a store of")
        embeddings = embedder([exemplar.text for exemplar in exemplars])
        return cls(exemplars, embeddings, name_of(embedder))

    def __len__(self) -> int:
        return len(self.exemplars)

    def search(self, text: str, vector: np.ndarray, k: int) -> list[tuple[Exemplar, float]]:
        """Return the `k` most similar exemplars with their cosine similarity, best first.

        The text itself, in whatever case or spacing, is never returned.

        Parameters
        ----------
        text
            The query.
        vector
            Its embedding, shape (dimensions,), of length 1.
        k
            How many to return; fewer where the store holds fewer.
        """
        query = normalize(text)
        scores = self.embeddings @ vector
        found: list[tuple[Exemplar, float]] = []
        for number in np.argsort(-scores, kind="stable"):
            if len(found) == k:
                break
            if self._normal_texts[number] != query:
                found.append((self.exemplars[number], float(scores[number])))
        return found

    def to_disk(self, path: str | Path) -> None:
        """Write the store to a folder, replacing an older one only when all is written."""
        with atomic_folder(path, mark="embeddings.npy") as folder:
            meta = {
                "format_version": FORMAT_VERSION,
                "embedder": self.embedder_name,
                "exemplars": len(self),
                "dimensions": int(self.embeddings.shape[1]),
            }
            (folder / "meta.json").write_text(json.dumps(meta, indent=2) + "\n", encoding="utf8")
            with (folder / "exemplars.jsonl").open("w", encoding="utf8") as stream:
                stream.writelines(dump_row(asdict(exemplar)) for exemplar in self.exemplars)
            np.save(folder / "embeddings.npy", self.embeddings, allow_pickle=False)

    @classmethod
    def from_disk(cls, path: str | Path) -> ExemplarStore:
        """Open a store's folder.

        Raises
        ------
        CatalogNERError
            If there is none, or another format version wrote it.
        """
        path = Path(path)
        if not (path / "meta.json").is_file():
            raise CatalogNERError(
                f"{path}: no exemplar store here; make one with"
                f" `catalog-ner exemplars build ANNOTATED.jsonl --catalog CATALOG -o {path}`"
            )
        meta = json.loads((path / "meta.json").read_text(encoding="utf8"))
        if meta.get("format_version") != FORMAT_VERSION:
            raise CatalogNERError(
                f"{path}: exemplar store of format version {meta.get('format_version')}, this"
                f" release reads {FORMAT_VERSION}; build it again"
            )
        problems = Problems()
        exemplars = [Exemplar(**row) for _, row in iter_jsonl(path / "exemplars.jsonl", problems)]
        if len(problems):
            raise CatalogNERError(f"{problems.messages[0]}; build the store again")
        embeddings = np.load(path / "embeddings.npy", mmap_mode="r", allow_pickle=False)
        return cls(exemplars, embeddings, meta["embedder"])

    def to_bytes(self) -> bytes:
        """Serialise the store."""
        return bytes(
            srsly.msgpack_dumps(
                {
                    "embedder": self.embedder_name,
                    "exemplars": [asdict(exemplar) for exemplar in self.exemplars],
                    "embeddings": np.asarray(self.embeddings),
                }
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> ExemplarStore:
        """Load what `to_bytes` gave."""
        parts = srsly.msgpack_loads(data)
        exemplars = [Exemplar(**row) for row in parts["exemplars"]]
        return cls(exemplars, parts["embeddings"], parts["embedder"])


def name_of(embedder: Embedder) -> str:
    """Return the name by which a store remembers its embedder."""
    return str(getattr(embedder, "model", type(embedder).__name__))
