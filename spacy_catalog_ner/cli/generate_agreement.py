"""``catalog-ner generate agreement``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacy_catalog_ner.cli.common import say, show, warn_of
from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.generation.patterns.files import iter_decisions
from spacy_catalog_ner.generation.review.agreement import measure_review_agreement
from spacy_catalog_ner.generation.review.decision import Decision, standing
from spacy_catalog_ner.io.files import write_jsonl


def agreement(
    a: Annotated[Path, typer.Argument(help="Decisions of one reviewer, from generate review.")],
    b: Annotated[Path, typer.Argument(help="Decisions about the same patterns by another.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="JSONL to write the disagreements to instead."),
    ] = None,
) -> None:
    """Print how far two reviewers agree on patterns, with Cohen's kappa, as JSON.

    Example: catalog-ner generate agreement first.jsonl second.jsonl -o disagreements.jsonl
    """
    problems = Problems()
    try:
        first, second = (_read_decisions(path, problems) for path in (a, b))
    finally:
        warn_of(problems)
    result = measure_review_agreement(first, second)
    if output is not None:
        count = write_jsonl(output, result.pop("disagreements"))
        say(f"{output}: {count} disagreements to talk about")
    show(result)


def _read_decisions(path: Path, problems: Problems) -> dict[str, Decision]:
    return standing(one for _, one in iter_decisions(path, problems) if one.answer is not None)
