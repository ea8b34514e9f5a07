"""The step from utterances to patterns: read, have written, check, write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.generation.patterns.checks import PatternChecker
from spacy_catalog_ner.generation.patterns.pattern import Pattern
from spacy_catalog_ner.generation.patterns.rejection import Rejected
from spacy_catalog_ner.generation.patterns.sources import PatternSources
from spacy_catalog_ner.generation.patterns.writer import PatternWriter, Seed
from spacy_catalog_ner.io.files import write_jsonl
from spacy_catalog_ner.llm.prompt import Usage

EXAMPLES = 3
"""How many abstracted utterances a model is shown."""


def rejected_path(output: Path) -> Path:
    """Return the file beside `output` for what was rejected: patterns.rejected.jsonl."""
    return output.with_suffix(".rejected.jsonl")


def choose_examples(sources: PatternSources, checker: PatternChecker) -> list[Pattern]:
    """Return the first abstracted utterances that pass the checks, to be shown to a model."""
    examples: list[Pattern] = []
    for pattern in sources.patterns:
        if len(examples) == EXAMPLES:
            break
        if pattern.source == "abstracted" and pattern.seed:
            with suppress(Rejected):
                examples.append(checker.check(pattern))
    return examples


def make_patterns(
    sources: PatternSources,
    checker: PatternChecker,
    output: Path,
    *,
    writer: PatternWriter | None = None,
    limit: int = 0,
) -> dict[str, Any]:
    """Check the patterns that there are and those that a model writes, and write both files.

    Parameters
    ----------
    sources
        Patterns and seeds.
    checker
        Checks all of them.
    output
        JSONL to write the accepted ones to; what was rejected goes to `rejected_path`.
    writer
        Writes patterns for the seeds; the seeds are passed over if None.
    limit
        How many of the seeds to use, 0 for all.

    Returns
    -------
    dict
        What there was, what the model cost, and what was accepted and rejected, by kind.

    Raises
    ------
    CatalogNERError
        If there is nothing that could give a pattern.
    """
    seeds = sources.seeds[: limit or None] if writer else []
    if not (sources.patterns or seeds or sources.rejected):
        raise CatalogNERError(_nothing_to_do(sources, writer))
    written, failed, cost = _write(writer, seeds)
    accepted, rejected = checker.check_all([*sources.patterns, *written])
    rows = [
        *sources.rejected,
        *failed,
        *({**pattern.to_row(), **reason.to_row()} for pattern, reason in rejected),
    ]
    write_jsonl(rejected_path(output), rows)
    write_jsonl(output, (pattern.to_row() for pattern in accepted))
    return {
        "input": {"rows": 0, **sources.counts},
        "model": cost,
        "patterns": len(accepted),
        "by_source": _count(pattern.source for pattern in accepted),
        "by_label": _count(label for pattern in accepted for label in pattern.labels),
        "rejected": _count(row["reason"] for row in rows),
    }


def _write(
    writer: PatternWriter | None, seeds: Sequence[Seed]
) -> tuple[list[Pattern], list[dict[str, Any]], dict[str, Any] | None]:
    """Return what a model wrote, the seeds it failed at with the reason, and what it cost."""
    if writer is None:
        return [], [], None
    patterns: list[Pattern] = []
    failed: list[dict[str, Any]] = []
    usage = Usage()
    answers = tqdm(writer.write(seeds), total=len(seeds), desc="seeds", unit="seed", delay=1)
    for answer in answers:
        patterns += answer.patterns
        failed += [{**answer.seed.row, **reason.to_row()} for reason in answer.rejected]
        usage += answer.usage
    return patterns, failed, {"seeds": len(seeds), "patterns": len(patterns), **asdict(usage)}


def _nothing_to_do(sources: PatternSources, writer: PatternWriter | None) -> str:
    found = f"no pattern to be had from {sources.counts['rows']} rows in {sources.lang!r}"
    if sources.seeds and writer is None:
        return f"{found}: {len(sources.seeds)} are seeds for a model; name one by --model-config"
    return (
        f"{found}: expected rows with a pattern or with spans of known labels, or with"
        ' "representative": true for a model'
    )


def _count(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))
