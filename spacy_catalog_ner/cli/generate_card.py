"""``catalog-ner generate card``: the data card of annotated sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from spacy_catalog_ner.cli.common import say, show, warn_of
from spacy_catalog_ner.cli.reading import make_tokenizer
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.generation.population.card import make_card
from spacy_catalog_ner.generation.population.card_markdown import render_card
from spacy_catalog_ner.io.annotated import read_texts
from spacy_catalog_ner.io.files import atomic_write, read_labels, write_json


def card(
    sets: Annotated[list[Path], typer.Argument(help="Annotated JSONL, such as train and test.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="JSON file to write.")],
    labels: Annotated[Path, typer.Option(help="YAML of LABEL: description.")],
    lang: Annotated[str, typer.Option(help="Language of rows that name none.")] = "en",
    markdown: Annotated[Path | None, typer.Option(help="Markdown file to write too.")] = None,
) -> None:
    """Describe annotated sets: counts, diversity, overlap, how they were made, and what is wrong.

    Example: catalog-ner generate card train.jsonl dev.jsonl test.jsonl
    --labels configs/labels/media.yml -o card.json --markdown card.md
    """
    descriptions = read_labels(labels)
    paths = {path.name.removesuffix(".jsonl"): path for path in sets}
    if len(paths) < len(sets):
        raise CatalogNERError("two sets have the same file name; expected names that differ")
    problems = Problems()
    rows = {
        name: (row for _, row in tqdm(read_texts(path, problems), desc=name, delay=1))
        for name, path in paths.items()
    }
    try:
        made = make_card(rows, set(descriptions), lang, make_tokenizer(lang))
    finally:
        warn_of(problems)
    write_json(output, made)
    if markdown is not None:
        with atomic_write(markdown) as stream:
            stream.write(render_card(made, output.stem))
    wrong = sum(made["validation"]["problems"].values())
    if wrong:
        say(f"{output}: {wrong} problems in {made['validation']['spans']} spans")
    show(made)
