"""Reading patterns, and of those that people answered only what they accepted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.files import iter_jsonl, require_file
from spacy_catalog_ner.generation.pattern import Pattern


def iter_patterns(
    path: Path, problems: Problems, lang: str = ""
) -> Iterator[tuple[int, str | None, Pattern]]:
    """Yield (line, answer, pattern) of a file of patterns; broken rows are reported and skipped.

    Parameters
    ----------
    path
        JSONL with ``pattern`` and, where a person has answered, ``answer``: ``"accept"``,
        ``"reject"`` or ``"ignore"``, as in Prodigy.
    problems
        Receives broken rows.
    lang
        Language of rows that name none.
    """
    for line, row in iter_jsonl(require_file(path, "JSONL of patterns"), problems):
        answer = row.get("answer")
        try:
            if answer not in (None, "accept", "reject", "ignore"):
                raise CatalogNERError(f'answer: expected "accept" or "reject", got {answer!r:.80}')
            pattern = Pattern.from_row(row, lang)
        except CatalogNERError as err:
            problems.add("broken row", path, line, f"{err}; row skipped")
            continue
        yield line, answer, pattern


def read_patterns(path: Path, problems: Problems, lang: str = "") -> tuple[list[Pattern], int]:
    """Read the patterns that may be used, in their order.

    Parameters are those of `iter_patterns`.

    Returns
    -------
    patterns
        Those accepted, and those that nobody has answered; of several answers to one, the last
        counts.
    unreviewed
        How many of them nobody has answered.
    """
    last = {
        pattern.id: (answer, pattern) for _, answer, pattern in iter_patterns(path, problems, lang)
    }
    used = [(answer, pattern) for answer, pattern in last.values() if answer in (None, "accept")]
    return [pattern for _, pattern in used], sum(answer is None for answer, _ in used)
