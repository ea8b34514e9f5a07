"""The prompt of a text in several windows."""

from __future__ import annotations

from collections.abc import Iterable

from spacy_catalog_ner.llm.prompt import Prompt, Request


class WindowedPrompt(Prompt):
    """A prompt that asks window by window, and as a string about all of the text.

    The numbers of the candidates start again in every window. A model that knows nothing of
    requests and reads the string would not know which of them is meant.

    Parameters
    ----------
    requests
        One for each window.
    uncut
        One for all of the text.
    """

    uncut: Request

    def __new__(cls, requests: Iterable[Request], uncut: Request) -> WindowedPrompt:  # noqa: D102
        prompt = str.__new__(cls, uncut.text)
        prompt.requests = tuple(requests)
        prompt.uncut = uncut
        return prompt

    def __getnewargs__(self) -> tuple[tuple[Request, ...], Request]:  # type: ignore[override]
        return (self.requests, self.uncut)
