"""Which of the parameters that not every server takes a server has not refused yet."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

# The words by which a refusal names a parameter
_PROBABILITIES = {"logprob", "logprobs", "top_logprobs"}
_SCHEMA = {
    "grammar",
    "guided",
    "guided_decoding",
    "guided_grammar",
    "guided_json",
    "json_schema",
    "response_format",
    "strict",
}


@dataclass(frozen=True)
class Accepted:
    """What may be in a request.

    Attributes
    ----------
    top_tokens
        Of how many of the likeliest tokens to ask the probabilities; none if 0.
    schema
        Whether to have the answer held to its JSON schema.
    temperature
        Whether to send a temperature.
    max_tokens
        Whether the length of the answer is limited by ``max_tokens``; some take
        ``max_completion_tokens``.
    """

    top_tokens: int
    schema: bool
    temperature: bool = True
    max_tokens: bool = True

    def without(self, refusal: str, text: str = "") -> Accepted:
        """Return what is left after a refusal, the same if it names none of these parameters.

        Parameters
        ----------
        refusal
            What the server said, or the parameter that it named.
        text
            What it was asked about. Some servers repeat it: its words name no parameter.
        """
        named = _words(refusal) - _words(text)
        if self.top_tokens and named & _PROBABILITIES:
            # 20 is what most servers allow at most, and some of them 5
            return replace(self, top_tokens=5 if self.top_tokens > 5 else 0)
        if self.schema and named & _SCHEMA:
            return replace(self, schema=False)
        if self.temperature and "temperature" in named:
            return replace(self, temperature=False)
        if self.max_tokens and "max_tokens" in named:
            return replace(self, max_tokens=False)
        return self

    def losses(self, less: Accepted) -> list[str]:
        """Say what is lost for the user between this and `less`."""
        losses = []
        if self.top_tokens and not less.top_tokens:
            losses.append("it gives no log-probabilities, so verdicts have no confidences")
        if self.temperature and not less.temperature:
            losses.append("it chooses its own temperature, so answers may differ from run to run")
        if self.schema and not less.schema:
            losses.append("it does not hold answers to a JSON schema, so some may be malformed")
        return losses


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
