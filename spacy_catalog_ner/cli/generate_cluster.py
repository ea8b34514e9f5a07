"""``catalog-ner generate cluster``: groups of similar utterances, and those that stand for them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacy_catalog_ner.cli.common import say, show, warn_of
from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.exemplars.embedders import BUNDLED_MODEL, make_embedder
from spacy_catalog_ner.generation.clusters.cluster_file import cluster_file


def cluster(
    source: Annotated[Path, typer.Argument(help="JSONL of utterances (perhaps .gz or .zst).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="JSONL to write.")],
    lang: Annotated[str, typer.Option(help="Language of the utterances.")] = "en",
    embedder: Annotated[
        str,
        typer.Option(
            help="Name or folder of a sentence-transformers model, or a .gguf file. The default"
            " knows English best."
        ),
    ] = BUNDLED_MODEL,
    min_size: Annotated[int, typer.Option(min=2, help="Fewest utterances of a cluster.")] = 5,
    representatives: Annotated[
        int, typer.Option(min=1, help="Most representatives of a cluster.")
    ] = 3,
    rare: Annotated[
        int, typer.Option(min=0, help="Most utterances of no cluster to keep for rare intents.")
    ] = 500,
    html: Annotated[Path | None, typer.Option(help="Scatter plot to write.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the plot's layout.")] = 0,
) -> None:
    """Cluster utterances, and mark those that stand for a cluster or a rare intent.

    The output has the same rows with "cluster", "representative" and "rare". A run that was killed
    goes on where it was.

    Example: catalog-ner generate cluster traffic.jsonl -o clusters.jsonl --html clusters.html
    """
    problems = Problems()
    try:
        summary = cluster_file(
            source,
            output,
            make_embedder(embedder),
            problems,
            lang=lang,
            min_size=min_size,
            representatives=representatives,
            rare=rare,
            html=html,
            seed=seed,
            progress=True,
        )
    finally:
        warn_of(problems)
    if not summary["clusters"]:
        say(
            f"no cluster in {summary['distinct']} distinct utterances: there must be two groups of"
            f" at least {min_size} similar ones. {summary['rare']} stand for themselves, as rare;"
            " give more utterances or a lower --min-size"
        )
    show(summary)
