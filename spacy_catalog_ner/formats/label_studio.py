"""Label Studio's JSON: an array of tasks with the text in ``data`` and the spans in annotations.

See "Label Studio JSON format of annotated tasks", https://labelstud.io/guide/task_format. Offsets
were UTF-16 code units before the interface was changed to code points in 2021 (issues 539, 1008
and 1347 of Label Studio), and older exports remain: which they are is told by the text that each
span has.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.formats.leftovers import report_keys
from spacy_catalog_ner.formats.offsets import Mark, is_ambiguous, locate
from spacy_catalog_ner.io.annotated import check_spans
from spacy_catalog_ner.io.files import atomic_write, iter_lines
from spacy_catalog_ner.io.row import Row

_DATA_KEYS = ("id", "lang", "meta")
_SPAN_KEYS = ("start", "end", "label", "score")
# In the data of a task: the other keys of its row; in the meta of a result: those of its span
_OTHER_KEYS = "catalog_ner_row"
_OPENING = re.compile(r"[ \t\r\n]*\[[ \t\r\n]*")
_SEPARATOR = re.compile(r"[ \t\r\n]*,?[ \t\r\n]*")


def read(
    path: Path, problems: Problems, labels: set[str] | None = None
) -> Iterator[tuple[Place, Row]]:
    """Yield the annotated tasks of a file, each with the first annotation not cancelled.

    What is no span of text is counted in `problems` and left out: further annotations, cancelled
    ones, tasks without any, and results of other types.
    """
    for line, task in _tasks(path, problems):
        place = Place(path, line)
        data = task.get("data") if isinstance(task, dict) else None
        text = data.get("text") if isinstance(data, dict) else None
        if not data or not isinstance(text, str) or not text.strip():
            problems.add("broken row", place, 'no "text" in the "data" of a task; task skipped')
        elif re.search("[\ud800-\udfff]", json.dumps(task, ensure_ascii=False)):
            problems.add("broken row", place, "half a surrogate pair; task skipped")
        else:
            results = _first_results(task, problems, place)
            if results is not None:
                spans = [(place, span) for span in _read_spans(results, text, problems, place)]
                good = check_spans(spans, text, problems, labels)
                yield place, Row(text, good, _read_keys(data, problems, place))


def _tasks(path: Path, problems: Problems) -> Iterator[tuple[int, Any]]:
    """Yield (line, task). The array is parsed task by task, so that their lines are known."""
    text = "".join(line for _, line in iter_lines(path, problems))
    opening = _OPENING.match(text)
    if opening is None:
        raise CatalogNERError(f"{path}: expected Label Studio's JSON array, [...]")
    decoder = json.JSONDecoder()
    line, before, start = 1, 0, opening.end()
    while start < len(text) and text[start] != "]":
        line += text.count("\n", before, start)
        try:
            task, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError) as err:
            reason = getattr(err, "msg", "too long or too deep a value")
            message = f"not JSON ({reason}); the rest is skipped"
            problems.add("broken row", Place(path, line), message)
            return
        yield line, task
        before, start = start, _SEPARATOR.match(text, end).end()  # type: ignore[union-attr]
    if start == len(text):
        message = 'the array has no end, "]": was the file cut off?'
        problems.add("broken row", Place(path, 1 + text.count("\n")), message)


def _first_results(task: dict[str, Any], problems: Problems, place: Place) -> list[Any] | None:
    name = f"task {task.get('id', '')}".strip()
    results: list[list[Any]] = []
    annotations = task.get("annotations")
    for annotation in annotations if isinstance(annotations, list) else ():
        if not isinstance(annotation, dict) or not isinstance(annotation.get("result"), list):
            problems.add("broken annotation", place, f'{name}: an annotation without "result"')
        elif annotation.get("was_cancelled"):
            message = f"{name}: a cancelled annotation is left out"
            problems.add("cancelled annotation", place, message)
        else:
            results.append(annotation["result"])
    for _ in results[1:]:
        problems.add("further annotation", place, f"{name}: only the first annotation is taken")
    if not results:
        problems.add("no annotation", place, f"{name}: not annotated; task skipped")
        return None
    return results[0]


def _read_spans(
    results: list[Any], text: str, problems: Problems, place: Place
) -> list[dict[str, Any]]:
    regions = []
    for result in results:
        value = result.get("value") if isinstance(result, dict) else None
        if not isinstance(value, dict) or result.get("type") != "labels":
            kind = result.get("type") if isinstance(result, dict) else result
            message = f'result of type {kind!r:.80}, expected "labels"; left out'
            problems.add("other result", place, message)
        elif not (type(value.get("start")) is int and type(value.get("end")) is int):
            problems.add("broken span", place, f"no offsets in {value!r:.80}; span skipped")
        elif not isinstance(value.get("labels"), list) or not value["labels"]:
            problems.add("broken span", place, f"no label in {value!r:.80}; span skipped")
        else:
            surface = value.get("text") if isinstance(value.get("text"), str) else None
            regions.append((result, Mark([(value["start"], value["end"])], surface)))
    located = locate(text, [mark for _, mark in regions])
    if located.unit != "code points":
        problems.add("other offsets", place, f"offsets are {located.unit}; converted")
    if is_ambiguous(text) and any(mark.surface is None for _, mark in regions):
        message = f'spans without "text": taken for offsets in {located.unit}'
        problems.add("unchecked offsets", place, message)
    spans = []
    notes: set[str] = set()
    for (result, mark), parts in zip(regions, located.parts, strict=True):
        if parts is None:
            start, end = mark.parts[0]
            message = f"{mark.surface!r:.80} is not at {start}..{end}; span skipped"
            problems.add("other surface", place, message)
            continue
        keys: dict[str, Any] = {}
        meta = result.get("meta")
        if isinstance(meta, dict):
            keys = _others(meta, _SPAN_KEYS)
            if "entity_id" in meta:
                keys["id"] = meta["entity_id"]
            notes |= meta.keys() - {"entity_id", _OTHER_KEYS}
        if result.get("score") is not None:
            keys["score"] = result["score"]
        start, end = parts[0]
        labels = result["value"]["labels"]
        spans += [{"start": start, "end": end, "label": label, **keys} for label in labels]
    report_keys((f"meta.{note}" for note in notes), "a span", problems, place)
    return spans


def _others(holder: dict[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    others = holder.get(_OTHER_KEYS)
    if not isinstance(others, dict):
        return {}
    return {key: value for key, value in others.items() if key not in known}


def _read_keys(data: dict[str, Any], problems: Problems, place: Place) -> dict[str, Any]:
    """Return the keys of the row; unknown ones of the task's data go to its meta."""
    keys = {key: data[key] for key in _DATA_KEYS if key in data}
    keys |= _others(data, ("text", "spans", *_DATA_KEYS))
    known = ("text", *_DATA_KEYS, _OTHER_KEYS)
    unknown = {key: value for key, value in data.items() if key not in known}
    meta = keys.get("meta", {})
    if unknown and isinstance(meta, dict):
        keys["meta"] = {**unknown, **meta}
    else:
        report_keys(unknown, "a meta that is no object", problems, place)
    return keys


def write(path: Path, rows: Iterable[tuple[Place, Row]]) -> Counter[str]:
    """Write rows as tasks, one a line, and return how many spans of each label were written.

    The labels' control is named ``label`` and the text ``text``, as in Label Studio's template for
    named entities.
    """
    counts: Counter[str] = Counter()
    with atomic_write(path) as stream:
        before = "[\n"
        for number, (_, row) in enumerate(rows, start=1):
            stream.write(before + json.dumps(_make_task(number, row), ensure_ascii=False))
            before = ",\n"
            counts.update(span.label for span in row.spans or ())
        stream.write("\n]\n")
    return counts


def _make_task(number: int, row: Row) -> dict[str, Any]:
    results = []
    for index, span in enumerate(row.spans or (), start=1):
        names = {"from_name": "label", "to_name": "text", "type": "labels"}
        value = {"start": span.start, "end": span.end}
        surface = {"text": row.text[span.start : span.end], "labels": [span.label]}
        result: dict[str, Any] = {"id": f"{number}-{index}", **names, "value": value | surface}
        meta = {"entity_id": span.keys["id"]} if "id" in span.keys else {}
        others = {key: value for key, value in span.keys.items() if key not in ("id", "score")}
        if others:
            meta[_OTHER_KEYS] = others
        if meta:
            result["meta"] = meta
        if "score" in span.keys:
            result["score"] = span.keys["score"]
        results.append(result)
    data = {"text": row.text, **{key: row.keys[key] for key in _DATA_KEYS if key in row.keys}}
    others = {key: value for key, value in row.keys.items() if key not in _DATA_KEYS}
    if others:
        data[_OTHER_KEYS] = others
    return {"id": number, "data": data, "annotations": [{"result": results}]}
