"""``catalog-ner generate populate``: from patterns and names to annotated utterances."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from spacy_catalog_ner.cli.common import say, show, warn_of
from spacy_catalog_ner.cli.reading import make_tokenizer
from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.generation.population.data_set import (
    choose_usable,
    parse_shares,
    write_data_set,
)
from spacy_catalog_ner.generation.population.names import read_names
from spacy_catalog_ner.generation.population.population import Style
from spacy_catalog_ner.generation.review.decisions import read_patterns
from spacy_catalog_ner.io.files import read_labels


class Form(StrEnum):
    """Form of the utterances."""

    spoken = "spoken"
    written = "written"
    mixed = "mixed"


def populate(
    patterns: Annotated[Path, typer.Argument(help="JSONL of patterns, or of decisions on them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    entries: Annotated[
        list[Path], typer.Option(help="Catalog entries: file or folder; may be repeated.")
    ],
    labels: Annotated[Path, typer.Option(help="YAML of LABEL: description.")],
    lang: Annotated[str, typer.Option(help="Language of patterns and names.")] = "en",
    count: Annotated[int, typer.Option(min=1, help="Utterances to make.")] = 5000,
    splits: Annotated[
        str, typer.Option(help="Shares of train, dev and test, of names and utterances.")
    ] = "0.7,0.1,0.2",
    temper: Annotated[
        float,
        typer.Option(min=0, help="Power of a name's weight: 0 draws all names equally often."),
    ] = 0.5,
    form: Annotated[
        Form, typer.Option(help="Spoken is in lower case, without punctuation.")
    ] = Form.spoken,
    noise: Annotated[
        float, typer.Option(min=0, max=1, help="Probability of each kind of speech noise.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of all that is left to chance.")] = 0,
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
