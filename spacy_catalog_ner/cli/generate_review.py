"""``catalog-ner generate review`` and ``agreement``."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from spacy_catalog_ner.cli.common import say, show, warn_of
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.generation.review.decisions import (
    DecisionLog,
    iter_decisions,
    latest_decisions,
    measure_review_agreement,
    read_latest,
)
from spacy_catalog_ner.generation.review.formats import (
    LABEL_STUDIO_CONFIG,
    WRITERS,
    import_answers,
)
from spacy_catalog_ner.generation.review.session import ReviewSession
from spacy_catalog_ner.io.files import read_labels, write_jsonl


class TaskFormat(StrEnum):
    """Who the tasks are for."""

    PRODIGY = "prodigy"
    LABEL_STUDIO = "label-studio"


def review(
    patterns: Annotated[Path, typer.Argument(help="JSONL of patterns.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="JSONL of decisions to append to.")
    ],
    reviewer: Annotated[str, typer.Option(help="Your name, written to each decision.")] = "",
    labels: Annotated[
        Path | None,
        typer.Option(
            help="YAML of LABEL: description, the labels that an edited pattern may have."
        ),
    ] = None,
    decisions: Annotated[
        list[Path] | None,
        typer.Option(help="Earlier decisions to take over; may be given several times."),
    ] = None,
    only_known: Annotated[
        bool, typer.Option("--only-known", help="Ask nothing: what is undecided stays out.")
    ] = False,
    export: Annotated[
        Path | None, typer.Option(help="Write what is undecided as tasks, and ask nothing.")
    ] = None,
    import_: Annotated[
        Path | None, typer.Option("--import", help="Read the answers to tasks, and ask nothing.")
    ] = None,
    task_format: Annotated[
        TaskFormat, typer.Option("--format", help="Who --export and --import are for.")
    ] = TaskFormat.PRODIGY,
) -> None:
    """Review patterns in the terminal: accept, reject, edit, skip and undo by key.

    Every decision is saved at once; the same command goes on where the last session ended.

    Example: catalog-ner generate review patterns.jsonl -o decisions.jsonl --reviewer ana
    """
    problems = Problems()
    try:
        _check_names(patterns, output, export, import_, labels, *(decisions or []))
        known = set(read_labels(labels)) if labels else None
        rows = [decision.pattern for _, decision in iter_decisions(patterns, problems)]
        if not rows:
            raise CatalogNERError(f"{patterns}: no pattern in this file")
        earlier = {path.name: read_latest(path, problems) for path in decisions or []}
        with DecisionLog(output, problems) as log:
            session = ReviewSession(rows, log, reviewer=reviewer, labels=known)
            done = {"taken_over": session.take_over(earlier)} if earlier else {}
            if import_ is not None:
                done["imported"] = import_answers(session, import_, task_format.value, problems)
            if export is not None:
                done["exported"] = WRITERS[task_format.value](export, session.undecided)
                if task_format is TaskFormat.LABEL_STUDIO:
                    say(f"Labelling configuration of the project:\n{LABEL_STUDIO_CONFIG}")
            elif not (only_known or import_):
                _ask(session)
            summary = {**session.counts(), **done, "problems": dict(problems.counts)}
    finally:
        warn_of(problems)
    show(summary)


def _check_names(*paths: Path | None) -> None:
    """Refuse to write what is also read, or written as something else."""
    seen = set()
    for path in paths:
        if path is not None and path.resolve() in seen:
            raise CatalogNERError(f"{path}: is given twice; name a file of its own for each")
        if path is not None:
            seen.add(path.resolve())


def _ask(session: ReviewSession) -> None:
    if session.undecided or sys.stdin.isatty():  # else there is nothing to ask
        # A terminal's modules (termios, readline, rich) only where they are needed
        from spacy_catalog_ner.generation.review.terminal import ReviewTerminal

        ReviewTerminal(session).run()


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
        first, second = (
            latest_decisions(one for _, one in iter_decisions(path, problems) if one.answer)
            for path in (a, b)
        )
    finally:
        warn_of(problems)
    result = measure_review_agreement(first, second)
    if output is not None:
        count = write_jsonl(output, result.pop("disagreements"))
        say(f"{output}: {count} disagreements to talk about")
    show(result)
