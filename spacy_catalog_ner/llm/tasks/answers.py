"""Written answers: their JSON schemas, their parsing, and their errors.

The first JSON object with an expected key counts; prose and code fences around it are ignored. An
answer without one is malformed and chooses nothing.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from spacy_catalog_ner.catalog.normalization import normalize, normalize_without_diacritics
from spacy_catalog_ner.llm.tasks.templates import one_line

Name = tuple[str, str]
"""Text and label."""

Judged = dict[int, bool]
"""Whether candidates are right, by their indices; those without a verdict are missing."""


@dataclass
class AnswerErrors:
    """Errors in the answers about a text, by kind.

    Attributes
    ----------
    malformed
        Answers, or parts of one, that cannot be read.
    unknown_id
        Numbers that no candidate has.
    duplicate
        Repeated choices.
    wrong_label
        Names of candidates with a label that they do not have.
    out_of_catalog
        Names that are not candidates.
    invented
        Names that are not in the text.
    """

    malformed: int = 0
    unknown_id: int = 0
    duplicate: int = 0
    wrong_label: list[Name] = field(default_factory=list)
    out_of_catalog: list[Name] = field(default_factory=list)
    invented: list[Name] = field(default_factory=list)

    def add(self, other: AnswerErrors) -> None:
        """Add the errors of another answer."""
        for kind, value in vars(other).items():
            setattr(self, kind, getattr(self, kind) + value)

    def to_record(self) -> dict[str, Any]:
        """Return counts, or lists of ``{"text", "label"}``, of the kinds that occur."""
        return {
            kind: value
            if isinstance(value, int)
            else [{"text": text, "label": label} for text, label in value]
            for kind, value in vars(self).items()
            if value
        }


def verdicts_schema(count: int, words: tuple[str, str]) -> dict[str, Any]:
    """Return the JSON schema of ``{"1": "yes", "2": "no"}``, for `count` questions.

    Schemas have no optional keys. They depend on the number of candidates and never on a text,
    since a server may compile a schema when it first sees it.
    """
    verdict = {"type": "string", "enum": list(words)}
    return _object_schema({str(number): verdict for number in range(1, count + 1)})


def ids_schema(count: int) -> dict[str, Any]:
    """Return the schema of ``{"ids": [1, 3]}``, for `count` candidates."""
    number = {"type": "integer", "enum": list(range(1, count + 1))}
    return _object_schema({"ids": {"type": "array", "items": number}})


def entities_schema(labels: Sequence[str] = ()) -> dict[str, Any]:
    """Return the schema of ``{"entities": [{"text", "label"}]}``; without `labels` with any."""
    label = {"type": "string", "enum": list(labels)} if labels else {"type": "string"}
    entity = _object_schema({"text": {"type": "string"}, "label": label})
    return _object_schema({"entities": {"type": "array", "items": entity}})


def _object_schema(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def parse_verdicts(
    written: str, places: Sequence[int], words: tuple[str, str]
) -> tuple[Judged, AnswerErrors]:
    """Parse ``{"1": "yes", "2": "no"}``; missing keys and other values are malformed.

    Parameters
    ----------
    written
        The answer.
    places
        Indices of the candidates that were asked about, in the order of the questions.
    words
        Yes and no in the prompt's language; case and accents do not matter.
    """
    errors = AnswerErrors()
    keys = {str(number): place for number, place in enumerate(places, start=1)}
    answer = _find_object(written, keys)
    if answer is None:
        return {}, AnswerErrors(malformed=1)
    yes, no = (normalize_without_diacritics(word) for word in words)
    judged = {}
    for key, place in keys.items():
        value = answer.get(key)
        word = normalize_without_diacritics(value) if isinstance(value, str) else None
        if word in (yes, no):
            judged[place] = word == yes
        else:
            errors.malformed += 1
    return judged, errors


def parse_ids(written: str, places: Sequence[int]) -> tuple[Judged, AnswerErrors]:
    """Parse ``{"ids": [1, 3]}``, numbers of candidates from 1 on."""
    numbers = find_list(written, "ids")
    if numbers is None:
        return {}, AnswerErrors(malformed=1)
    errors = AnswerErrors()
    chosen: set[int] = set()
    for number in numbers:
        if type(number) is not int or not 1 <= number <= len(places):
            errors.unknown_id += 1
        elif places[number - 1] in chosen:
            errors.duplicate += 1
        else:
            chosen.add(places[number - 1])
    return {place: place in chosen for place in places}, errors


def parse_copies(
    written: str, places: Sequence[int], names: Sequence[Name]
) -> tuple[Judged, AnswerErrors]:
    """Parse ``{"entities": [{"text", "label"}]}``, copies of candidates.

    Texts are compared in normal form. A name that occurs several times in the text may be copied
    as often; each copy chooses all its occurrences.

    Parameters
    ----------
    written
        The answer.
    places
        Indices of the candidates that were asked about.
    names
        Text and label of all candidates of the text. Copies of those in another window are
        ignored.
    """
    items = find_list(written, "entities")
    if items is None:
        return {}, AnswerErrors(malformed=1)
    copies, errors = _read_names(items)
    asked = set(places)
    known: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, (text, label) in enumerate(names):
        known[_form(text)][one_line(label)].append(place)
    times: dict[Name, int] = defaultdict(int)
    chosen: set[int] = set()
    for text, label in copies:
        form, tag = _form(text), one_line(label)
        if form not in known:
            errors.out_of_catalog.append((text, label))
        elif tag not in known[form]:
            errors.wrong_label.append((text, label))
        else:
            mine = asked.intersection(known[form][tag])
            times[form, tag] += 1
            errors.duplicate += bool(mine) and times[form, tag] > len(mine)
            chosen |= mine
    return {place: place in chosen for place in places}, errors


def parse_entities(written: str) -> tuple[list[Name], AnswerErrors]:
    """Parse ``{"entities": [{"text", "label"}]}``; items of another shape are malformed."""
    items = find_list(written, "entities")
    return ([], AnswerErrors(malformed=1)) if items is None else _read_names(items)


def _read_names(items: list[Any]) -> tuple[list[Name], AnswerErrors]:
    names = []
    for item in items:
        text, label = (item.get("text"), item.get("label")) if isinstance(item, dict) else ("", "")
        if _is_text(text) and _is_text(label):
            names.append((" ".join(text.split()), " ".join(label.split())))
    return names, AnswerErrors(malformed=len(items) - len(names))


def _is_text(value: Any) -> TypeGuard[str]:
    if not isinstance(value, str) or not value.strip():
        return False
    try:
        value.encode("utf8")
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can write and no file can hold
        return False
    return True


def _form(text: str) -> str:
    return normalize(one_line(text))


def find_list(written: str, key: str) -> list[Any] | None:
    """Return the list under a key of the first JSON object in an answer; None if there is none."""
    answer = _find_object(written, {key})
    value = None if answer is None else answer[key]
    return value if isinstance(value, list) else None


def _find_object(written: str, keys: Collection[str]) -> dict[str, Any] | None:
    """Return the first JSON object that has one of the keys."""
    # A reasoning model's thoughts may hold drafts of the answer
    written = written.rpartition("</think>")[2]
    return next((found for found in _objects(written) if not found.keys().isdisjoint(keys)), None)


def _objects(written: str) -> Iterator[dict[str, Any]]:
    """Yield the outermost JSON objects in a text."""
    decoder = json.JSONDecoder()
    start = written.find("{")
    while start >= 0:
        try:
            value, end = decoder.raw_decode(written, start)
            yield value
        except (ValueError, RecursionError):  # no JSON, or too long a number, or too deep
            end = start + 1
        start = written.find("{", end)
