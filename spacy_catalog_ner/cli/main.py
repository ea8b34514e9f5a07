"""The ``catalog-ner`` console script."""

from __future__ import annotations

import logging
import os
import sys

import typer

from spacy_catalog_ner.about import __version__
from spacy_catalog_ner.cli.cache import cache_app
from spacy_catalog_ner.cli.calibrate import calibrate
from spacy_catalog_ner.cli.catalog import catalog_app
from spacy_catalog_ner.cli.common import PIPELINE_COMMAND
from spacy_catalog_ner.cli.convert import convert
from spacy_catalog_ner.cli.corpus import corpus_app
from spacy_catalog_ner.cli.evaluate import agreement, evaluate, report
from spacy_catalog_ner.cli.exemplars import exemplars_app
from spacy_catalog_ner.cli.generate import generate_app
from spacy_catalog_ner.cli.label import label
from spacy_catalog_ner.cli.model_card import card
from spacy_catalog_ner.errors import CatalogNERError

app = typer.Typer(
    name="catalog-ner",
    help="Named-entity recognition grounded in the catalogs you own.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(catalog_app)
app.add_typer(corpus_app)
app.add_typer(exemplars_app)
app.add_typer(cache_app)
app.add_typer(generate_app)
app.command(context_settings=PIPELINE_COMMAND)(label)
app.command(context_settings=PIPELINE_COMMAND)(calibrate)
app.command()(convert)
app.command(context_settings=PIPELINE_COMMAND)(evaluate)
app.command()(report)
app.command()(card)
app.command()(agreement)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _common(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    pass


def main() -> None:
    """Run the command line: exit code 0 is fine, 1 ran and failed, 2 bad usage or input."""
    # Libraries' advice is not for the person who runs a command.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.getLogger("transformers").setLevel(logging.ERROR)
    try:
        app()
    except (CatalogNERError, OSError) as err:  # an OSError names its file and what is wrong
        typer.secho(f"Error: {err}", fg=typer.colors.RED, err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
