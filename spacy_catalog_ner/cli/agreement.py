"""``catalog-ner agreement``: how far two annotators agree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacy_catalog_ner.cli.common import say, show, warn_of
from spacy_catalog_ner.cli.reading import make_tokenizer, read_rows
from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.evaluation.agreement import measure_agreement
from spacy_catalog_ner.io.files import write_jsonl


def agreement(
    a: Annotated[Path, typer.Argument(help="Annotated JSONL or DocBin of one annotator.")],
    b: Annotated[Path, typer.Argument(help="The same texts, annotated by another.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="JSONL to write the disagreements to instead."),
    ] = None,
    lang: Annotated[str, typer.Option(help="Language of the tokenizer.")] = "en",
) -> None:
    """Print Cohen's kappa of tokens, F1 of spans, and what to talk about, as JSON.

    Example: catalog-ner agreement first.jsonl second.jsonl -o disagreements.jsonl
    """
    tokenize = make_tokenizer(lang)
    problems = Problems()
    try:
        result = measure_agreement(
            read_rows(a, problems),
            read_rows(b, problems),
            tokenize,
            problems,
            names=(str(a), str(b)),
        ).to_dict()
    finally:
        warn_of(problems)
    if output is not None:
        count = write_jsonl(output, result.pop("disagreements"))
        say(f"{output}: {count} disagreements to talk about")
    show(result)
