"""``catalog-ner convert``: annotated text from one format to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacy_catalog_ner.cli.common import collect_problems, say
from spacy_catalog_ner.formats import Format, Scheme
from spacy_catalog_ner.io.files import read_labels


def convert(
    sources: Annotated[
        list[Path], typer.Argument(help="Annotated files, or folders of brat's .ann and .txt.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write, or folder for brat.")
    ],
    source_format: Annotated[
        Format | None,
        typer.Option("--from", help="Format of the files; by default by their names."),
    ] = None,
    target_format: Annotated[
        Format | None, typer.Option("--to", help="Format to write; by default by its name.")
    ] = None,
    lang: Annotated[str, typer.Option(help="Language of the tokenizer.")] = "en",
    labels: Annotated[
        Path | None, typer.Option(help="YAML of LABEL: description; others are reported.")
    ] = None,
    scheme: Annotated[
        Scheme,
        typer.Option(case_sensitive=False, help="Tags of the columns to write; BIO is iob2."),
    ] = Scheme.IOB2,
    column: Annotated[
        int | None, typer.Option(min=1, help="Column of the tags to read; by default the last.")
    ] = None,
) -> None:
    """Convert annotated text: JSONL, .spacy, CoNLL columns, Prodigy, Label Studio, brat.

    By name, .jsonl is annotated JSONL (read also .jsonl.gz and .jsonl.zst) or what Prodigy wrote,
    .spacy a DocBin, .json an export of Label Studio, .conll, .iob, .iob2, .bio and .tsv are
    columns, and a folder is brat's. What a format cannot hold is reported and left out.

    Example: catalog-ner convert train.conll -o train.spacy
    """
    from spacy_catalog_ner.doc.pipelines import blank_pipeline
    from spacy_catalog_ner.formats.conversion import convert_files

    known = None if labels is None else set(read_labels(labels))
    with collect_problems() as problems:
        summary = convert_files(
            sources,
            output,
            blank_pipeline(lang),
            problems,
            source_format=source_format,
            target_format=target_format,
            labels=known,
            scheme=scheme,
            column=column,
            progress=True,
        )
    entities, types = summary.labels.total(), len(summary.labels)
    say(f"{output}: {summary.texts} texts, {entities} entities of {types} types")
    if not entities:
        say(f"{output}: warning: without a single entity there is nothing to train a student on")
