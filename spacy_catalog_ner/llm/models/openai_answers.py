"""Reading what an API of OpenAI's form answers."""

from __future__ import annotations

from typing import Any

from spacy_catalog_ner.llm.failures import PromptTooLong, TextFault
from spacy_catalog_ner.llm.models.http_failures import UnreadableAnswer
from spacy_catalog_ner.llm.models.http_model import count
from spacy_catalog_ner.llm.models.probabilities import (
    Likely,
    confidence,
    read_confidences,
    read_tokens,
)
from spacy_catalog_ner.llm.prompt import Reply, Request, Usage


def read_chat(answer: dict[str, Any], request: Request) -> Reply:
    """Read a chat completion: confidences where its tokens have probabilities, else its text.

    Raises
    ------
    TextFault
        If the model refuses to answer, or was stopped before the end.
    UnreadableAnswer
        If the answer is empty.
    """
    choice, usage = answer["choices"][0], _usage(answer)
    if refusal := choice["message"].get("refusal"):
        raise TextFault(f"the model refuses to answer: {refusal}", usage)
    text = _written(choice["message"].get("content"), choice, request, usage)
    content = (choice.get("logprobs") or {}).get("content")
    if request.questions and content:
        tokens = read_tokens(content)
        confidences = read_confidences(tokens, len(request.questions), request.answers)
        if confidences is not None:
            return Reply(request, confidences, usage=usage)
    return Reply(request, text=text, usage=usage)


def read_completion(answer: dict[str, Any], request: Request) -> Reply:
    """Read a written answer of the completions API; errors are those of `read_chat`."""
    choice, usage = answer["choices"][0], _usage(answer)
    return Reply(request, text=_written(choice["text"], choice, request, usage), usage=usage)


def read_verdict(answer: dict[str, Any], request: Request) -> Reply:
    """Read the next token after one question: its probabilities if there are any, else its text.

    There the limit of one token is no reason to doubt what is written.
    """
    choice = answer["choices"][0]
    word = choice["text"].strip()
    likely = _likely_first(choice.get("logprobs") or {})
    if likely:
        return Reply(request, (confidence(likely, request.answers),), usage=_usage(answer))
    return Reply(request, text=word, usage=_usage(answer))


def _written(text: str | None, choice: dict[str, Any], request: Request, usage: Usage) -> str:
    reason = choice.get("finish_reason")
    if reason == "length" and 0 < usage.output_tokens < request.max_tokens:
        # The server of llama.cpp stops where the context ends.
        raise PromptTooLong("the prompt leaves too little of the context for the answer", usage)
    if reason in ("length", "content_filter"):
        raise TextFault(f"the answer was not finished (finish reason {reason})", usage)
    if not (text and text.strip()):
        raise UnreadableAnswer("the answer is empty", usage=usage)
    return text


def _likely_first(logprobs: dict[str, Any]) -> Likely:
    """Return the likeliest first tokens, from the form of llama.cpp or that of OpenAI and vLLM."""
    if logprobs.get("content"):
        return read_tokens(logprobs["content"][:1])[0].likely
    if not logprobs.get("tokens"):
        return []
    likely = dict((logprobs.get("top_logprobs") or [{}])[0] or {})
    likely[logprobs["tokens"][0]] = logprobs["token_logprobs"][0]
    return [(token, value) for token, value in likely.items() if value is not None]


def _usage(answer: dict[str, Any]) -> Usage:
    usage = answer.get("usage") or {}
    cached = count(usage.get("prompt_tokens_details"), "cached_tokens")
    return Usage(
        prompt_tokens=count(usage, "prompt_tokens") - cached,
        cached_tokens=cached,
        output_tokens=count(usage, "completion_tokens"),
        calls=1,
    )
