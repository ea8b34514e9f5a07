"""`spacy_catalog_ner.OpenAICompatible.v1`: a model behind an API of OpenAI's form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from spacy_catalog_ner.errors import CatalogNERError, MissingExtraError
from spacy_catalog_ner.llm.failures import RequestFailed
from spacy_catalog_ner.llm.models.accepted import Accepted
from spacy_catalog_ner.llm.models.compact_json import compact
from spacy_catalog_ner.llm.models.http_model import HttpModel
from spacy_catalog_ner.llm.models.openai_answers import read_chat, read_completion, read_verdict
from spacy_catalog_ner.llm.models.probabilities import write_verdicts
from spacy_catalog_ner.llm.prompt import Reply, Request, Usage

DEFAULT_URL = "https://api.openai.com/v1"


def make_openai_compatible(
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
) -> OpenAICompatible:
    """Make the model registered as ``spacy_catalog_ner.OpenAICompatible.v1``.

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
        How many requests are in flight at once.
    timeout
        Seconds that one call may take from looking up the server to the last byte of the answer.
    max_retries
        How many times to ask again for one answer, if a fault may pass. A server that says how
        long to wait is not asked before, unless that is more than ten minutes: then it fails.
    max_failures
        How many texts in a row may finally fail, not for a reason of their own, before the run is
        stopped.
    temperature
        Randomness of what is written; 0 for none.
    structured
        Hold answers to the JSON schema of the task, where the server can.
    log_probabilities
        Take confidences from the probabilities of tokens, where the server gives them.
    cache
        File of the response cache, made if it does not exist; none is used if None.
    """
    return OpenAICompatible(
        model,
        base_url=base_url,
        api=api,
        key_variable=key_variable,
        concurrency=concurrency,
        timeout=timeout,
        max_retries=max_retries,
        max_failures=max_failures,
        temperature=temperature,
        structured=structured,
        log_probabilities=log_probabilities,
        cache=cache,
    )


class OpenAICompatible(HttpModel):
    """Asks OpenAI, vLLM, the server of llama.cpp, Ollama or any other of the same form.

    A parameter that the server refuses is left out from then on. Parameters are those of
    `make_openai_compatible`.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api: Literal["chat", "completions"] = "chat",
        key_variable: str = "OPENAI_API_KEY",
        concurrency: int = 8,
        timeout: float = 60.0,
        max_retries: int = 5,
        temperature: float = 0.0,
        structured: bool = True,
        log_probabilities: bool = True,
        **shared: Any,
    ) -> None:
        if api not in ("chat", "completions"):
            raise CatalogNERError(
                f'OpenAICompatible: api must be "chat" or "completions", got {api!r}'
            )
        super().__init__(
            model,
            base_url=base_url or DEFAULT_URL,
            needs_key=not base_url,
            key_variable=key_variable,
            concurrency=concurrency,
            timeout=timeout,
            max_retries=max_retries,
            accepted=Accepted(top_tokens=20 if log_probabilities else 0, schema=structured),
            **shared,
        )
        self.api = api
        self.temperature = temperature
        self.structured = structured
        self.log_probabilities = log_probabilities

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that can change an answer."""
        return {
            "kind": "OpenAICompatible",
            "model": self.model,
            "base_url": self.base_url,
            "api": self.api,
            "temperature": self.temperature,
            "structured": self.structured,
            "log_probabilities": self.log_probabilities,
        }

    def _connect(self) -> Any:
        try:
            from openai import OpenAI
        except ImportError:
            raise MissingExtraError("OpenAICompatible", "openai") from None
        return OpenAI(
            api_key=self._api_key(),
            base_url=self.base_url,
            timeout=self.timeout,
            max_retries=0,  # what may pass is tried again for all APIs alike
        )

    def _ask(self, request: Request) -> Reply:
        if self.api == "chat":
            return self._send("/chat/completions", self._chat_body, read_chat, request)
        if not request.questions:
            return self._send("/completions", self._written_body, read_completion, request)
        return self._complete_verdicts(request)

    def _complete_verdicts(self, request: Request) -> Reply:
        """Ask question by question, in order, so that a server that keeps prefixes reads on."""
        usage = Usage()
        replies: list[Reply] = []
        for question in request.questions:
            single = replace(request, questions=(question,))
            try:
                reply = self._send("/completions", self._verdict_body, read_verdict, single)
            except RequestFailed as err:
                err.usage += usage
                raise
            usage += reply.usage
            replies.append(reply)
        if all(reply.confidences for reply in replies):
            confidences = tuple(reply.confidences[0] for reply in replies)
            return Reply(request, confidences, usage=usage)
        # Verdicts without probabilities are written as a chat would write them.
        return Reply(request, text=write_verdicts(reply.text for reply in replies), usage=usage)

    def _chat_body(self, request: Request, accepted: Accepted) -> dict[str, Any]:
        system = [{"role": "system", "content": request.static}] if request.static else []
        user = {"role": "user", "content": request.context + request.closing}
        body: dict[str, Any] = {"messages": [*system, user], **self._limits(request, accepted)}
        if request.questions and accepted.top_tokens:
            body |= {"logprobs": True, "top_logprobs": accepted.top_tokens}
        if request.schema and accepted.schema:
            body["response_format"] = _response_format(request.schema)
        return body

    def _written_body(self, request: Request, accepted: Accepted) -> dict[str, Any]:
        body: dict[str, Any] = {"prompt": request.text, **self._limits(request, accepted)}
        if request.schema and accepted.schema:
            # The one is read by vLLM, the other by llama.cpp.
            body["response_format"] = _response_format(request.schema)
            body["json_schema"] = compact(request.schema)
        return body

    def _verdict_body(self, request: Request, accepted: Accepted) -> dict[str, Any]:
        (question,) = request.questions
        body = {
            "prompt": request.static + request.context + question,
            **self._limits(replace(request, max_tokens=1), accepted),
        }
        if accepted.top_tokens:
            body["logprobs"] = accepted.top_tokens
        return body

    def _limits(self, request: Request, accepted: Accepted) -> dict[str, Any]:
        name = "max_tokens" if accepted.max_tokens else "max_completion_tokens"
        limits: dict[str, Any] = {name: request.max_tokens}
        if accepted.temperature:
            limits["temperature"] = self.temperature
        return limits


def _response_format(schema: dict[str, Any]) -> dict[str, Any]:
    json_schema = {"name": "answer", "strict": True, "schema": schema}
    return {"type": "json_schema", "json_schema": json_schema}
