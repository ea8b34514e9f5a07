"""``catalog-ner generate detect``: the conversational utterances of mixed traffic."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from tqdm import tqdm

from spacy_catalog_ner.cli.common import show, warn_of
from spacy_catalog_ner.errors import Problems
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
    try:
        summary = _run(detector, sources, output, lang or words.lang, problems)
    except OnlyCommandsError as err:
        typer.secho(f"Error: {err}", fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from None
    show(summary)


def _run(
    detector: ConversationDetector, sources: list[Path], output: Path, lang: str, problems: Problems
) -> dict[str, Any]:
    """Detect with a bar, and say what was wrong with the input however it ends."""
    # Of a pipe the size is 0, and no total is known
    total = sum(source.stat().st_size for source in sources if source.exists()) or None
    try:
        with tqdm(desc="Reading", unit="B", unit_scale=True, total=total, delay=1) as bar:
            traffic = Traffic(sources, lang, problems, bar.update)
            summary = detect_traffic(detector, traffic, output)
    finally:
        warn_of(problems)
    skipped = {**traffic.skipped, **problems.counts}
    return {**summary, "skipped": dict(sorted(skipped.items()))}
