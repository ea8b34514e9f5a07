"""The whole step from utterances to patterns: have them written, check them, write the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.generation.patterns.checks import PatternChecker
from spacy_catalog_ner.generation.patterns.pattern import Pattern, Rejected
from spacy_catalog_ner.generation.patterns.sources import PatternSources
from spacy_catalog_ner.generation.patterns.writer import PatternWriter
from spacy_catalog_ner.io.files import write_jsonl
from spacy_catalog_ner.llm.prompt import Usage

_EXAMPLES = 3  # abstracted utterances that a model is shown


def rejected_path(output: Path) -> Path:
    """Return the file next to `output` for what was rejected: patterns.rejected.jsonl."""
    return output.with_suffix(".rejected.jsonl")


def choose_examples(sources: PatternSources, checker: PatternChecker) -> list[Pattern]:
    """Return the first abstracted utterances that pass the checks, to be shown to a model."""
    examples: list[Pattern] = []
    for pattern in sources.patterns:
        if len(examples) < _EXAMPLES and pattern.source == "abstracted" and pattern.seed:
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
    """Check the given patterns and those that `writer` writes for the seeds.

    Those that pass go to `output`, what was rejected to `rejected_path`. A `limit` of 0 uses all
    seeds. Without a writer they are ignored.

    Returns
    -------
    dict
        Counts of the input, the cost of the model, and what passed and was rejected, by kind.

    Raises
    ------
    CatalogNERError
        If there is nothing that could give a pattern.
    """
    seeds = sources.seeds[: limit or None] if writer else []
    if not (sources.patterns or seeds or sources.rejected):
        found = f"no pattern can be made of {sources.counts['rows']} rows in {sources.lang!r}"
        if sources.seeds and writer is None:
            number = len(sources.seeds)
            raise CatalogNERError(
                f"{found}: {number} are seeds for a model; name one by --model-config"
            )
        raise CatalogNERError(
            f"{found}: expected rows with a pattern or with spans of known labels, or with"
            ' "representative": true for a model'
        )
    written: list[Pattern] = []
    rows = list(sources.rejected)
    cost = None
    if writer is not None:
        usage = Usage()
        answers = tqdm(writer.write(seeds), total=len(seeds), desc="seeds", unit="seed", delay=1)
        for answer in answers:
            written += answer.patterns
            rows += [{**answer.seed.row, **reason.to_row()} for reason in answer.rejected]
            usage += answer.usage
        cost = {"seeds": len(seeds), "patterns": len(written), **asdict(usage)}
    passed, rejected = checker.check_all([*sources.patterns, *written])
    rows += [{**pattern.to_row(), **reason.to_row()} for pattern, reason in rejected]
    write_jsonl(rejected_path(output), rows)
    write_jsonl(output, (pattern.to_row() for pattern in passed))
    return {
        "input": {"rows": 0, **sources.counts},
        "model": cost,
        "patterns": len(passed),
        "by_source": _count(pattern.source for pattern in passed),
        "by_label": _count(label for pattern in passed for label in pattern.labels),
        "rejected": _count(row["reason"] for row in rows),
    }


def _count(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))
