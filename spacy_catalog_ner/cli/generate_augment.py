"""``catalog-ner generate augment``: other names in annotated utterances."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from spacy_catalog_ner.cli.common import show, warn_of
from spacy_catalog_ner.cli.reading import make_tokenizer
from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.generation.population.augmentation import Augmentation
from spacy_catalog_ner.generation.population.names import read_names
from spacy_catalog_ner.io.annotated import read_annotated
from spacy_catalog_ner.io.files import read_labels, write_jsonl


def augment(
    annotated: Annotated[Path, typer.Argument(help="Annotated JSONL.", metavar="INPUT.jsonl")],
    output: Annotated[Path, typer.Option("--output", "-o", help="JSONL to write.")],
    entries: Annotated[
        list[Path], typer.Option(help="Catalog entries: file or folder; may be repeated.")
    ],
    labels: Annotated[Path, typer.Option(help="YAML of LABEL: description.")],
    lang: Annotated[str, typer.Option(help="Language of utterances and names.")] = "en",
    copies: Annotated[int, typer.Option(min=1, help="Copies of each utterance.")] = 1,
    temper: Annotated[
        float,
        typer.Option(min=0, help="Power of a name's weight: 0 draws all names equally often."),
    ] = 0.5,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
) -> None:
    """Replace every name of an annotated set by another of the same label.

    Example: catalog-ner generate augment assets/media/exemplars.en.jsonl
    --entries assets/media/catalogs --labels configs/labels/media.yml -o corpus/augmented.jsonl
    """
    descriptions = read_labels(labels)
    problems = Problems()
    try:
        names = read_names(entries, lang, descriptions, problems)
        rows = [row for _, row in read_annotated(annotated, problems, set(descriptions))]
    finally:
        warn_of(problems)
    tokenize = make_tokenizer(lang)
    augmentation = Augmentation(names, lang, temper=temper, seed=seed, tokenize=tokenize)
    bar = tqdm(rows, unit="utterance", desc="augment", delay=1)
    written = write_jsonl(output, augmentation.augment(bar, copies))
    show(
        {
            "read": len(rows),
            "written": written,
            "names_replaced": augmentation.replaced,
            "not_augmented": {kind: n for kind, n in augmentation.counts.items() if n},
        }
    )
