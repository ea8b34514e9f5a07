"""``catalog-ner generate patterns``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacy_catalog_ner.cli.common import read_overrides, say, show, warn_of
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.exemplars.embedders import BUNDLED_MODEL, make_embedder
from spacy_catalog_ner.io.files import iter_lines, read_labels, require_file


def patterns(
    context: typer.Context,
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCES...",
            help="JSONL of patterns, of annotated utterances, or of seeds, marked representative.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="JSONL file to write.")],
    labels: Annotated[Path, typer.Option(help="YAML of LABEL: description.")],
    catalog: Annotated[Path, typer.Option(help="Compiled catalog; no name of it may be left in.")],
    lang: Annotated[
        str, typer.Option(help="Language of the patterns, and of rows that do not tell theirs.")
    ],
    model_config: Annotated[
        Path | None,
        typer.Option(help="Config of a model that writes patterns, as configs/patterns.cfg."),
    ] = None,
    seeds_lang: Annotated[
        str | None, typer.Option(help="Language of the seeds; that of the patterns if not given.")
    ] = None,
    per_seed: Annotated[int, typer.Option(min=1, help="Patterns to ask for, for each seed.")] = 3,
    limit: Annotated[int, typer.Option(min=0, help="Use at most so many seeds, 0: all.")] = 0,
    rules: Annotated[
        Path | None, typer.Option(help="YAML of LABEL: a rule for the model to keep to.")
    ] = None,
    template: Annotated[
        Path | None, typer.Option(help="Jinja template of the prompt, in place of the built-in.")
    ] = None,
    min_words: Annotated[int, typer.Option(min=1, help="Words of the shortest pattern.")] = 3,
    max_words: Annotated[int, typer.Option(min=1, help="Words of the longest pattern.")] = 40,
    ordinary: Annotated[
        Path | None,
        typer.Option(help="Text file of words and phrases, one a line, that are no names."),
    ] = None,
    edit_similarity: Annotated[
        float, typer.Option(help="Near-duplicates are so similar in their letters; 1: equal.")
    ] = 0.85,
    cosine: Annotated[
        float,
        typer.Option(help="Near-duplicates are so similar in meaning; 1: without embeddings."),
    ] = 0.95,
    embedder: Annotated[
        str, typer.Option(help="Name or folder of a sentence-transformers model, or a .gguf file.")
    ] = BUNDLED_MODEL,
) -> None:
    """Make patterns with <LABEL> in the place of names, and check every one.

    Annotated utterances are abstracted, exactly and without a model. With --model-config a model
    writes patterns after seeds as well; values of its config can be given as further options,
    --section.key value. What is rejected goes to patterns.rejected.jsonl, with the reason.

    Example: catalog-ner generate patterns annotated.jsonl -o patterns.jsonl
    --labels configs/labels/media.yml --catalog media.catalog --lang en
    """
    names, context.args = _split(arguments)
    sources = [require_file(name, "JSONL of utterances or patterns") for name in names]
    if ordinary is not None:
        require_file(ordinary, "a text file of words")
    descriptions = read_labels(labels)
    overrides = read_overrides(context) if context.args else {}
    if overrides and model_config is None:
        raise CatalogNERError(f"{context.args[0]}: is for --model-config, which is not given")

    from spacy_catalog_ner.catalog import Catalog
    from spacy_catalog_ner.generation.patterns.checks import PatternChecker
    from spacy_catalog_ner.generation.patterns.leftover_names import LeftoverNames
    from spacy_catalog_ner.generation.patterns.making import (
        choose_examples,
        make_patterns,
        rejected_path,
    )
    from spacy_catalog_ner.generation.patterns.near_duplicates import NearDuplicates
    from spacy_catalog_ner.generation.patterns.pattern import Tags
    from spacy_catalog_ner.generation.patterns.sources import PatternSources
    from spacy_catalog_ner.generation.patterns.writer import PatternWriter, load_model
    from spacy_catalog_ner.llm.failures import ModelUnavailableError

    problems = Problems()
    opened = Catalog.open(catalog)
    tags = Tags(descriptions, opened.labels)
    duplicates = NearDuplicates(edit_similarity, cosine, make_embedder(embedder))
    model = None if model_config is None else load_model(model_config, overrides)
    found = PatternSources(tags, lang, seeds_lang or lang)
    found.read(sources, problems)
    words = [] if ordinary is None else [line for _, line in iter_lines(ordinary, problems)]
    checker = PatternChecker(
        tags,
        LeftoverNames(opened, lang, found.annotated, words),
        duplicates,
        min_words=min_words,
        max_words=max_words,
    )
    writer = None
    if model is not None:
        writer = PatternWriter(
            model,
            tags,
            lang=lang,
            seeds_lang=found.seeds_lang,
            per_seed=per_seed,
            rules=None if rules is None else read_labels(rules),
            template=template,
            examples=choose_examples(found, checker),
        )
    warn_of(problems)
    try:
        summary = make_patterns(found, checker, output, writer=writer, limit=limit)
    except ModelUnavailableError as err:
        typer.secho(f"Error: {err}", fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from None
    show({**summary, "problems": dict(problems.counts)})
    if not summary["patterns"]:
        say(f"Error: no pattern passed the checks; {rejected_path(output)} says why")
        raise typer.Exit(1)


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Take options apart that are not known here: an argument of several values receives them."""
    sources: list[str] = []
    options: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument.startswith("--"):
            options.append(argument)
            options += [] if "=" in argument else [value for value in [next(rest, None)] if value]
        else:
            sources.append(argument)
    return sources, options
