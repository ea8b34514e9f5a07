"""``catalog-ner evaluate`` and ``catalog-ner report``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from spacy_catalog_ner.cli.common import read_overrides, say, show, warn_of
from spacy_catalog_ner.cli.reading import (
    ANNOTATED,
    AnnotatedFile,
    align_files,
    is_annotated,
    make_tokenizer,
    read_rows,
)
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.evaluation import render_markdown
from spacy_catalog_ner.evaluation.alignment import Pair
from spacy_catalog_ner.evaluation.comparison import compare
from spacy_catalog_ner.evaluation.gate import (
    Change,
    check_regression,
    compare_pairs,
    compare_results,
    read_result,
)
from spacy_catalog_ner.evaluation.html import render_html
from spacy_catalog_ner.evaluation.markdown import render_result_markdown
from spacy_catalog_ner.evaluation.metrics import evaluate_pairs
from spacy_catalog_ner.evaluation.significance import compare_systems
from spacy_catalog_ner.evaluation.stages import attribute
from spacy_catalog_ner.io.files import atomic_write, require_file, write_json


def evaluate(
    context: typer.Context,
    predictions: Annotated[
        str,
        typer.Argument(
            help="Labelled JSONL or DocBin, or a pipeline's config (.cfg), folder or package."
        ),
    ],
    gold: Annotated[Path, typer.Argument(help="Annotated JSONL or DocBin of the same texts.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="JSON file to write the result to, too.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="HTML report to write.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Markdown report to write.")] = None,
    train: Annotated[
        list[Path] | None,
        typer.Option(
            help="Annotated training texts: scores entities not in it apart. May be repeated."
        ),
    ] = None,
    tokens: Annotated[bool, typer.Option("--tokens", help="Score tokens, too.")] = False,
    lang: Annotated[str, typer.Option(help="Language of the tokenizer for --tokens.")] = "en",
    samples: Annotated[int, typer.Option(min=1, help="Resamples of the 95 % intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all that is drawn.")] = 0,
    baseline: Annotated[
        Path | None,
        typer.Option(help="To compare with: a result (.json), or predictions for the same gold."),
    ] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(
            min=0, help="Exit with 1 if F1 fell by more points than this, and not by chance."
        ),
    ] = None,
    per_label: Annotated[
        bool, typer.Option("--per-label", help="Hold --max-drop for every label, too.")
    ] = False,
) -> None:
    """Print scores with their intervals, kinds of errors and the stages they come from, as JSON.

    A fall of F1 counts as loss where the 95 % interval of the difference is all below 0. Values of
    a pipeline's config can be given as further options, --section.key value.

    Example: catalog-ner evaluate labelled.jsonl test.jsonl --baseline old.json --max-drop 2
    """
    overrides = read_overrides(context) if context.args else {}
    if max_drop is not None and baseline is None:
        raise CatalogNERError("--max-drop: give the result to compare with, --baseline FILE")
    if per_label and max_drop is None:
        raise CatalogNERError("--per-label: give the points that F1 may fall by, --max-drop POINTS")
    problems = Problems()
    options: dict[str, Any] = {
        "samples": samples,
        "seed": seed,
        "tokenize": make_tokenizer(lang) if tokens else None,
    }
    try:
        annotated = read_rows(gold, problems)
        if train:
            options["train"] = [row for path in train for row in read_rows(path, problems).rows]
        # Before the pipeline runs, which can take long
        old = None if baseline is None else _read_baseline(baseline, annotated, problems, options)
        answers = _read_predictions(predictions, overrides, annotated, problems)
        pairs = align_files(answers, annotated, problems)
    finally:
        warn_of(problems)
    result = evaluate_pairs(pairs, **options)
    changes: list[Change] = []
    if old is not None:
        changes, result["comparison"] = _compare(_System(result, pairs), old, baseline, options)
    title = f"{Path(predictions).name} on {gold.name}"
    if output is not None:
        write_json(output, result)
    _write_reports(html, markdown, _System(result, pairs), old, title)
    show(result)
    if changes:
        p_value = result["comparison"]["p_value"]
        chance = "" if p_value is None else f", p = {p_value:.4f}"
        say(f"Compared with {baseline}: {_describe(changes[0])}{chance}")
    if max_drop is not None and _fails(changes, max_drop, per_label):
        raise typer.Exit(1)


class _System(NamedTuple):
    """The result of a system, and what it was measured on where that is known."""

    result: dict[str, Any]
    pairs: list[Pair] | None


def _read_predictions(
    name: str, overrides: dict[str, Any], gold: AnnotatedFile, problems: Problems
) -> AnnotatedFile:
    """Read predictions, or have a pipeline make them of the gold texts."""
    path = Path(name)
    if is_annotated(path):
        if overrides:
            raise CatalogNERError(f"--{next(iter(overrides))}: a file of predictions has no config")
        return read_rows(path, problems)
    from spacy_catalog_ner.doc.pipelines import load_pipeline
    from spacy_catalog_ner.labelling import label_rows

    # What is wrong with an answer is said of the gold row that it is made of
    return gold._replace(rows=list(label_rows(load_pipeline(name, overrides), gold.rows)))


def _read_baseline(
    path: Path, gold: AnnotatedFile, problems: Problems, options: dict[str, Any]
) -> _System:
    if path.suffix == ".json":
        return _System(read_result(path), None)
    if not path.name.endswith(ANNOTATED):
        raise CatalogNERError(
            f"{path}: expected a result of `catalog-ner evaluate -o` (.json) or predictions"
            f" ({', '.join(ANNOTATED)})"
        )
    pairs = align_files(read_rows(path, problems), gold, problems)
    return _System(evaluate_pairs(pairs, **options), pairs)


def _compare(
    new: _System, old: _System, name: Path | None, options: dict[str, Any]
) -> tuple[list[Change], dict[str, Any]]:
    """Return how F1 changed, the micro F1 first, and the same for JSON."""
    test = None
    if new.pairs is not None and old.pairs is not None:
        samples, seed = options["samples"], options["seed"]
        changes = compare_pairs(new.pairs, old.pairs, samples=samples, seed=seed)
        test = compare_systems(new.pairs, old.pairs, seed=seed)
    else:
        try:
            changes = compare_results(new.result, old.result)
        except CatalogNERError as err:
            raise CatalogNERError(f"{name}: {err}") from None
    micro, *labels = changes
    return changes, {
        "baseline": str(name),
        "micro": micro.to_dict(),
        "per_label": {change.label: change.to_dict() for change in labels},
        "p_value": None if test is None else test["p_value"],
    }


def _write_reports(
    html: Path | None, markdown: Path | None, new: _System, old: _System | None, title: str
) -> None:
    baseline = None if old is None else old.result
    if html is not None and new.pairs is not None:
        page = render_html(
            new.result,
            new.pairs,
            title=title,
            attributed=attribute(new.pairs, compare(new.pairs)),
            baseline=baseline,
            baseline_pairs=None if old is None else old.pairs,
        )
        _write(html, page)
    if markdown is not None:
        _write(markdown, render_result_markdown(new.result, title, baseline))


def _fails(changes: list[Change], max_drop: float, per_label: bool) -> bool:
    """Say what fell too far, and tell whether any of it is a loss."""
    fallen = check_regression(changes, max_drop=max_drop, per_label=per_label)
    for change in fallen:
        say(f"{change.verdict}: {_describe(change)}")
    lost = [change for change in fallen if change.is_loss]
    if lost:
        names = ", ".join(change.label or "all entities" for change in lost)
        say(f"Failed: F1 fell by more than {max_drop:g} points: {names}")
    else:
        say(f"Passed: no loss of more than {max_drop:g} points of F1")
    return bool(lost)


def _describe(change: Change) -> str:
    low, high = change.interval
    return (
        f"F1 of {change.label or 'all entities'} {change.before:.4f} -> {change.after:.4f},"
        f" {change.points:+.1f} points (95 % interval {low:+.1f} to {high:+.1f})"
    )


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
    from spacy_catalog_ner.labelling import summary_path

    problems = Problems()
    results = {}
    try:
        annotated = read_rows(gold, problems)
        for system in systems:
            name, separator, path = system.partition("=")
            if not separator:
                raise CatalogNERError(f"{system!r}: expected NAME=LABELLED.jsonl")
            answers = read_rows(Path(path), problems)
            results[name] = evaluate_pairs(align_files(answers, annotated, problems))
            summary = summary_path(Path(path))
            if summary.is_file():
                figures = json.loads(summary.read_text(encoding="utf8"))
                results[name]["seconds_per_text"] = figures["seconds_per_text"]
    finally:
        warn_of(problems)
    meta = {} if corpus is None else _read_json(corpus)
    text = render_markdown(title, meta, results)
    _write(output.with_name(f"{output.name}.md"), text)
    write_json(output.with_name(f"{output.name}.json"), {"corpus": meta, "systems": results})
    say(text)


def _read_json(path: Path) -> dict[str, Any]:
    text = require_file(path, "meta.json of a prepared corpus").read_text(encoding="utf8")
    try:
        meta: dict[str, Any] = json.loads(text)
    except ValueError as err:
        raise CatalogNERError(f"{path}: not JSON ({err})") from None
    return meta


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as stream:
        stream.write(text)
