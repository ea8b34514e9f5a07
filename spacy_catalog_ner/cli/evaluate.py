"""``catalog-ner evaluate`` and ``catalog-ner report``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from spacy_catalog_ner.annotations import read_annotated
from spacy_catalog_ner.cli.common import read_overrides, say, show, warn_of
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.evaluation import evaluate_rows, render_markdown
from spacy_catalog_ner.files import atomic_write, require_file, write_json
from spacy_catalog_ner.labelling import label_rows, summary_path
from spacy_catalog_ner.pipelines import load_pipeline


def evaluate(
    context: typer.Context,
    predictions: Annotated[
        str,
        typer.Argument(help="Labelled JSONL, or a pipeline's config (.cfg), folder or package."),
    ],
    gold: Annotated[Path, typer.Argument(help="Annotated JSONL of the same texts.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="JSON file to write too.")
    ] = None,
) -> None:
    """Print exact-match precision, recall and F1, overall and per label, as JSON.

    Example: catalog-ner evaluate labelled.jsonl test.jsonl
    """
    problems = Problems()
    overrides = read_overrides(context)
    gold_rows = _read(gold, problems)
    if Path(predictions).suffix in (".jsonl", ".gz"):
        if overrides:
            raise CatalogNERError(f"--{next(iter(overrides))}: a file of predictions has no config")
        rows = _read(Path(predictions), problems)
    else:
        rows = list(label_rows(load_pipeline(predictions, overrides), gold_rows))
    warn_of(problems)
    result = evaluate_rows(rows, gold_rows)
    if output is not None:
        write_json(output, result)
    show(result)


def report(
    gold: Annotated[Path, typer.Argument(help="Annotated JSONL.")],
    systems: Annotated[list[str], typer.Argument(help="NAME=LABELLED.jsonl, in table order.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Name to write, with .md and .json added.")
    ],
    corpus: Annotated[
        Path | None, typer.Option(help="meta.json of the prepared corpus, to describe it.")
    ] = None,
    title: Annotated[str, typer.Option(help="Heading of the table.")] = "Held-out test",
) -> None:
    """Write one table of several systems as Markdown and JSON.

    Example: catalog-ner report test.jsonl teacher=teacher.jsonl student=student.jsonl -o reports/x
    """
    problems = Problems()
    gold_rows = _read(gold, problems)
    results = {}
    for system in systems:
        name, separator, path = system.partition("=")
        if not separator:
            raise CatalogNERError(f"{system!r}: expected NAME=LABELLED.jsonl")
        results[name] = _score(Path(path), gold_rows, problems)
        summary = summary_path(Path(path))
        if summary.is_file():
            figures = json.loads(summary.read_text(encoding="utf8"))
            results[name]["seconds_per_text"] = figures["seconds_per_text"]
    meta = {} if corpus is None else _read_json(corpus)
    warn_of(problems)
    text = render_markdown(title, meta, results)
    with atomic_write(output.with_name(f"{output.name}.md")) as stream:
        stream.write(text)
    write_json(output.with_name(f"{output.name}.json"), {"corpus": meta, "systems": results})
    say(text)


def _read_json(path: Path) -> dict[str, Any]:
    text = require_file(path, "meta.json of a prepared corpus").read_text(encoding="utf8")
    try:
        meta: dict[str, Any] = json.loads(text)
    except ValueError as err:
        raise CatalogNERError(f"{path}: not JSON ({err})") from None
    return meta


def _score(predictions: Path, gold: list[dict[str, Any]], problems: Problems) -> dict[str, Any]:
    try:
        return evaluate_rows(_read(predictions, problems), gold)
    except CatalogNERError as err:
        raise CatalogNERError(f"{predictions}: {err}") from None


def _read(path: Path, problems: Problems) -> list[dict[str, Any]]:
    return [row for _, row in read_annotated(path, problems)]
