"""Running a pipeline over a batch of texts, so that one that fails does not stop the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.llm.failures import ModelUnavailableError

SEVERAL = 2
"""One text that raises an error does not tell whether it is at fault or the pipeline."""
MANY = 8
"""So many do, also where others were answered before."""


@dataclass
class Batch:
    """What became of a batch of texts.

    Attributes
    ----------
    docs
        The Doc of each text, by its place in the batch, that has an answer.
    errors
        Why the others have none, by their places: what a component raised.
    faults
        Those of the errors that are a `CatalogNERError`, as they were raised.
    usage
        What the model counted for all of them.
    """

    docs: dict[int, Doc] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)
    faults: dict[int, CatalogNERError] = field(default_factory=dict)
    usage: Counter[str] = field(default_factory=Counter)

    def failure(self, place: int) -> str:
        """Return in one line why a text has no answer; an empty string if it has one."""
        if place in self.docs:
            record = self.docs[place]._.catalog_ner or {}
            return " ".join(str(record.get("failure") or "").split())
        return self.errors.get(place, "no component gave a reason")

    def add_error(self, place: int, name: str, error: Exception) -> None:
        """Take note of what a component raised at a text, unless it is the model that is gone."""
        if isinstance(error, ModelUnavailableError):
            raise error
        if isinstance(error, CatalogNERError):
            self.faults.setdefault(place, error)
        message = f"{name}: {type(error).__name__}: {error}"
        self.errors.setdefault(place, " ".join(message.split()))

    def forget_error(self, place: int) -> None:
        """Forget what was raised at a text that is tried again."""
        self.errors.pop(place, None)
        self.faults.pop(place, None)


def usage_of(doc: Doc) -> dict[str, int]:
    """Return what the model counted for a Doc; nothing where none was asked."""
    return (doc._.catalog_ner or {}).get("usage") or {}


def run_batch(
    nlp: Language,
    texts: Sequence[str],
    on_doc: Callable[[], object] = lambda: None,
    *,
    several: int = SEVERAL,
) -> Batch:
    """Run a pipeline over texts, all of them at once; those that fail are tried alone.

    Parameters
    ----------
    nlp
        The pipeline.
    texts
        A batch of them.
    on_doc
        Called as each text is done.
    several
        How many texts have to fail for the pipeline to be at fault.

    Raises
    ------
    CatalogNERError
        If a component raised one at each of the texts, and they are several.
    ModelUnavailableError
        If the pipeline's model cannot be reached.
    """
    batch = Batch()

    def note(name: str, component: Any, docs: list[Doc], error: Exception) -> None:
        for doc in docs:
            batch.usage.update(usage_of(doc))
            batch.add_error(doc._context, name, error)

    with _handling_errors(nlp, note):
        _pipe(nlp, texts, range(len(texts)), batch, on_doc)
        for place in range(len(texts)):
            # A component that takes texts together gives all of them up for one
            if place not in batch.docs:
                batch.forget_error(place)
                _pipe(nlp, texts, [place], batch, on_doc)
    if not batch.docs and len(batch.faults) == len(texts) >= several:
        raise batch.faults[0]
    return batch


def _pipe(
    nlp: Language,
    texts: Sequence[str],
    places: Sequence[int],
    batch: Batch,
    on_doc: Callable[[], object],
) -> None:
    docs = []
    for place in places:
        try:
            docs.append((nlp.make_doc(texts[place]), place))
        except Exception as err:
            batch.add_error(place, "tokenizer", err)
    try:
        for doc, place in nlp.pipe(docs, as_tuples=True, batch_size=len(texts)):
            batch.docs[place] = doc
            batch.usage.update(usage_of(doc))
            on_doc()
    except Exception as err:  # of a component that does not use spaCy's error handler
        for _, place in docs:
            batch.add_error(place, "pipeline", err)


@contextmanager
def _handling_errors(nlp: Language, handler: Callable[..., None]) -> Iterator[None]:
    """Give all components an error handler, and back the one that they had."""
    default = nlp.default_error_handler
    handlers = {}
    nlp.default_error_handler = handler
    for name, component in nlp.pipeline:
        # The parsers of spaCy 3.8 have no place to keep one: their errors end the batch.
        with suppress(AttributeError):
            previous = component.get_error_handler()
            component.set_error_handler(handler)
            handlers[name] = previous
    try:
        yield
    finally:
        nlp.default_error_handler = default
        for name, previous in handlers.items():
            nlp.get_pipe(name).set_error_handler(previous)
