"""Written answers: their JSON schemas, what they choose, and what is wrong with them.

Around the JSON there may be prose, code fences or more text after it; the first object that has
the expected key counts. Nothing is guessed: an answer that is not JSON chooses nothing.
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
"""What an answer says of candidates, by their places; it lacks those that it leaves open."""


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
        Choices made before.
    wrong_label
        Names that are known, with another label than theirs.
    out_of_catalog
        Names that are no candidate.
    invented
        Names that the text does not hold.
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
        """Return them by kind, counts or ``{"text", "label"}`` dicts, without the empty ones."""
        return {
            kind: value if isinstance(value, int) else [_as_dict(name) for name in value]
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
    """Read ``{"1": "yes", "2": "no"}``.

    A key that is missing or has another value than the two words is malformed.

    Parameters
    ----------
    written
        The answer.
    places
        Places of the candidates that were asked for, in the order of the questions.
    words
        Yes and no in the prompt's language; case and accents do not matter.

    Returns
    -------
    tuple
        What it says of the candidates, and its errors.
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
    """Read ``{"ids": [1, 3]}``, numbers of candidates from 1 on.

    Parameters and what is returned are those of `parse_verdicts`.
    """
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
    """Read ``{"entities": [{"text", "label"}]}``, copies of candidates.

    Texts are compared in normal form. A name that stands in the text several times is one choice,
    of all its places; it may be copied once for each.

    Parameters
    ----------
    written
        The answer.
    places
        Places of the candidates that were asked for.
    names
        Text and label of all candidates of the text. A copy of one that was not asked for, as it
        stands in another window, is passed over.

    Returns
    -------
    tuple
        What it says of the candidates, and its errors.
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
    """Read ``{"entities": [{"text", "label"}]}`` as it stands.

    Returns
    -------
    tuple
        Text and label of every entity in order, on one line each, and the errors: items of
        another shape are malformed.
    """
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


def _as_dict(name: Name) -> dict[str, str]:
    return dict(zip(("text", "label"), name, strict=True))


def find_list(written: str, key: str) -> list[Any] | None:
    """Return the list under a key of the first JSON object in an answer; None if there is none."""
    answer = _find_object(written, {key})
    value = None if answer is None else answer[key]
    return value if isinstance(value, list) else None


def _find_object(written: str, keys: Collection[str]) -> dict[str, Any] | None:
    """Return the first JSON object that has one of the keys."""
    # What a model thinks aloud before its answer holds drafts of it.
    written = written.rpartition("</think>")[2]
    return next((found for found in _objects(written) if not found.keys().isdisjoint(keys)), None)


def _objects(written: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects in a text, none of those inside another."""
    decoder = json.JSONDecoder()
    start = written.find("{")
    while start >= 0:
        try:
            value, end = decoder.raw_decode(written, start)
            yield value
        except (ValueError, RecursionError):  # no JSON, or too long a number, or too deep
            end = start + 1
        start = written.find("{", end)
