"""What passes between a task and a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Request:
    """What is asked about one window of a text: one call of a model.

    Attributes
    ----------
    static
        Task, constraints and entity types: the same for all texts of a run, so that a model with a
        prefix cache reads it once. The system message of a chat.
    context
        Exemplars, then the text.
    questions
        One for each candidate, appended to `static` and `context` and answered by the next token;
        empty where the answer is written.
    closing
        Follows `context` for a model that writes its answer.
    schema
        JSON schema of a written answer.
    max_tokens
        Most that a written answer may take.
    candidates
        Positions of the candidates asked about, among the text's distinct candidates.
    answers
        The two words that answer a question, in the prompt's language.
    shorten
        Returns the same request with fewer exemplars, None if there are none left.
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

    def shorter(self) -> Request | None:
        """Return the same request with fewer exemplars; None if none are left."""
        return self.shorten() if self.shorten else None


class Prompt(str):
    """All that is asked about one text.

    As a string it is the whole prompt, so that any spacy-llm model can answer it; the models of
    this package take `requests`.

    Parameters
    ----------
    requests
        One for each window of the text; none where there is nothing to ask.
    uncut
        Where there are several: one about the whole text, which is the string. The numbers of the
        candidates start again in every window.
    """

    requests: tuple[Request, ...]
    uncut: Request | None

    def __new__(cls, requests: Iterable[Request] = (), uncut: Request | None = None) -> Prompt:  # noqa: D102
        requests = tuple(requests)
        shown = requests if uncut is None else (uncut,)
        prompt = super().__new__(cls, "\n\n".join(request.text for request in shown))
        prompt.requests, prompt.uncut = requests, uncut
        return prompt

    def __getnewargs__(self) -> tuple[tuple[Request, ...], Request | None]:  # type: ignore[override]
        return self.requests, self.uncut


@dataclass(frozen=True)
class Usage:
    """What an answer cost.

    Prompt tokens are those that were read, cached ones those in the model's prefix cache. `calls`
    were answered, `retries` repeated. `cache_hits` are requests answered from the response cache,
    which cost nothing else.
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
