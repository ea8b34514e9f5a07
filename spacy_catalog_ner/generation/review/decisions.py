"""What people answered about patterns: decisions, their files, and how far two reviewers agree."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.evaluation.agreement import cohen_kappa
from spacy_catalog_ner.generation.patterns.pattern import Pattern
from spacy_catalog_ner.io.files import dump_row, iter_jsonl, require_file
from spacy_catalog_ner.io.lock import try_lock

ACCEPT, REJECT, IGNORE, UNDO = "accept", "reject", "ignore", "undo"
"""The answers: the first three are Prodigy's; the last takes the previous answer back."""


@dataclass(frozen=True)
class Decision:
    """An answer about a pattern.

    Attributes
    ----------
    pattern
        The pattern, after editing.
    answer
        `ACCEPT`, `REJECT`, `IGNORE` or `UNDO`; None for a pattern that has no answer yet.
    reviewer
        Who answered; may be empty.
    original
        Text of the pattern before it was edited; empty if it was not.
    taken_from
        Name of the earlier file that the answer comes from; empty for a new answer.
    """

    pattern: Pattern
    answer: str | None
    reviewer: str = ""
    original: str = ""
    taken_from: str = ""

    @cached_property
    def asked_id(self) -> str:
        """Id of the pattern the reviewer was asked about, before editing."""
        return replace(self.pattern, text=self.original or self.pattern.text).id

    def to_row(self) -> dict[str, Any]:
        """Return the row of a decisions file: that of the pattern, and the answer."""
        row = {**self.pattern.to_row(), "answer": self.answer}
        if self.original:
            row["original"] = {"id": self.asked_id, "pattern": self.original}
        names = {"reviewer": self.reviewer, "taken_from": self.taken_from}
        return row | {name: value for name, value in names.items() if value}

    @classmethod
    def from_row(cls, row: Mapping[str, Any], lang: str = "") -> Decision:
        """Make a decision of the row of a file of decisions or patterns; see `Pattern.from_row`."""
        answer = row.get("answer")
        if answer not in (None, ACCEPT, REJECT, IGNORE, UNDO):
            raise CatalogNERError(f'answer: expected "accept" or "reject", got {answer!r:.80}')
        original = row.get("original") or {"pattern": ""}
        before = original.get("pattern") if isinstance(original, dict) else None
        if not isinstance(before, str):
            raise CatalogNERError(f'original: expected {{"id", "pattern"}}, got {original!r:.80}')
        names = {name: row.get(name) or "" for name in ("reviewer", "taken_from")}
        for name, value in names.items():
            if not isinstance(value, str):
                raise CatalogNERError(f"{name}: expected text, got {value!r:.80}")
        return cls(Pattern.from_row(row, lang), answer, original=" ".join(before.split()), **names)


def latest_decisions(decisions: Iterable[Decision]) -> dict[str, Decision]:
    """Return the last decision about each pattern that was not undone, oldest first.

    Keys are the ids of the patterns asked about.
    """
    latest: dict[str, Decision] = {}
    for decision in decisions:
        _update(latest, decision)
    return latest


def _update(latest: dict[str, Decision], decision: Decision) -> None:
    latest.pop(decision.asked_id, None)  # so that it becomes the last in order, too
    if decision.answer != UNDO:
        latest[decision.asked_id] = decision


def known_answers(latest: Mapping[str, Decision]) -> dict[str, Decision]:
    """Return what is known about patterns: about those asked about, and those edited into.

    A pattern that another was edited into counts as accepted as it is. Only accepted and rejected
    patterns are returned.
    """
    own = {key: one for key, one in latest.items() if one.answer in (ACCEPT, REJECT)}
    edited = {one.pattern.id: replace(one, original="") for one in own.values() if one.original}
    return edited | own


def iter_decisions(
    path: Path, problems: Problems, lang: str = ""
) -> Iterator[tuple[int, Decision]]:
    """Yield (line, decision) of a file of patterns or decisions; skip and report broken rows.

    `lang` is the language of rows that name none.
    """
    for line, row in iter_jsonl(require_file(path, "JSONL of patterns"), problems):
        try:
            decision = Decision.from_row(row, lang)
        except CatalogNERError as err:
            problems.add("broken row", Place(path, line), f"{err}; row skipped")
            continue
        yield line, decision


def read_latest(path: Path, problems: Problems, lang: str = "") -> dict[str, Decision]:
    """Read the `latest_decisions` of a file, including patterns that have no answer."""
    return latest_decisions(one for _, one in iter_decisions(path, problems, lang))


def read_patterns(path: Path, problems: Problems, lang: str = "") -> tuple[list[Pattern], int]:
    """Read the patterns that may be used, in the order in which they were last answered.

    Returns
    -------
    patterns
        Accepted patterns, after editing, and those without an answer.
    unreviewed
        How many have no answer.
    """
    # Two may have been edited into the same, or one into another that has its own answer
    last = {one.pattern.id: one for one in read_latest(path, problems, lang).values()}
    used = [one for one in last.values() if one.answer in (None, ACCEPT)]
    return [one.pattern for one in used], sum(one.answer is None for one in used)


class DecisionLog:
    """An append-only file of decisions, open for writing by one session at a time.

    Every decision is on disk when `add` returns. A row that a killed session left half written is
    cut off and reported when the file is opened again.

    Parameters
    ----------
    path
        JSONL file; created if missing.
    problems
        Receives broken rows, which stay in the file, and what was cut off.

    Raises
    ------
    CatalogNERError
        If another session has the file open, or it is not a file of decisions.
    """

    def __init__(self, path: Path, problems: Problems) -> None:
        if path.suffix != ".jsonl":
            raise CatalogNERError(f"{path}: expected the name of a .jsonl file of decisions")
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._stream = path.open("ab", buffering=0)
        try:
            if not try_lock(self._stream):
                raise CatalogNERError(f"{path}: another session is writing it; wait for it to end")
            self._repair(problems)
            self._latest = latest_decisions(self._read(problems))
        except BaseException:
            self.close()
            raise

    @property
    def latest(self) -> Mapping[str, Decision]:
        """See `latest_decisions`."""
        return MappingProxyType(self._latest)

    def add(self, *decisions: Decision) -> None:
        """Append decisions and sync them to disk; if that fails, none of them is written."""
        rows = memoryview("".join(dump_row(one.to_row()) for one in decisions).encode("utf8"))
        size = os.fstat(self._stream.fileno()).st_size
        try:
            while rows:
                rows = rows[self._stream.write(rows) :]
            os.fsync(self._stream.fileno())
        except OSError:
            self._stream.truncate(size)
            raise
        for decision in decisions:
            _update(self._latest, decision)

    def close(self) -> None:
        """Close the file, so that another session may open it."""
        self._stream.close()

    def __enter__(self) -> DecisionLog:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _repair(self, problems: Problems) -> None:
        """Complete the last line, or cut it off if it is only part of a row."""
        content = self.path.read_bytes()
        end = content.rfind(b"\n") + 1
        last = content[end:]
        if not last:
            return
        if not last.lstrip().startswith(b"{"):
            raise CatalogNERError(f"{self.path}: not a file of decisions; name another one")
        try:
            json.loads(last)
        except ValueError:
            line = content.count(b"\n") + 1
            message = "only part of a row, as of a session that was killed; cut off"
            problems.add("torn row", Place(self.path, line), message)
            self._stream.truncate(end)
        else:
            self._stream.write(b"\n")

    def _read(self, problems: Problems) -> Iterator[Decision]:
        for line, decision in iter_decisions(self.path, problems):
            if decision.answer is None:
                raise CatalogNERError(
                    f'{self.path}:{line}: a pattern without "answer", expected a file of decisions;'
                    " name another one"
                )
            yield decision


def measure_review_agreement(
    a: Mapping[str, Decision], b: Mapping[str, Decision]
) -> dict[str, Any]:
    """Measure how far two reviewers agree, given the `latest_decisions` of each.

    Returns
    -------
    dict
        Counts, the share of ``agreement``, Cohen's ``kappa`` (None with a ``note`` where it is
        undefined) and the ``disagreements``, each with the pattern and both answers.

    Raises
    ------
    CatalogNERError
        If there is no pattern that both accepted or rejected.
    """
    shared = [key for key in a if key in b]
    answers = {key: (a[key].answer, b[key].answer) for key in shared}
    verdicts = {key: pair for key, pair in answers.items() if set(pair) <= {ACCEPT, REJECT}}
    if not verdicts:
        raise CatalogNERError(
            f"no pattern that both accepted or rejected, of {len(a)} and {len(b)} decisions;"
            " expected decisions about the same patterns"
        )
    pairs = list(verdicts.values())
    kappa = cohen_kappa(pairs)
    note = {"note": "kappa is undefined: both gave all patterns the same answer"}
    accepted = [key for key, pair in verdicts.items() if pair == (ACCEPT, ACCEPT)]
    return {
        "patterns": len(pairs),
        "agreement": round(sum(one == other for one, other in pairs) / len(pairs), 4),
        "kappa": kappa,
        **(note if kappa is None else {}),
        "both_accept": len(accepted),
        "both_reject": pairs.count((REJECT, REJECT)),
        "edited_differently": sum(a[key].pattern.text != b[key].pattern.text for key in accepted),
        "ignored": len(shared) - len(pairs),
        "only_a": len(a) - len(shared),
        "only_b": len(b) - len(shared),
        "disagreements": [
            _compare(a[key], b[key]) for key, (one, other) in verdicts.items() if one != other
        ],
    }


def _compare(a: Decision, b: Decision) -> dict[str, Any]:
    row = {
        "id": a.asked_id,
        "pattern": a.original or a.pattern.text,
        "lang": a.pattern.lang,
        "a": a.answer,
        "b": b.answer,
    }
    edited = {"a_edited": a, "b_edited": b}
    return row | {key: one.pattern.text for key, one in edited.items() if one.original}
