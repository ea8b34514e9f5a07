"""Clustering the utterances of a file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.exemplars.embedders import Embedder
from spacy_catalog_ner.exemplars.exemplar import duplicate_key
from spacy_catalog_ner.generation.clusters.clustering import Clusters, cluster_embeddings
from spacy_catalog_ner.generation.clusters.embedding_folder import EmbeddingFolder
from spacy_catalog_ner.io.annotated import read_texts
from spacy_catalog_ner.io.files import atomic_write, write_jsonl
from spacy_catalog_ner.io.language import is_same_language
from spacy_catalog_ner.io.row import Row

LARGEST = 10
"""Clusters that the summary shows."""


@dataclass(frozen=True)
class Utterances:
    """The rows of a file, and the texts that differ in more than case, spacing or punctuation.

    `positions` has, for each row, the position of its text in `texts`.
    """

    rows: list[Row] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)


def read_utterances(path: Path, problems: Problems, lang: str) -> Utterances:
    """Read the rows to cluster; broken rows and those of another language go to `problems`.

    Raises
    ------
    CatalogNERError
        If there is no row left.
    """
    utterances, known = Utterances(), dict[str, int]()
    for place, row in read_texts(path, problems):
        if not is_same_language(row.lang or lang, lang):
            message = f"lang {row.lang!r:.20}, expected {lang!r}; row skipped"
            problems.add("row of another language", place, message)
            continue
        position = known.setdefault(duplicate_key(row.text), len(known))
        if position == len(utterances.texts):
            utterances.texts.append(row.text)
        utterances.rows.append(row)
        utterances.positions.append(position)
    if not utterances.rows:
        raise CatalogNERError(f"{path}: no utterance to cluster in language {lang!r}")
    return utterances


def cluster_file(
    source: Path,
    target: Path,
    embedder: Embedder,
    problems: Problems,
    *,
    lang: str,
    min_size: int = 5,
    representatives: int = 3,
    rare: int = 500,
    html: Path | None = None,
    seed: int = 0,
    progress: bool = False,
) -> dict[str, Any]:
    """Cluster the utterances of a file, and mark representatives.

    Texts that differ in case, spacing or punctuation alone are clustered as one; of their rows the
    first may be a representative. Embeddings are kept in ``TARGET.embeddings.part`` until all is
    written, so that a killed run goes on.

    Parameters
    ----------
    source, problems, lang
        See `read_utterances`.
    target
        JSONL to write: the same rows with ``cluster`` (a number, null for noise),
        ``representative`` and ``rare``.
    embedder, progress
        See `EmbeddingFolder`.
    min_size, representatives, rare
        See `cluster_embeddings`.
    html, seed
        File to write a scatter plot to, and seed of its layout; see `render_scatter`.

    Returns
    -------
    dict
        Counts, the largest clusters, and seconds by step.

    Raises
    ------
    CatalogNERError
        If there is no row to cluster, or something cannot be clustered as asked.
    """
    seconds: dict[str, float] = {}
    with _timed("read", seconds):
        utterances = read_utterances(source, problems, lang)
    folder = EmbeddingFolder(target.with_name(f"{target.name}.embeddings.part"))
    with _timed("embed", seconds):
        embeddings = folder.embed(utterances.texts, embedder, progress=progress)
    with _timed("cluster", seconds):
        clusters = cluster_embeddings(
            embeddings, min_size=min_size, representatives=representatives, rare=rare
        )
    if html is not None:
        # Imported here: most runs need neither the template nor the layout
        from spacy_catalog_ner.generation.clusters.scatter import render_scatter

        title = f"Clusters of {source.name}"
        with _timed("html", seconds), atomic_write(html) as stream:
            stream.write(
                render_scatter(utterances.texts, clusters, title=title, lang=lang, seed=seed)
            )
    with _timed("write", seconds):
        write_jsonl(target, mark_rows(utterances, clusters))
    folder.remove()
    largest = [
        {"cluster": number, "size": int(size), "text": utterances.texts[texts[0]]}
        for number, (size, texts) in enumerate(
            zip(clusters.sizes[:LARGEST], clusters.representatives[:LARGEST], strict=True)
        )
    ]
    return {
        "texts": len(utterances.rows),
        "distinct": len(utterances.texts),
        "clusters": len(clusters.representatives),
        "noise": int((clusters.numbers < 0).sum()),
        "representatives": sum(map(len, clusters.representatives)),
        "rare": len(clusters.rare),
        "largest": largest,
        "seconds": seconds,
    }


def mark_rows(utterances: Utterances, clusters: Clusters) -> Iterator[dict[str, Any]]:
    """Yield each row with its cluster, and whether it is a representative or rare."""
    rare = set(clusters.rare)
    chosen = rare.union(*clusters.representatives)
    for row, position in zip(utterances.rows, utterances.positions, strict=True):
        number = int(clusters.numbers[position])
        yield {
            **row.to_dict(),
            "cluster": number if number >= 0 else None,
            "representative": position in chosen,
            "rare": position in rare,
        }
        # Copies of this text are not marked
        chosen.discard(position)
        rare.discard(position)


@contextmanager
def _timed(step: str, seconds: dict[str, float]) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[step] = round(time.perf_counter() - start, 1)
