"""`spacy_catalog_ner.LlamaCpp.v1`: a GGUF model run in this process by llama.cpp."""

from __future__ import annotations

import hashlib
import importlib.metadata
from dataclasses import replace
from pathlib import Path
from typing import Any

from spacy_catalog_ner.errors import CatalogNERError, MissingExtraError
from spacy_catalog_ner.io.gguf import import_xllamacpp, start_server
from spacy_catalog_ner.io.per_process import PerProcess
from spacy_catalog_ner.llm.failures import PromptTooLong, RequestFailed, TextFault
from spacy_catalog_ner.llm.models.bundled import BUNDLED_MODEL, bundled_gguf
from spacy_catalog_ner.llm.models.model import SelectionModel
from spacy_catalog_ner.llm.models.probabilities import confidence, read_tokens
from spacy_catalog_ner.llm.prompt import Reply, Request, Usage

_TOP_TOKENS = 500  # without exemplars, yes and no may be far from the likeliest tokens
# A grammar allows any white space, and a small model may write nothing else. llguidance, which
# llama.cpp may be built with, reads this and writes JSON on one line, as in the prompt.
_ON_ONE_LINE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


class LlamaCpp(SelectionModel):
    """Answers questions by the probability of the next token, and writes answers by a grammar.

    The model is loaded at first use.

    Parameters
    ----------
    model
        Path of a GGUF file, or the name of the package that carries the default model.
    context_length
        Longest prompt with its answer, in tokens.
    threads
        Threads to compute with; all cores this process may use if None.
    cache
        File of the response cache, made if it does not exist; None for no cache.
    """

    def __init__(
        self,
        model: str = BUNDLED_MODEL,
        context_length: int = 4096,
        threads: int | None = None,
        cache: str | None = None,
    ) -> None:
        if context_length < 1 or (threads is not None and threads < 1):
            raise CatalogNERError("LlamaCpp: context_length and threads must be at least 1")
        super().__init__(model, cache=cache)
        self.n_ctx = context_length
        self.threads = threads
        self._server: PerProcess[Any] = PerProcess(self._load)
        self._checksum = PerProcess(self._compute_checksum)
        self._primed: PerProcess[list[str]] = PerProcess(list)  # the static part read last

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that can change an answer."""
        try:
            version = importlib.metadata.version("xllamacpp")
        except importlib.metadata.PackageNotFoundError:
            raise MissingExtraError("LlamaCpp", "local-llm") from None
        return {
            "kind": "LlamaCpp",
            "sha256": self._checksum.get(),
            "context_length": self.n_ctx,
            "xllamacpp": version,
        }

    def _ask(self, request: Request) -> Reply:
        primed = self._prime(request.static)
        if request.questions:
            return self._read_verdicts(request, primed)
        settings: dict[str, Any] = {"max_tokens": request.max_tokens}
        if request.schema:
            settings["json_schema"] = compact(request.schema)
        choice, usage = self._complete(request.text, **settings)
        usage += primed
        if choice["finish_reason"] == "length":
            if usage.output_tokens < request.max_tokens:
                reason = "the prompt leaves too little of the context for the answer"
                raise PromptTooLong(reason, usage)
            raise TextFault("the answer was not finished (finish reason length)", usage)
        return Reply(request, text=choice["text"], usage=usage)

    def _read_verdicts(self, request: Request, primed: Usage) -> Reply:
        """Ask question by question; the text before them is read once."""
        before = request.static + request.context
        usage = primed
        confidences = []
        for question in request.questions:
            try:
                choice, cost = self._complete(before + question, max_tokens=1, logprobs=_TOP_TOKENS)
            except RequestFailed as err:
                err.usage += usage
                raise
            usage += cost
            tokens = read_tokens((choice.get("logprobs") or {}).get("content") or ())
            if not tokens:
                raise RequestFailed("llama.cpp gave no token", usage)
            confidences.append(confidence(tokens[0].likely, request.answers))
        return Reply(request, tuple(confidences), usage=usage)

    def _prime(self, static: str) -> Usage:
        """Put the static part, and nothing else, into the prefix cache; return the cost.

        How many tokens are read together changes the last bits of a result. Without this an answer
        would depend on the prompt before it, and a resumed run would differ from an uninterrupted
        one.
        """
        usage = Usage()
        if not static:
            return usage
        primed = self._primed.get()
        if primed != [static]:
            usage += self._complete(static, max_tokens=1, cache_prompt=False)[1]
            # The last token of a cached prompt is read again, from now on alone
            usage += self._complete(static, max_tokens=1)[1]
            primed[:] = [static]
        usage += self._complete(static, max_tokens=1)[1]
        # These calls answer nothing
        return replace(usage, calls=0, output_tokens=0)

    def _complete(self, prompt: str, **settings: Any) -> tuple[dict[str, Any], Usage]:
        results: list[dict[str, Any]] = []
        body = {"prompt": prompt, "temperature": 0, "cache_prompt": True, **settings}
        self._server.get().handle_completions(body, results.append)
        result = results[-1] if results else {}
        if "choices" not in result:
            error = result.get("error", {})
            is_too_long = error.get("type") == "exceed_context_size_error"
            kind = PromptTooLong if is_too_long else RequestFailed
            raise kind(error.get("message", "llama.cpp gave no answer"))
        timings = result["timings"]
        usage = Usage(
            prompt_tokens=timings["prompt_n"],
            cached_tokens=timings["cache_n"],
            output_tokens=timings["predicted_n"],
            calls=1,
        )
        return result["choices"][0], usage

    def _load(self) -> Any:
        return start_server(
            import_xllamacpp("LlamaCpp"),
            self._path(),
            self.threads,
            n_ctx=self.n_ctx,
            n_ubatch=128,  # prompts are short: larger batches only wait
            swa_full=True,  # without it a sliding-window model can't reuse a shared prefix
            n_ctx_checkpoints=0,
        )

    def _path(self) -> Path:
        path = bundled_gguf() if self.model == BUNDLED_MODEL else Path(self.model)
        if not path.is_file():
            raise CatalogNERError(f"{path}: no such file, expected a GGUF model")
        return path

    def _compute_checksum(self) -> str:
        with self._path().open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def compact(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose JSON llama.cpp writes on one line."""
    return {**schema, "x-guidance": _ON_ONE_LINE}
