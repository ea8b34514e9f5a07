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
from spacy_catalog_ner.generation.review.decisions import ACCEPT, IGNORE, REJECT
from spacy_catalog_ner.generation.review.session import ReviewSession
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


class AnsweredTask(NamedTuple):
    """An answer: its line in the file, the id of the pattern, and the text, perhaps edited."""

    line: int
    id: str
    answer: str
    text: str


def _write_prodigy(path: Path, patterns: Iterable[Pattern]) -> int:
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


def _read_prodigy(path: Path, problems: Problems) -> Iterator[AnsweredTask]:
    for line, row in iter_jsonl(path, problems):
        meta, answer = row.get("meta"), row.get("answer")
        pattern_id = meta.get("id") if isinstance(meta, dict) else None
        edited = row.get("user_input") or row.get("text")
        kind, message = "broken row", ""
        if not (isinstance(pattern_id, str) and isinstance(edited, str)):
            message = 'expected a task with "text" and "meta": {"id"}'
        elif answer is None:
            kind, message = "unanswered", f"no answer to {pattern_id}"
        elif answer not in (ACCEPT, REJECT, IGNORE):
            message = f'answer: expected "accept", "reject" or "ignore", got {answer!r:.80}'
        else:
            yield AnsweredTask(line, pattern_id, answer, edited)
            continue
        problems.add(kind, Place(path, line), f"{message}; task skipped")


def _write_label_studio(path: Path, patterns: Iterable[Pattern]) -> int:
    tasks = [{"data": {"text": one.text, **_describe(one)}} for one in patterns]
    write_json(path, tasks)
    return len(tasks)


def read_label_studio(path: Path, problems: Problems) -> Iterator[AnsweredTask]:
    """Yield the answers of an export of Label Studio; report broken and unanswered tasks.

    Of several annotations of a task the first that was not cancelled counts. As an export is one
    line, problems give the number of the task, from 1, instead of a line.

    Raises
    ------
    CatalogNERError
        If it is no JSON array.
    """
    for number, task in enumerate(_read_array(path), start=1):
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
            message = f"task {number}: expected the id of a pattern and accept or reject; skipped"
            problems.add("broken row", Place(path, number), message)
            continue
        if annotations and not taken:
            answer = IGNORE
        if answer is None:
            problems.add("unanswered", Place(path, number), f"task {number}: no answer; skipped")
        else:
            yield AnsweredTask(number, pattern_id, answer, edited)


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
    "prodigy": _write_prodigy,
    "label-studio": _write_label_studio,
}
"""Functions that write tasks and return their number, by format."""

_READERS = {"prodigy": _read_prodigy, "label-studio": read_label_studio}


def import_answers(session: ReviewSession, path: Path, task_format: str, problems: Problems) -> int:
    """Take the answers of a file into a session and return how many were taken.

    `task_format` is a key of `WRITERS`. Broken and unanswered tasks, unknown ids, and edited texts
    that are not valid go to `problems`.

    Raises
    ------
    CatalogNERError
        If there is no such file, or it is of another kind.
    """
    count = 0
    for task in _READERS[task_format](require_file(path, f"answers of {task_format}"), problems):
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
