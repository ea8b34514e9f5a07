"""``catalog-ner label``: run a pipeline over a file of texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacy_catalog_ner.cli.common import read_overrides, say, show, warn_of
from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.files import require_file


def label(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(help='JSONL of {"text": ...}, or .jsonl.gz.')],
    output: Annotated[Path, typer.Option("--output", "-o", help="JSONL file to write.")],
    pipeline: Annotated[
        str, typer.Option(help="A pipeline's config (.cfg), folder or package.")
    ] = "configs/teacher.cfg",
    limit: Annotated[int, typer.Option(min=0, help="Label at most so many, 0: all.")] = 0,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Texts a batch: the most a kill can lose.")
    ] = 8,
) -> None:
    """Write spans for every text; a run that was killed goes on where it was.

    Values of the pipeline's config can be given as further options, --section.key value.

    Example: catalog-ner label traffic.jsonl -o labelled.jsonl --paths.catalog media.catalog
    """
    from spacy_catalog_ner.labelling import label_file
    from spacy_catalog_ner.pipelines import load_pipeline

    require_file(source, 'JSONL with {"text": ...} rows')
    problems = Problems()
    nlp = load_pipeline(pipeline, read_overrides(context))
    summary = label_file(nlp, source, output, problems, limit=limit, batch_size=batch_size)
    warn_of(problems)
    show(summary)
    if summary["failures"]:
        say(f"Warning: {summary['failures']} texts got no answer; the reason is in their rows")
    if summary["failures"] == summary["texts"]:
        raise typer.Exit(1)
