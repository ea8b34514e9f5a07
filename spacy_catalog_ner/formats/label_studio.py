"""Label Studio's JSON: an array of tasks with the text in ``data`` and the spans in annotations.

See "Label Studio JSON format of annotated tasks", https://labelstud.io/guide/task_format. Offsets
were UTF-16 code units before the interface was changed to code points in 2021 (issues 539, 1008
and 1347 of Label Studio), and older exports remain: which they are is told by the text that each
span has.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.formats.offsets import Mark, is_ambiguous, locate
from spacy_catalog_ner.formats.rows import (
    Row,
    SourceRow,
    keep_good_spans,
    other_keys,
    report_keys,
)
from spacy_catalog_ner.io.files import atomic_write, iter_lines

_DATA_KEYS = ("id", "lang", "meta")
_SPAN_KEYS = ("start", "end", "label", "score")
# In the data of a task: the other keys of its row; in the meta of a result: those of its span
_OTHER_KEYS = "catalog_ner_row"
_WHITE_SPACE = " \t\r\n"


def read(path: Path, problems: Problems, labels: set[str] | None = None) -> Iterator[SourceRow]:
    """Yield the annotated tasks of a file, each with the first annotation not cancelled.

    What is no span of text is counted in `problems` and left out: further annotations, cancelled
    ones, tasks without any, and results of other types.

    Raises
    ------
    CatalogNERError
        If the file is no JSON array.
    """
    for line, task in _tasks(path, problems):
        data = task.get("data") if isinstance(task, dict) else None
        text = data.get("text") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(text, str) or not text.strip():
            problems.add(
                "broken row", Place(path, line), 'no "text" in the "data" of a task; task skipped'
            )
            continue
        if not _is_encodable(task):
            problems.add("broken row", Place(path, line), "half a surrogate pair; task skipped")
            continue
        results = _first_results(task, path, line, problems)
        if results is not None:
            spans = _read_spans(results, text, path, line, problems)
            good = keep_good_spans(spans, text, path, problems, labels)
            yield SourceRow(path, line, _make_row(data, good, path, line, problems))


def _tasks(path: Path, problems: Problems) -> Iterator[tuple[int, Any]]:
    """Yield (line, task). The array is parsed task by task: only so the lines are known."""
    text = "".join(line for _, line in iter_lines(path, problems))
    decoder = json.JSONDecoder()
    position, line = _skip(text, 0, 1, "[")
    if "[" not in text[:position]:
        raise CatalogNERError(f"{path}:{line}: expected Label Studio's JSON array, [...]")
    while position < len(text) and text[position] != "]":
        try:
            task, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as err:
            reason = getattr(err, "msg", "too long or too deep a value")
            problems.add(
                "broken row", Place(path, line), f"not JSON ({reason}); the rest is skipped"
            )
            return
        yield line, task
        line += text.count("\n", position, end)
        position, line = _skip(text, end, line, ",")
    if position == len(text):
        problems.add(
            "broken row", Place(path, line), 'the array has no end, "]": was the file cut off?'
        )


def _skip(text: str, position: int, line: int, mark: str) -> tuple[int, int]:
    """Go over white space with a mark in it."""
    start = position
    for expected in (_WHITE_SPACE, mark, _WHITE_SPACE):
        while position < len(text) and text[position] in expected:
            position += 1
            if expected == mark:
                break
    return position, line + text.count("\n", start, position)


def _is_encodable(task: Row) -> bool:
    try:
        json.dumps(task, ensure_ascii=False).encode("utf8")
    except UnicodeEncodeError:
        return False
    return True


def _first_results(task: Row, path: Path, line: int, problems: Problems) -> list[Any] | None:
    name = f"task {task.get('id', '')}".strip()
    annotations = task.get("annotations")
    if not isinstance(annotations, list):
        annotations = []
    valid = [
        annotation
        for annotation in annotations
        if isinstance(annotation, dict) and isinstance(annotation.get("result"), list)
    ]
    taken = [annotation for annotation in valid if not annotation.get("was_cancelled")]
    for _ in range(len(annotations) - len(valid)):
        problems.add(
            "broken annotation", Place(path, line), f'{name}: an annotation without "result"'
        )
    for _ in range(len(valid) - len(taken)):
        problems.add(
            "cancelled annotation", Place(path, line), f"{name}: a cancelled annotation is left out"
        )
    for _ in taken[1:]:
        problems.add(
            "further annotation", Place(path, line), f"{name}: only the first annotation is taken"
        )
    if not taken:
        problems.add("no annotation", Place(path, line), f"{name}: not annotated; task skipped")
        return None
    results: list[Any] = taken[0]["result"]
    return results


def _read_spans(
    results: list[Any], text: str, path: Path, line: int, problems: Problems
) -> list[tuple[int, Row]]:
    regions = []
    for result in results:
        value = result.get("value") if isinstance(result, dict) else None
        if not isinstance(value, dict) or result.get("type") != "labels":
            kind = result.get("type") if isinstance(result, dict) else result
            message = f'result of type {kind!r:.80}, expected "labels"; left out'
            problems.add("other result", Place(path, line), message)
        elif not (type(value.get("start")) is int and type(value.get("end")) is int):
            problems.add(
                "broken span", Place(path, line), f"no offsets in {value!r:.80}; span skipped"
            )
        elif not isinstance(value.get("labels"), list) or not value["labels"]:
            problems.add(
                "broken span", Place(path, line), f"no label in {value!r:.80}; span skipped"
            )
        else:
            regions.append((result, value))
    marks = [
        Mark([(value["start"], value["end"])], surface if isinstance(surface, str) else None)
        for _, value in regions
        for surface in (value.get("text"),)
    ]
    located = locate(text, marks)
    if located.unit != "code points":
        problems.add("other offsets", Place(path, line), f"offsets are {located.unit}; converted")
    if is_ambiguous(text) and any(mark.surface is None for mark in marks):
        message = f'spans without "text": taken for offsets in {located.unit}'
        problems.add("unchecked offsets", Place(path, line), message)
    spans = []
    notes: set[str] = set()
    for (result, value), mark, parts in zip(regions, marks, located.parts, strict=True):
        if parts is None:
            start, end = mark.parts[0]
            message = f"{mark.surface!r:.80} is not at {start}..{end}; span skipped"
            problems.add("other surface", Place(path, line), message)
            continue
        keys = {}
        meta = result.get("meta")
        if isinstance(meta, dict):
            keys = _others(meta, _SPAN_KEYS)
            if "entity_id" in meta:
                keys["id"] = meta["entity_id"]
            notes |= meta.keys() - {"entity_id", _OTHER_KEYS}
        if result.get("score") is not None:
            keys["score"] = result["score"]
        start, end = parts[0]
        spans += [
            (line, {"start": start, "end": end, "label": label, **keys})
            for label in value["labels"]
        ]
    report_keys((f"meta.{note}" for note in notes), "a span", path, line, problems)
    return spans


def _others(holder: Row, known: tuple[str, ...]) -> Row:
    others = holder.get(_OTHER_KEYS)
    if not isinstance(others, dict):
        return {}
    return {key: value for key, value in others.items() if key not in known}


def _make_row(data: Row, spans: list[Row], path: Path, line: int, problems: Problems) -> Row:
    row = {"text": data["text"], "spans": spans}
    row |= {key: data[key] for key in _DATA_KEYS if key in data}
    row |= _others(data, ("text", "spans", *_DATA_KEYS))
    known = ("text", *_DATA_KEYS, _OTHER_KEYS)
    others = {key: value for key, value in data.items() if key not in known}
    if others and isinstance(row.get("meta", {}), dict):
        row["meta"] = {**others, **row.get("meta", {})}
    else:
        report_keys(others, "a meta that is no object", path, line, problems)
    return row


def write(path: Path, rows: Iterable[SourceRow]) -> Counter[str]:
    """Write rows as tasks, one a line, and return how many spans of each label were written.

    The labels' control is named ``label`` and the text ``text``, as in Label Studio's template for
    named entities.
    """
    counts: Counter[str] = Counter()
    with atomic_write(path) as stream:
        before = "[\n"
        for number, source in enumerate(rows, start=1):
            stream.write(before + json.dumps(_make_task(number, source.row), ensure_ascii=False))
            before = ",\n"
            counts.update(span["label"] for span in source.row["spans"])
        stream.write("\n]\n")
    return counts


def _make_task(number: int, row: Row) -> Row:
    results = []
    for index, span in enumerate(row["spans"], start=1):
        result: Row = {
            "id": f"{number}-{index}",
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": {
                "start": span["start"],
                "end": span["end"],
                "text": row["text"][span["start"] : span["end"]],
                "labels": [span["label"]],
            },
        }
        meta = {}
        if "id" in span:
            meta["entity_id"] = span["id"]
        others = {key: value for key, value in span.items() if key not in (*_SPAN_KEYS, "id")}
        if others:
            meta[_OTHER_KEYS] = others
        if meta:
            result["meta"] = meta
        if "score" in span:
            result["score"] = span["score"]
        results.append(result)
    data = {"text": row["text"], **{key: row[key] for key in _DATA_KEYS if key in row}}
    others = {key: value for key, value in other_keys(row).items() if key not in _DATA_KEYS}
    if others:
        data[_OTHER_KEYS] = others
    return {"id": number, "data": data, "annotations": [{"result": results}]}
