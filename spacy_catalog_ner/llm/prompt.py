"""What passes between a task and a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Request:
    """One call's worth of a prompt: what is asked about one window of a text.

    Attributes
    ----------
    static
        Task, constraints and entity types: the same for all texts of a run, so that a model that
        keeps what it has read reads it once. A chat's system message.
    context
        Exemplars, then the text.
    questions
        One for each candidate, each to be read right after `static` and `context` and answered by
        the next token; empty where the answer is written.
    closing
        What a model that writes its answer reads after `context`.
    schema
        JSON schema of a written answer.
    max_tokens
        Most that a written answer may take.
    candidates
        Places, among the text's distinct candidates, of those that are asked for.
    answers
        The two words that answer a question, in the prompt's language.
    shorten
        Makes the same request with fewer exemplars, or gives None where there are none left.
    """

    static: str
    context: str
    questions: tuple[str, ...] = ()
    closing: str = ""
    schema: dict[str, Any] | None = None
    max_tokens: int = 1
    candidates: tuple[int, ...] = ()
    answers: tuple[str, str] = ("yes", "no")
    shorten: Callable[[], Request | None] | None = field(default=None, compare=False, repr=False)

    @property
    def text(self) -> str:
        """All of it, for a model that writes its answer."""
        return self.static + self.context + self.closing


class Prompt(str):
    """All that is asked about one text.

    As a string it is the whole prompt, so that any spacy-llm model can answer it; the models of
    this package take `requests`.

    Parameters
    ----------
    requests
        One for each window of the text; none where there is nothing to ask.
    """

    requests: tuple[Request, ...]

    def __new__(cls, requests: Iterable[Request] = ()) -> Prompt:  # noqa: D102
        requests = tuple(requests)
        prompt = super().__new__(cls, "\n\n".join(request.text for request in requests))
        prompt.requests = requests
        return prompt

    def __getnewargs__(self) -> tuple[tuple[Request, ...]]:  # type: ignore[override]
        return (self.requests,)


@dataclass(frozen=True)
class Usage:
    """What an answer cost.

    Attributes
    ----------
    prompt_tokens
        Tokens the model had to read, those it still knew from before not counted.
    cached_tokens
        Tokens of the prompt that the model still knew.
    output_tokens
        Tokens it wrote.
    calls
        Calls that were answered.
    retries
        Calls that were made again.
    cache_hits
        Requests answered from the response cache, which cost none of the above.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0
    retries: int = 0
    cache_hits: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Usage)))


@dataclass(frozen=True)
class Reply:
    """A model's answer to a `Request`.

    Attributes
    ----------
    request
        What was answered in the end, which may be shorter than what was asked first.
    confidences
        Probability of yes against no for every question, where the model gives probabilities;
        None for a question to which neither is among its likeliest answers.
    text
        A written answer.
    usage
        What it cost.
    error
        Why there is no answer, in one line; an empty string if there is one.
    """

    request: Request
    confidences: tuple[float | None, ...] = ()
    text: str = ""
    usage: Usage = Usage()
    error: str = ""


@dataclass(frozen=True)
class Answer:
    """A model's answer to a `Prompt`: a reply to each of its requests, in order."""

    replies: tuple[Reply, ...] = ()

    @property
    def usage(self) -> Usage:
        """What all replies cost together."""
        return sum((reply.usage for reply in self.replies), Usage())

    @property
    def error(self) -> str:
        """The first reason why there is no answer; an empty string if there is one to all."""
        return next((reply.error for reply in self.replies if reply.error), "")
