"""Patterns to review in Prodigy or Label Studio, and their answers.

*Prodigy* reads and writes JSONL, see https://prodi.gy/docs/api-interfaces. A task has the pattern
as its text, with placeholders as spans; ``prodigy mark DATASET tasks.jsonl --view-id ner`` asks
about it and ``prodigy db-out DATASET`` gives the answers. A pattern is edited by changing its
``text``, or in a block ``text_input``, whose ``user_input`` is taken for it.

*Label Studio* reads and writes JSON, see https://labelstud.io/guide/task_format. The project needs
the labelling configuration `LABEL_STUDIO_CONFIG`. Tasks that are skipped there are skipped here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.generation.patterns.pattern import PLACEHOLDER, Pattern
from spacy_catalog_ner.generation.review.decision import ACCEPT, IGNORE, REJECT
from spacy_catalog_ner.generation.review.review import ReviewSession
from spacy_catalog_ner.io.files import iter_jsonl, require_file, write_json, write_jsonl

LABEL_STUDIO_CONFIG = """\
<View>
  <Text name="pattern" value="$text"/>
  <Choices name="answer" toName="pattern" choice="single" required="true">
    <Choice value="accept"/>
    <Choice value="reject"/>
  </Choices>
  <TextArea name="edited" toName="pattern" maxSubmissions="1" placeholder="The pattern, edited"/>
</View>"""
"""Labelling configuration of a Label Studio project that reviews patterns."""

_ANSWERS = (ACCEPT, REJECT, IGNORE)


class AnsweredTask(NamedTuple):
    """What came back of one task."""

    line: int
    """Where it stands in the file."""
    id: str
    """Of the pattern."""
    answer: str
    text: str
    """The pattern as it was edited, or as it was; empty where it is not said."""


def write_prodigy(path: Path, patterns: Iterable[Pattern]) -> int:
    """Write patterns as tasks for Prodigy and return their number."""
    return write_jsonl(path, map(_prodigy_task, patterns))


def _prodigy_task(pattern: Pattern) -> dict[str, Any]:
    spans = [
        {"start": match.start(), "end": match.end(), "label": match[1]}
        for match in PLACEHOLDER.finditer(pattern.text)
    ]
    return {"text": pattern.text, "spans": spans, "meta": _describe(pattern)}


def _describe(pattern: Pattern) -> dict[str, Any]:
    row = pattern.to_row()
    return {key: row[key] for key in ("id", "lang", "source", "seed", "cluster") if key in row}


def read_prodigy(path: Path, problems: Problems) -> Iterator[AnsweredTask]:
    """Yield the answers of a file of Prodigy's; broken and unanswered tasks are reported."""
    for line, row in iter_jsonl(path, problems):
        meta = row.get("meta")
        pattern_id = meta.get("id") if isinstance(meta, dict) else None
        edited = row.get("user_input") or row.get("text")
        if not (isinstance(pattern_id, str) and isinstance(edited, str)):
            message = 'expected a task with "text" and "meta": {"id"}; task skipped'
            problems.add("broken row", Place(path, line), message)
        elif row.get("answer") is None:
            problems.add(
                "unanswered", Place(path, line), f"no answer to {pattern_id}; task skipped"
            )
        elif row["answer"] not in _ANSWERS:
            message = f'answer: expected "accept", "reject" or "ignore", got {row["answer"]!r:.80}'
            problems.add("broken row", Place(path, line), f"{message}; task skipped")
        else:
            yield AnsweredTask(line, pattern_id, row["answer"], edited)


def write_label_studio(path: Path, patterns: Iterable[Pattern]) -> int:
    """Write patterns as tasks for Label Studio and return their number."""
    tasks = [{"data": {"text": one.text, **_describe(one)}} for one in patterns]
    write_json(path, tasks)
    return len(tasks)


def read_label_studio(path: Path, problems: Problems) -> Iterator[AnsweredTask]:
    """Yield the answers of an export of Label Studio; broken and unanswered tasks are reported.

    Of several annotations of a task the first that was not cancelled counts. As an export is one
    line, problems name a task by its place, from 1, instead of the line.

    Raises
    ------
    CatalogNERError
        If it is no JSON array.
    """
    for place, task in enumerate(_read_array(path), start=1):
        try:
            pattern_id = task["data"]["id"]
            annotations = task.get("annotations") or []
            taken = [one["result"] for one in annotations if not one.get("was_cancelled")]
            values = {
                result["from_name"]: result["value"].get("choices") or result["value"]["text"]
                for result in (taken or [[]])[0]
            }
            answer = values.get("answer", [None])[0]
            edited = "".join(values.get("edited", []))
            if not isinstance(pattern_id, str) or answer not in (None, ACCEPT, REJECT):
                raise TypeError
        except (TypeError, KeyError, AttributeError, IndexError):
            message = f"task {place}: expected the id of a pattern and accept or reject; skipped"
            problems.add("broken row", Place(path, place), message)
            continue
        if annotations and not taken:
            answer = IGNORE
        if answer is None:
            problems.add("unanswered", Place(path, place), f"task {place}: no answer; skipped")
        else:
            yield AnsweredTask(place, pattern_id, answer, edited)


def _read_array(path: Path) -> list[Any]:
    try:
        tasks = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as err:
        raise CatalogNERError(
            f"{path}: not JSON ({err}); export it from Label Studio anew"
        ) from None
    if not isinstance(tasks, list):
        raise CatalogNERError(f"{path}: expected Label Studio's JSON array, [...]")
    return tasks


WRITERS: dict[str, Callable[[Path, Iterable[Pattern]], int]] = {
    "prodigy": write_prodigy,
    "label-studio": write_label_studio,
}
"""By name of the format, what writes tasks."""

READERS: dict[str, Callable[[Path, Problems], Iterator[AnsweredTask]]] = {
    "prodigy": read_prodigy,
    "label-studio": read_label_studio,
}
"""By name of the format, what reads answers."""


def import_answers(session: ReviewSession, path: Path, form: str, problems: Problems) -> int:
    """Take the answers of a file into a session.

    Parameters
    ----------
    session
        Knows the patterns.
    path
        What came back from Prodigy or Label Studio.
    form
        A key of `READERS`.
    problems
        Receives broken and unanswered tasks, unknown ids, and edited texts that cannot be taken.

    Returns
    -------
    int
        Number of answers taken.

    Raises
    ------
    CatalogNERError
        If there is no such file, or it is of another kind.
    """
    count = 0
    for task in READERS[form](require_file(path, f"answers of {form}"), problems):
        pattern = session.patterns.get(task.id)
        if pattern is None:
            message = f"{task.id!r} is no pattern of this file; task skipped"
            problems.add("unknown id", Place(path, task.line), message)
            continue
        try:
            session.answer(pattern, task.answer, task.text)
        except CatalogNERError as err:
            problems.add("broken edit", Place(path, task.line), f"{err}; task skipped")
        else:
            count += 1
    return count
