"""Reading patterns, and of those that people answered only what they accepted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.generation.patterns.pattern import Pattern
from spacy_catalog_ner.generation.review.decision import ACCEPT, Decision, standing
from spacy_catalog_ner.io.files import iter_jsonl, require_file


def iter_decisions(
    path: Path, problems: Problems, lang: str = ""
) -> Iterator[tuple[int, Decision]]:
    """Yield (line, decision) of a file; broken rows are reported and skipped.

    Parameters
    ----------
    path
        JSONL with ``pattern`` and, where a person has answered, ``answer``: ``"accept"``,
        ``"reject"`` or ``"ignore"``, as in Prodigy, or ``"undo"``.
    problems
        Receives broken rows.
    lang
        Language of rows that name none.
    """
    for line, row in iter_jsonl(require_file(path, "JSONL of patterns"), problems):
        try:
            decision = Decision.from_row(row, lang)
        except CatalogNERError as err:
            problems.add("broken row", Place(path, line), f"{err}; row skipped")
            continue
        yield line, decision


def iter_patterns(
    path: Path, problems: Problems, lang: str = ""
) -> Iterator[tuple[int, str | None, Pattern]]:
    """Yield (line, answer, pattern) of a file of patterns; broken rows are reported and skipped.

    Parameters are those of `iter_decisions`.
    """
    for line, decision in iter_decisions(path, problems, lang):
        yield line, decision.answer, decision.pattern


def read_patterns(path: Path, problems: Problems, lang: str = "") -> tuple[list[Pattern], int]:
    """Read the patterns that may be used, in the order in which they were last answered.

    Parameters are those of `iter_decisions`.

    Returns
    -------
    patterns
        Those accepted, as they were edited, and those that nobody has answered; of several answers
        to one, the last counts.
    unreviewed
        How many of them nobody has answered.
    """
    decisions = standing(decision for _, decision in iter_decisions(path, problems, lang))
    # Two may have been edited into the same, or one into another that has its own answer
    last = {decision.pattern.id: decision for decision in decisions.values()}
    used = [decision for decision in last.values() if decision.answer in (None, ACCEPT)]
    return [one.pattern for one in used], sum(one.answer is None for one in used)
