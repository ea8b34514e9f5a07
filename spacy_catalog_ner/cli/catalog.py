"""``catalog-ner catalog``: info, lookup, diff, merge; the other commands are added here."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from tqdm import tqdm

from spacy_catalog_ner.catalog import Catalog, Entry, Variants, compile_catalog
from spacy_catalog_ner.catalog.comparison import compare_catalogs
from spacy_catalog_ner.cli.catalog_compile import cities, compile_command
from spacy_catalog_ner.cli.catalog_report import coverage, report_ambiguity
from spacy_catalog_ner.cli.common import say, show
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.files import write_jsonl

catalog_app = typer.Typer(name="catalog", help="Entity catalogs.", no_args_is_help=True)
catalog_app.command("compile")(compile_command)
catalog_app.command()(cities)
catalog_app.command()(coverage)

_KINDS = ("added", "removed", "changed")
_SETTINGS = ("normalization", "variants")  # what a catalog is compiled with, in its meta


@catalog_app.command()
def info(
    path: Annotated[Path, typer.Argument(help="A compiled catalog.")],
    verify: Annotated[bool, typer.Option(help="Compare the checksum of every file.")] = False,
    ambiguous: Annotated[
        bool, typer.Option("--ambiguous", help="Print which names stand for several things.")
    ] = False,
    sample: Annotated[
        Path | None,
        typer.Option(help="JSONL of your texts, annotated or not: print which names are noise."),
    ] = None,
    lang: Annotated[str, typer.Option(help="Language of the sample's tokenizer.")] = "en",
    limit: Annotated[int, typer.Option(min=1, help="Print at most so many names.")] = 50,
) -> None:
    """Print what a compiled catalog says of itself, or which of its names are ambiguous, as JSON.

    Example: catalog-ner catalog info media.catalog --verify

    Example: catalog-ner catalog info media.catalog --ambiguous --sample traffic.jsonl
    """
    if sample is not None and not ambiguous:
        raise typer.BadParameter("--sample goes with --ambiguous")
    catalog = Catalog.open(path)
    if verify:
        catalog.verify()
    show(report_ambiguity(catalog, sample, lang, limit) if ambiguous else catalog.meta)


@catalog_app.command()
def lookup(
    path: Annotated[Path, typer.Argument(help="A compiled catalog.")],
    name: Annotated[str | None, typer.Argument(help="A name, in any case.")] = None,
    identifier: Annotated[
        str | None, typer.Option("--id", help="An entry's id, in place of a name.")
    ] = None,
) -> None:
    """Print the entries of a name or an id, most popular first, as JSON.

    Each entry of a name has the variant rules that made it of one of the entry's own names: none
    if it is one of these. The exit code is 1 if there is no entry.

    Example: catalog-ner catalog lookup media.catalog "the weeknd"

    Example: catalog-ner catalog lookup media.catalog --id artist/weeknd
    """
    if (name is None) == (identifier is None):
        raise typer.BadParameter("expected a NAME or --id ID, and not both")
    catalog = Catalog.open(path)
    if identifier is not None:
        numbers = catalog.numbers_of_id(identifier)
        numbers.sort(key=catalog.weight, reverse=True)
        rows = [catalog.entry(number).to_row() for number in numbers]
    else:
        rows = [
            {
                **catalog.entry(number).to_row(),
                "rules": [rule for bit, rule in enumerate(catalog.rules) if mask & 1 << bit],
            }
            for number, mask in catalog.numbers(catalog.normalize(name or ""))
        ]
    show(rows)
    raise typer.Exit(0 if rows else 1)


@catalog_app.command()
def diff(
    before: Annotated[Path, typer.Argument(help="A compiled catalog.")],
    after: Annotated[Path, typer.Argument(help="The compiled catalog to compare with it.")],
    rows: Annotated[
        Path | None, typer.Option(help="JSONL file to write every difference to.")
    ] = None,
) -> None:
    """Print how many entries were added, removed and changed, in all and per label, as JSON.

    An entry is known again by label and id, or by its name if it has no id. Each row of --rows
    has "change", "entry" and, for a changed entry, what it was "before".

    Example: catalog-ner catalog diff monday.catalog tuesday.catalog --rows changes.jsonl
    """
    if rows is not None and rows.is_dir():
        raise CatalogNERError(f"{rows}: is a folder, expected a JSONL file to write")
    one, two = Catalog.open(before), Catalog.open(after)
    counts: Counter[tuple[str, str]] = Counter()

    def changes() -> Iterator[dict[str, Any]]:
        with tqdm(total=len(one) + len(two), unit="entry", desc="comparing") as bar:
            for change in compare_catalogs(one, two, bar.update):
                counts[change.entry.label, change.kind] += 1
                yield change.to_row()

    if rows is None:
        deque(changes(), maxlen=0)
    else:
        write_jsonl(rows, changes())
    labels = sorted({label for label, _ in counts})
    show(
        {
            "entries_before": len(one),
            "entries_after": len(two),
            **{kind: sum(counts[label, kind] for label in labels) for kind in _KINDS},
            "per_label": {
                label: {kind: counts[label, kind] for kind in _KINDS} for label in labels
            },
            "settings_changed": [name for name in _SETTINGS if not _same(name, one, two)],
        }
    )


@catalog_app.command()
def merge(
    sources: Annotated[list[Path], typer.Argument(help="Compiled catalogs, at least two.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write: NAME.catalog.")],
) -> None:
    """Compile the entries of several catalogs into one.

    Entries that repeat are merged: their aliases are joined and the larger weight stays. All have
    to be compiled with the same normalisation and variant rules, which the new one keeps.

    Example: catalog-ner catalog merge songs.catalog cities.catalog -o all.catalog
    """
    if len(sources) < 2:
        raise typer.BadParameter("expected at least two catalogs")
    catalogs = [Catalog.open(source) for source in sources]
    first = catalogs[0]
    for source, catalog in zip(sources, catalogs, strict=True):
        for name in _SETTINGS:
            if not _same(name, first, catalog):
                raise CatalogNERError(
                    f"{source}: compiled with other {name} than {sources[0]}; compile one of the"
                    " two again from its entries"
                )

    def entries() -> Iterator[Entry]:
        for source, catalog in zip(sources, catalogs, strict=True):
            yield from tqdm(catalog, total=len(catalog), unit="entry", desc=source.name)

    spec = first.meta["variants"]
    merged = compile_catalog(
        entries(),
        output,
        normalization=first.meta["normalization"],
        variants=None if spec is None else Variants(spec, str(sources[0])),
        progress=say,
    )
    read = sum(map(len, catalogs))
    show({"entries_read": read, "entries": len(merged), "repeated": read - len(merged)})


def _same(setting: str, one: Catalog, two: Catalog) -> bool:
    """Tell whether two catalogs are compiled alike; rules in another order are other rules."""
    return json.dumps(one.meta[setting]) == json.dumps(two.meta[setting])
