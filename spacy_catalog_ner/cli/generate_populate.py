"""``catalog-ner generate populate``, ``augment`` and ``card``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from spacy_catalog_ner.cli.common import make_tokenizer, say, show, warn_of
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.generation.population.augmentation import Augmentation
from spacy_catalog_ner.generation.population.card import make_card, render_card
from spacy_catalog_ner.generation.population.data_set import (
    choose_usable,
    parse_shares,
    write_data_set,
)
from spacy_catalog_ner.generation.population.names import read_names
from spacy_catalog_ner.generation.population.population import Style
from spacy_catalog_ner.generation.review.decisions import read_patterns
from spacy_catalog_ner.io.annotated import read_annotated, read_texts
from spacy_catalog_ner.io.files import atomic_write, read_labels, write_json, write_jsonl

Entries = Annotated[
    list[Path], typer.Option(help="Catalog entries: file or folder; may be repeated.")
]
Labels = Annotated[Path, typer.Option(help="YAML of LABEL: description.")]
Temper = Annotated[
    float, typer.Option(min=0, help="Power of a name's weight: 0 draws all names equally often.")
]
Seed = Annotated[int, typer.Option(help="Seed of all that is left to chance.")]


class Form(StrEnum):
    """Form of the utterances."""

    spoken = "spoken"
    written = "written"
    mixed = "mixed"


def populate(
    patterns: Annotated[Path, typer.Argument(help="JSONL of patterns, or of decisions on them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    entries: Entries,
    labels: Labels,
    lang: Annotated[str, typer.Option(help="Language of patterns and names.")] = "en",
    count: Annotated[int, typer.Option(min=1, help="Utterances to make.")] = 5000,
    splits: Annotated[
        str, typer.Option(help="Shares of train, dev and test, of names and utterances.")
    ] = "0.7,0.1,0.2",
    temper: Temper = 0.5,
    form: Annotated[
        Form, typer.Option(help="Spoken is in lower case, without punctuation.")
    ] = Form.spoken,
    noise: Annotated[
        float, typer.Option(min=0, max=1, help="Probability of each kind of speech noise.")
    ] = 0.0,
    seed: Seed = 0,
) -> None:
    """Put names of a catalog into patterns: train, dev and test sets that share no entity.

    Example: catalog-ner generate populate decisions.jsonl --entries assets/media/catalogs
    --labels configs/labels/media.yml -o corpus/dialogue
    """
    shares = parse_shares(splits)
    style = Style(form=form.value, noise=noise, temper=temper, seed=seed)
    descriptions = read_labels(labels)
    problems = Problems()
    try:
        known, unreviewed = read_patterns(patterns, problems, lang)
        names = read_names(entries, lang, descriptions, problems)
    finally:
        warn_of(problems)
    usable = choose_usable(known, names, lang)
    if unreviewed:
        say(f"{patterns}: {unreviewed} patterns nobody has reviewed")
    if usable.other_language:
        say(f"{patterns}: {usable.other_language} patterns of another language left out")
    for label, left_out in usable.without_names.items():
        say(f"{patterns}: {left_out} patterns left out: no names of {label} in the catalog")
    summary = write_data_set(
        output,
        usable,
        names,
        shares,
        count,
        style,
        lang=lang,
        labels=descriptions,
        tokenize=make_tokenizer(lang),
        unreviewed=unreviewed,
        progress=True,
    )
    made = sum(summary["utterances"].values())
    if made < count:
        say(f"{output}: {made} utterances instead of {count}: patterns and names give no more")
    show(
        {
            "patterns": len(usable.patterns),
            "unreviewed": unreviewed,
            "other_language": usable.other_language,
            "without_names": usable.without_names,
            **summary,
        }
    )


def augment(
    annotated: Annotated[Path, typer.Argument(help="Annotated JSONL.", metavar="INPUT.jsonl")],
    output: Annotated[Path, typer.Option("--output", "-o", help="JSONL to write.")],
    entries: Entries,
    labels: Labels,
    lang: Annotated[str, typer.Option(help="Language of utterances and names.")] = "en",
    copies: Annotated[int, typer.Option(min=1, help="Copies of each utterance.")] = 1,
    temper: Temper = 0.5,
    seed: Seed = 0,
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


def card(
    sets: Annotated[list[Path], typer.Argument(help="Annotated JSONL, such as train and test.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="JSON file to write.")],
    labels: Labels,
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
        name: (row.to_dict() for _, row in tqdm(read_texts(path, problems), desc=name, delay=1))
        for name, path in paths.items()
    }
    try:
        made = make_card(rows, descriptions, lang, make_tokenizer(lang))
    finally:
        warn_of(problems)
    write_json(output, made.to_dict())
    if markdown is not None:
        with atomic_write(markdown) as stream:
            stream.write(render_card(made, output.stem))
    wrong = sum(made.validation["problems"].values())
    if wrong:
        say(f"{output}: {wrong} problems in {made.validation['spans']} spans")
    show(made.to_dict())
