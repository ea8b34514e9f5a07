"""``catalog-ner generate detect`` and ``cluster``: the first steps from traffic."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from spacy_catalog_ner.cli.common import say, show, warn_of
from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.exemplars.embedders import BUNDLED_MODEL, make_embedder
from spacy_catalog_ner.generation.clusters.cluster_file import cluster_file
from spacy_catalog_ner.generation.traffic.detection import ConversationDetector
from spacy_catalog_ner.generation.traffic.lexicon import Lexicon
from spacy_catalog_ner.generation.traffic.traffic import OnlyCommandsError, Traffic, detect_traffic


def detect(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT...",
            help="Traffic: .jsonl, .csv or .tsv with a column text, .txt; any of them .gz or .zst.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="JSONL file to write.")],
    lang: Annotated[
        str | None,
        typer.Option(help="Language of the texts; that of the lexicon, or en, if left out."),
    ] = None,
    lexicon: Annotated[
        Path | None,
        typer.Option(help="YAML with the features of the language; that of --lang if left out."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Score from which a text is taken; by default that of the lexicon."
        ),
    ] = None,
) -> None:
    """Keep the utterances that are talk, not commands, each with the words that show it.

    Duplicates, empty rows, rows of other languages and rows of more than 2,000 characters are
    left out and counted.

    Example: catalog-ner generate detect traffic.jsonl -o conversational.jsonl --lang en
    """
    words = Lexicon.load(lexicon or lang or "en")
    detector = ConversationDetector(words, threshold)
    problems = Problems()
    # The size of a pipe is 0: then no total is known
    total = sum(source.stat().st_size for source in sources if source.exists()) or None
    try:
        with tqdm(desc="Reading", unit="B", unit_scale=True, total=total, delay=1) as bar:
            traffic = Traffic(sources, lang or words.lang, problems, bar.update)
            summary = detect_traffic(detector, traffic, output)
    except OnlyCommandsError as err:
        typer.secho(f"Error: {err}", fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from None
    finally:
        warn_of(problems)
    skipped = {**traffic.skipped, **problems.counts}
    show({**summary, "skipped": dict(sorted(skipped.items()))})


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
    """Cluster utterances, and mark the representatives of clusters and of rare intents.

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
            f" at least {min_size} similar ones. {summary['rare']} are kept as rare;"
            " give more utterances or a lower --min-size"
        )
    show(summary)
