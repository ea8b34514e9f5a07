"""How a model fails: on one request, or altogether."""

from __future__ import annotations

import threading

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.llm.prompt import Usage


class RequestFailed(Exception):  # noqa: N818  (it says what happened, as PromptTooLong does)
    """There is no answer to one request.

    Parameters
    ----------
    reason
        Why, in one line and without secrets.
    usage
        What trying has cost.
    """

    def __init__(self, reason: str, usage: Usage = Usage()) -> None:  # noqa: B008  (immutable)
        super().__init__(reason)
        self.usage = usage


class TextFault(RequestFailed):
    """The reason lies in the text: others may well be answered.

    As long as no text has been, it might lie in the settings as well.
    """


class PromptTooLong(TextFault):
    """The request does not fit into the model's context: a shorter one might."""


class ModelUnavailableError(CatalogNERError):
    """The model cannot be used as it is set up, or so many texts in a row have failed."""


class CircuitBreaker:
    """Stops a run in which every text fails.

    Parameters
    ----------
    limit
        Failed texts in a row that stop the run.

    Attributes
    ----------
    has_succeeded
        Whether any request was answered, in this run or from the cache.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.has_succeeded = False
        self._failed: set[object] = set()
        self._lock = threading.Lock()

    def succeeded(self) -> None:
        """Count an answered request, and start again at no failures."""
        with self._lock:
            self.has_succeeded = True
            self._failed.clear()

    def failed(self, text: object, model: str, reason: str) -> None:
        """Count a failed request; raise `ModelUnavailableError` if the limit is reached.

        `text` identifies the text, which counts once; `model` and `reason` are for the error.
        """
        with self._lock:
            self._failed.add(text)
            failures = len(self._failed)
        if failures >= self.limit:
            raise ModelUnavailableError(
                f"{model}: stopped after {self.limit} texts in a row failed, the last one with:"
                f" {reason}; check that it runs and that its name and key are right, then start"
                " again"
            )
