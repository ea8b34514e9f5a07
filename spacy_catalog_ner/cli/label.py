"""``catalog-ner label``: run a pipeline over a file of texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from spacy_catalog_ner.cli.common import (
    TEACHER,
    Pipeline,
    collect_problems,
    read_overrides,
    say,
    show,
)
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.files import require_file


def label(
    context: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(
            help="Texts: .jsonl, .csv or .tsv with a column text, any of them .gz or .zst; .spacy."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="JSONL file to write.")],
    pipeline: Pipeline = TEACHER,
    limit: Annotated[
        int, typer.Option(min=0, help="Most texts to label, 0: all; a larger one goes on.")
    ] = 0,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Texts a batch: the most a kill can lose. By default 8 for each call that the"
            " model makes at once, 64 without a model.",
        ),
    ] = None,
    prices: Annotated[
        Path | None,
        typer.Option(
            help="YAML, price of a million tokens: MODEL: {input: 0.15, cached: 0.075,"
            " output: 0.60}."
        ),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            min=0, help="Stop once so much is spent; needs --prices, and a larger one goes on."
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Label a sample only, and estimate what all texts would take."
        ),
    ] = False,
) -> None:
    """Write spans for every text; a run that was stopped goes on where it was.

    Texts without an answer go to a file of their own, labelled.failed.jsonl, which can be labelled
    again. Values of the pipeline's config can be given as further options, --section.key value.

    Example: catalog-ner label traffic.jsonl -o labelled.jsonl --paths.catalog media.catalog
    --prices prices.yml --budget 20
    """
    if budget is not None and prices is None:
        raise CatalogNERError("--budget needs --prices, a table of what tokens cost")
    require_file(source, "texts to label")

    from spacy_catalog_ner.doc.pipelines import load_pipeline
    from spacy_catalog_ner.labelling import (
        LabellingStoppedError,
        estimate_run,
        failed_path,
        find_price,
        label_file,
    )
    from spacy_catalog_ner.llm.failures import ModelUnavailableError

    nlp = load_pipeline(pipeline, read_overrides(context))
    price = None if prices is None else find_price(prices, nlp)
    options: dict[str, Any] = {"limit": limit, "price": price}
    try:
        with collect_problems() as problems:
            if dry_run:
                show(estimate_run(nlp, source, problems, progress=True, **options))
                return
            options |= {"batch_size": batch_size, "budget": budget}
            summary = label_file(nlp, source, output, problems, **options)
    except (LabellingStoppedError, ModelUnavailableError) as err:
        typer.secho(f"Error: {err}", fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from None
    show(summary)
    if summary.stopped == "budget":
        say(
            f"Stopped: the budget is spent after {summary.texts} texts; the same command with a"
            " larger one goes on after them"
        )
    if summary.failures:
        say(
            f"Warning: {summary.failures} texts got no answer; they are in"
            f" {failed_path(output)}, which can be labelled again"
        )
    if summary.texts and summary.failures == summary.texts:
        raise typer.Exit(1)
