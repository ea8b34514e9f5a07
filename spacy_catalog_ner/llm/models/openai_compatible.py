"""`spacy_catalog_ner.OpenAICompatible.v1`: a model behind an API of OpenAI's form."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Literal

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.llm.failures import PromptTooLong, RequestFailed, TextFault
from spacy_catalog_ner.llm.models.http_failures import UnreadableAnswer
from spacy_catalog_ner.llm.models.http_model import Body, HttpModel, get_count
from spacy_catalog_ner.llm.models.llama_cpp import compact
from spacy_catalog_ner.llm.models.optional_parameters import OptionalParameters
from spacy_catalog_ner.llm.models.probabilities import (
    Likely,
    confidence,
    read_confidences,
    read_tokens,
)
from spacy_catalog_ner.llm.prompt import Reply, Request, Usage


class OpenAICompatible(HttpModel):
    """Asks OpenAI, vLLM, the server of llama.cpp, Ollama or any other of the same form.

    Parameters
    ----------
    model
        The model's name at the server.
    base_url
        The API's address, such as ``http://localhost:8000/v1``; OpenAI's if None. A server named
        here needs no key.
    api
        ``chat``, where all questions about a text are answered in one JSON object; or
        ``completions``, where each is answered by the next token: for base models, on vLLM or the
        server of llama.cpp.
    key_variable
        Environment variable that holds the key, which is kept nowhere else. It is sent to
        `base_url`: for a server that is not to see it, name another variable.
    concurrency
        Requests in flight at once.
    timeout
        Seconds that one call may take, from looking up the server to the last byte.
    max_retries
        Retries of one request. A server that says how long to wait is not asked earlier; if it
        asks for more than ten minutes, the request fails.
    max_failures
        Failed texts in a row that stop the run, faults of single texts not counted.
    temperature
        Sampling temperature.
    structured
        Constrain answers by a JSON schema, if the server can.
    log_probabilities
        Take confidences from token probabilities, if the server gives them.
    cache
        File of the response cache, made if it does not exist; None for no cache.
    """

    default_url = "https://api.openai.com/v1"
    extra = "openai"

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        api: Literal["chat", "completions"] = "chat",
        key_variable: str = "OPENAI_API_KEY",
        concurrency: int = 8,
        timeout: float = 60.0,
        max_retries: int = 5,
        max_failures: int = 10,
        temperature: float = 0.0,
        structured: bool = True,
        log_probabilities: bool = True,
        cache: str | None = None,
    ) -> None:
        if api not in ("chat", "completions"):
            raise CatalogNERError(
                f'OpenAICompatible: api must be "chat" or "completions", got {api!r}'
            )
        super().__init__(
            model,
            base_url=base_url,
            key_variable=key_variable,
            timeout=timeout,
            max_retries=max_retries,
            parameters=OptionalParameters(20 if log_probabilities else 0, structured),
            concurrency=concurrency,
            max_failures=max_failures,
            cache=cache,
        )
        self.api = api
        self.temperature = temperature
        self.structured = structured
        self.log_probabilities = log_probabilities

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that can change an answer."""
        settings = ["model", "base_url", "api", "temperature", "structured", "log_probabilities"]
        return {"kind": "OpenAICompatible", **{name: getattr(self, name) for name in settings}}

    def _headers(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"}

    def _ask(self, request: Request) -> Reply:
        if self.api == "chat":
            return self._send("/chat/completions", self._chat_body, _read_chat, request)
        if not request.questions:
            return self._send("/completions", self._written_body, _read_completion, request)
        return self._complete_verdicts(request)

    def _complete_verdicts(self, request: Request) -> Reply:
        """Ask question by question, in order, for the server's prefix cache."""
        usage = Usage()
        replies: list[Reply] = []
        for question in request.questions:
            single = replace(request, questions=(question,))
            try:
                reply = self._send("/completions", self._verdict_body, _read_verdict, single)
            except RequestFailed as err:
                err.usage += usage
                raise
            usage += reply.usage
            replies.append(reply)
        if all(reply.confidences for reply in replies):
            confidences = tuple(reply.confidences[0] for reply in replies)
            return Reply(request, confidences, usage=usage)
        # Without probabilities, verdicts are written as in a chat.
        words = {str(number): reply.text for number, reply in enumerate(replies, start=1)}
        return Reply(request, text=json.dumps(words), usage=usage)

    def _chat_body(self, request: Request, parameters: OptionalParameters) -> Body:
        system = [{"role": "system", "content": request.static}] if request.static else []
        user = {"role": "user", "content": request.context + request.closing}
        body: Body = {"messages": [*system, user], **self._limits(request.max_tokens, parameters)}
        if request.questions and parameters.top_tokens:
            body |= {"logprobs": True, "top_logprobs": parameters.top_tokens}
        if request.schema and parameters.schema:
            body["response_format"] = _response_format(request.schema)
        return body

    def _written_body(self, request: Request, parameters: OptionalParameters) -> Body:
        body: Body = {"prompt": request.text, **self._limits(request.max_tokens, parameters)}
        if request.schema and parameters.schema:
            # vLLM reads the first, llama.cpp the second.
            body["response_format"] = _response_format(request.schema)
            body["json_schema"] = compact(request.schema)
        return body

    def _verdict_body(self, request: Request, parameters: OptionalParameters) -> Body:
        prompt = request.static + request.context + request.questions[0]
        body: Body = {"prompt": prompt, **self._limits(1, parameters)}
        if parameters.top_tokens:
            body["logprobs"] = parameters.top_tokens
        return body

    def _limits(self, max_tokens: int, parameters: OptionalParameters) -> Body:
        name = "max_tokens" if parameters.max_tokens else "max_completion_tokens"
        limits: Body = {name: max_tokens}
        return {**limits, "temperature": self.temperature} if parameters.temperature else limits


def _response_format(schema: Body) -> Body:
    json_schema = {"name": "answer", "strict": True, "schema": schema}
    return {"type": "json_schema", "json_schema": json_schema}


def _read_chat(answer: Body, request: Request) -> Reply:
    """Read a chat completion: confidences where its tokens have probabilities, else its text."""
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


def _read_completion(answer: Body, request: Request) -> Reply:
    choice, usage = answer["choices"][0], _usage(answer)
    return Reply(request, text=_written(choice["text"], choice, request, usage), usage=usage)


def _read_verdict(answer: Body, request: Request) -> Reply:
    """Read the token after one question: its probabilities if there are any, else its text."""
    choice = answer["choices"][0]
    word = choice["text"].strip()
    likely = _likely_first(choice.get("logprobs") or {})
    if likely:
        return Reply(request, (confidence(likely, request.answers),), usage=_usage(answer))
    return Reply(request, text=word, usage=_usage(answer))


def _written(text: str | None, choice: Body, request: Request, usage: Usage) -> str:
    reason = choice.get("finish_reason")
    if reason == "length" and 0 < usage.output_tokens < request.max_tokens:
        # The server of llama.cpp stops where the context ends.
        raise PromptTooLong("the prompt leaves too little of the context for the answer", usage)
    if reason in ("length", "content_filter"):
        raise TextFault(f"the answer was not finished (finish reason {reason})", usage)
    if not (text and text.strip()):
        raise UnreadableAnswer("the answer is empty", usage=usage)
    return text


def _likely_first(logprobs: Body) -> Likely:
    """Return the most likely first tokens, in the form of llama.cpp or that of OpenAI and vLLM."""
    if logprobs.get("content"):
        return read_tokens(logprobs["content"][:1])[0].likely
    if not logprobs.get("tokens"):
        return []
    likely = dict((logprobs.get("top_logprobs") or [{}])[0] or {})
    likely[logprobs["tokens"][0]] = logprobs["token_logprobs"][0]
    return [(token, value) for token, value in likely.items() if value is not None]


def _usage(answer: Body) -> Usage:
    usage = answer.get("usage") or {}
    cached = get_count(usage.get("prompt_tokens_details"), "cached_tokens")
    return Usage(
        get_count(usage, "prompt_tokens") - cached,
        cached,
        get_count(usage, "completion_tokens"),
        calls=1,
    )
