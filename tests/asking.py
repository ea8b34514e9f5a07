"""Requests as the tasks make them, and how tests put them to a model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spacy_catalog_ner.llm.models.model import SelectionModel
from spacy_catalog_ner.llm.prompt import Answer, Prompt, Reply, Request

STATIC = "Decide for each name whether it is meant as the given type. Answer yes or no.\n"
EXEMPLARS = "\nText: play hello by adele\nhello = SONG? yes\nadele = ARTIST? yes\n"


def verdicts(text: str = "play drake", *names: str, exemplars: int = 1) -> Request:
    """Make a request for verdicts; `shorten` halves the exemplars, then there are none."""
    names = names or ("drake = ARTIST", "play = SONG")
    word = {"type": "string", "enum": ["yes", "no"]}
    keys = [str(number) for number in range(1, len(names) + 1)]
    listed = "".join(f"{key}. {name}?\n" for key, name in zip(keys, names, strict=True))

    def shorten() -> Request | None:
        return verdicts(text, *names, exemplars=exemplars // 2) if exemplars else None

    return Request(
        STATIC,
        f"{EXEMPLARS * exemplars}\nText: {text}\n",
        tuple(f"{name}?" for name in names),
        f"\nAnswer in JSON.\n{listed}Answer:\n",
        obj(dict.fromkeys(keys, word)),
        max_tokens=16 + 10 * len(names),
        shorten=shorten,
    )


def ids(text: str = "play drake", count: int = 2) -> Request:
    """Make a request for a written answer: the numbers of the candidates that are right."""
    number = {"type": "integer", "enum": list(range(1, count + 1))}
    listed = "".join(f"{each}. drake = ARTIST\n" for each in range(1, count + 1))
    return Request(
        STATIC,
        f'\nText: play adele\n1. adele = ARTIST\nAnswer:\n{{"ids": [1]}}\n\nText: {text}\n{listed}',
        closing="Answer:\n",
        schema=obj({"ids": {"type": "array", "items": number}}),
        max_tokens=16 + 5 * count,
    )


def obj(properties: dict[str, Any]) -> dict[str, Any]:
    """Make the schema of an object."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def ask_all(model: SelectionModel, prompts: Iterable[Iterable[Request]]) -> list[Answer]:
    """Ask one prompt for each document, as spacy-llm does for tasks that do not shard."""
    return [answer for (answer,) in model([Prompt(requests)] for requests in prompts)]


def ask(model: SelectionModel, request: Request) -> Reply:
    """Ask one request."""
    ((reply,),) = (answer.replies for answer in ask_all(model, [[request]]))
    return reply
