"""``catalog-ner evaluate``, ``report`` and ``agreement``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from spacy_catalog_ner.cli.common import (
    collect_problems,
    is_annotated,
    make_tokenizer,
    read_overrides,
    read_rows,
    say,
    show,
)
from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.evaluation import (
    Pair,
    Result,
    align_rows,
    evaluate_pairs,
    read_result,
)
from spacy_catalog_ner.evaluation.agreement import measure_agreement
from spacy_catalog_ner.evaluation.gate import compare_pairs, compare_results
from spacy_catalog_ner.evaluation.html import render_html
from spacy_catalog_ner.evaluation.markdown import render_markdown, render_result_markdown
from spacy_catalog_ner.evaluation.result import Change, Comparison
from spacy_catalog_ner.io.annotated import ANNOTATED
from spacy_catalog_ner.io.files import (
    atomic_write,
    detect_kind,
    read_json,
    write_json,
    write_jsonl,
)
from spacy_catalog_ner.io.row import Row

Rows = list[tuple[Place, Row]]


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
    options: dict[str, Any] = {"samples": samples, "seed": seed}
    old: Result | None = None
    old_pairs: list[Pair] | None = None
    with collect_problems() as problems:
        if tokens:
            options["tokenize"] = make_tokenizer(lang)
        annotated = read_rows(gold, problems)
        if train:
            options["train"] = [row for path in train for _, row in read_rows(path, problems)]
        # The baseline first: a pipeline can take long
        if baseline is not None and baseline.suffix == ".json":
            old = read_result(baseline)
        elif baseline is not None:
            if not detect_kind(baseline, ANNOTATED):
                raise CatalogNERError(
                    f"{baseline}: expected a result of `catalog-ner evaluate -o` (.json) or"
                    f" predictions ({', '.join(ANNOTATED)})"
                )
            answers = read_rows(baseline, problems)
            old_pairs = align_rows(answers, annotated, problems, (str(baseline), str(gold)))
            old = evaluate_pairs(old_pairs, **options)
        answers = _read_predictions(predictions, overrides, annotated, problems)
        pairs = align_rows(answers, annotated, problems, (predictions, str(gold)))
    result = evaluate_pairs(pairs, **options)
    if old is not None:
        name = str(baseline)
        if old_pairs is not None:
            result.comparison = compare_pairs(pairs, old_pairs, name, samples=samples, seed=seed)
        else:
            result.comparison = compare_results(result, old, name)
    title = f"{Path(predictions).name} on {gold.name}"
    if output is not None:
        write_json(output, result.to_dict())
    if html is not None:
        page = render_html(result, pairs, title=title, baseline=old, baseline_pairs=old_pairs)
        _write(html, page)
    if markdown is not None:
        _write(markdown, render_result_markdown(result, title, old))
    show(result.to_dict())
    if (comparison := result.comparison) is not None:
        p_value = comparison.p_value
        chance = "" if p_value is None else f", p = {p_value:.4f}"
        say(f"Compared with {baseline}: {_describe('', comparison.micro)}{chance}")
        if max_drop is not None and _fails(comparison, max_drop, per_label):
            raise typer.Exit(1)


def _read_predictions(name: str, overrides: dict[str, Any], gold: Rows, problems: Problems) -> Rows:
    """Read predictions, or have a pipeline make them of the gold texts."""
    path = Path(name)
    if is_annotated(path):
        if overrides:
            raise CatalogNERError(f"--{next(iter(overrides))}: a file of predictions has no config")
        return read_rows(path, problems)
    from spacy_catalog_ner.doc.pipelines import load_pipeline
    from spacy_catalog_ner.labelling import label_rows

    answers = label_rows(load_pipeline(name, overrides), [row for _, row in gold])
    # What is wrong with an answer is said of the gold row that it is made of
    return [(place, row) for (place, _), row in zip(gold, answers, strict=True)]


def _fails(comparison: Comparison, max_drop: float, per_label: bool) -> bool:
    """Say what fell too far, and tell whether any of it is a loss."""
    fallen = comparison.find_drops(max_drop, per_label=per_label)
    for label, change in fallen.items():
        say(f"{change.verdict}: {_describe(label, change)}")
    lost = [label or "all entities" for label, change in fallen.items() if change.is_loss]
    if lost:
        say(f"Failed: F1 fell by more than {max_drop:g} points: {', '.join(lost)}")
    else:
        say(f"Passed: no loss of more than {max_drop:g} points of F1")
    return bool(lost)


def _describe(label: str, change: Change) -> str:
    low, high = change.interval
    return (
        f"F1 of {label or 'all entities'} {change.before:.4f} -> {change.after:.4f},"
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

    results = {}
    with collect_problems() as problems:
        annotated = read_rows(gold, problems)
        for system in systems:
            name, separator, path = system.partition("=")
            if not separator:
                raise CatalogNERError(f"{system!r}: expected NAME=LABELLED.jsonl")
            answers = read_rows(Path(path), problems)
            result = evaluate_pairs(align_rows(answers, annotated, problems, (path, str(gold))))
            summary = summary_path(Path(path))
            if summary.is_file():
                run = read_json(summary, dict[str, Any], "the summary of a labelling run")
                result.seconds_per_text = run["seconds_per_text"]
            results[name] = result
    what = "the meta.json of a prepared corpus"
    meta = {} if corpus is None else read_json(corpus, dict[str, Any], what)
    text = render_markdown(title, meta, results)
    figures = {name: result.to_dict() for name, result in results.items()}
    _write(output.with_name(f"{output.name}.md"), text)
    write_json(output.with_name(f"{output.name}.json"), {"corpus": meta, "systems": figures})
    say(text)


def agreement(
    a: Annotated[Path, typer.Argument(help="Annotated JSONL or DocBin of one annotator.")],
    b: Annotated[Path, typer.Argument(help="The same texts, annotated by another.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="JSONL to write the disagreements to instead."),
    ] = None,
    lang: Annotated[str, typer.Option(help="Language of the tokenizer.")] = "en",
) -> None:
    """Print Cohen's kappa of tokens, F1 of spans, and the disagreements, as JSON.

    Example: catalog-ner agreement first.jsonl second.jsonl -o disagreements.jsonl
    """
    tokenize = make_tokenizer(lang)
    with collect_problems() as problems:
        result = measure_agreement(
            read_rows(a, problems),
            read_rows(b, problems),
            tokenize,
            problems,
            names=(str(a), str(b)),
        ).to_dict()
    if output is not None:
        count = write_jsonl(output, result.pop("disagreements"))
        say(f"{output}: {count} disagreements to talk about")
    show(result)


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as stream:
        stream.write(text)
