"""Request parameters that not every server takes."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

# The words by which a refusal names a parameter
_PROBABILITIES = {"logprob", "logprobs", "top_logprobs"}
_SCHEMA = {"grammar", "guided", "guided_decoding", "guided_grammar", "guided_json"} | {
    "json_schema",
    "response_format",
    "strict",
}


@dataclass(frozen=True)
class OptionalParameters:
    """Tracks the optional request parameters that a server accepts.

    Attributes
    ----------
    top_tokens
        Number of likeliest tokens to ask the probabilities of; 0 for none.
    schema, temperature
        Whether to send these.
    max_tokens
        Whether to limit the answer by ``max_tokens``, else by ``max_completion_tokens``.
    """

    top_tokens: int
    schema: bool
    temperature: bool = True
    max_tokens: bool = True

    def without(self, refusal: str, text: str = "") -> OptionalParameters:
        """Return what is left after a refusal, the same if it names none of these parameters.

        `refusal` is the server's message or the parameter that it names. Words of `text`, which
        some servers repeat, name no parameter.
        """
        named = _words(refusal) - _words(text)
        if self.top_tokens and named & _PROBABILITIES:
            # Most servers allow 20 at most, some of them 5
            return replace(self, top_tokens=5 if self.top_tokens > 5 else 0)
        if self.schema and named & _SCHEMA:
            return replace(self, schema=False)
        if self.temperature and "temperature" in named:
            return replace(self, temperature=False)
        if self.max_tokens and "max_tokens" in named:
            return replace(self, max_tokens=False)
        return self

    def describe_losses(self, less: OptionalParameters) -> str:
        """Say what the user loses from this to `less`; empty if nothing."""
        losses = []
        if self.top_tokens and not less.top_tokens:
            losses.append("it gives no log-probabilities, so verdicts have no confidences")
        if self.temperature and not less.temperature:
            losses.append("it chooses its own temperature, so answers may differ from run to run")
        if self.schema and not less.schema:
            losses.append("it does not hold answers to a JSON schema, so some may be malformed")
        return "; ".join(losses)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
