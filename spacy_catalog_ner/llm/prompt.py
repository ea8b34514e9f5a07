"""What passes between the selection task and a model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SelectionPrompt:
    """Yes-or-no questions about one text that share everything before them.

    Attributes
    ----------
    prefix
        Task, exemplars and text; the static part comes first, so that a model that keeps what it
        has read reads it once.
    questions
        One for each candidate, each to be read right after `prefix` and answered by yes or no.
    """

    prefix: str
    questions: tuple[str, ...]

    def __str__(self) -> str:
        return self.prefix + "\n".join(self.questions)


@dataclass(frozen=True)
class Verdicts:
    """A model's answer to a `SelectionPrompt`.

    Attributes
    ----------
    confidences
        Probability of yes against no for every question, in order; empty after an error.
    prompt_tokens
        Tokens the model had to read, those it still knew from before not counted.
    cached_tokens
        Tokens of the prompt that the model still knew.
    output_tokens
        Tokens it wrote.
    error
        Why there is no answer; an empty string if there is one.
    """

    confidences: tuple[float, ...] = ()
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    error: str = ""
