"""Running a pipeline over a batch of texts, so that one that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
from spacy.language import Language
from spacy.tokens import Doc

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.llm.failures import ModelUnavailableError
from spacy_catalog_ner.llm.prompt import Usage

SEVERAL = 2
"""So many texts that all fail show that the pipeline is at fault and not the text."""
MANY = 8
"""The same once any text was answered."""


@dataclass
class Batch:
    """The outcome of a batch of texts, which are known by their numbers in the batch.

    A text has a Doc, or an error: the component that failed, and what it raised.
    """

    docs: dict[int, Doc] = field(default_factory=dict)
    errors: dict[int, tuple[str, Exception]] = field(default_factory=dict)
    usage: Usage = Usage()  # noqa: RUF009  (immutable)

    def failure(self, number: int) -> str:
        """Return in one line why a text has no answer; an empty string if it has one."""
        if number in self.docs:
            reason = (self.docs[number]._.catalog_ner or {}).get("failure") or ""
        elif number in self.errors:
            name, error = self.errors[number]
            reason = f"{name}: {type(error).__name__}: {error}"
        else:
            reason = "no component gave a reason"
        return " ".join(str(reason).split())

    def add_error(self, number: int, name: str, error: Exception) -> None:
        """Record what a component raised at a text; raise it if the model is unavailable."""
        if isinstance(error, ModelUnavailableError):
            raise error
        self.errors.setdefault(number, (name, error))


def usage_of(doc: Doc) -> Usage:
    """Return what the model counted for a Doc; zeros where it was not asked."""
    return msgspec.convert((doc._.catalog_ner or {}).get("usage") or {}, Usage)


def run_batch(
    nlp: Language,
    texts: Sequence[str],
    on_doc: Callable[[], object] = lambda: None,
    *,
    several: int = SEVERAL,
) -> Batch:
    """Run a pipeline over texts together, and again over each that failed, alone.

    `on_doc` is called as each text is done. If at least `several` texts fail, and no other, the
    pipeline is at fault.

    Raises
    ------
    CatalogNERError
        If a component raised one at each of the texts, and they are several.
    ModelUnavailableError
        If the pipeline's model cannot be reached.
    """
    batch = Batch()

    def on_error(name: str, component: Any, docs: list[Doc], error: Exception) -> None:
        for doc in docs:
            batch.usage += usage_of(doc)
            batch.add_error(doc._context, name, error)

    with _handling_errors(nlp, on_error):
        _pipe(nlp, texts, range(len(texts)), batch, on_doc)
        for number in range(len(texts)):
            # A component that takes texts together gives all of them up for one
            if number not in batch.docs:
                batch.errors.pop(number, None)
                _pipe(nlp, texts, [number], batch, on_doc)
    faults = [err for _, err in batch.errors.values() if isinstance(err, CatalogNERError)]
    if len(faults) == len(texts) >= several:
        raise faults[0]
    return batch


def _pipe(
    nlp: Language,
    texts: Sequence[str],
    numbers: Sequence[int],
    batch: Batch,
    on_doc: Callable[[], object],
) -> None:
    docs = []
    for number in numbers:
        try:
            docs.append((nlp.make_doc(texts[number]), number))
        except Exception as err:
            batch.add_error(number, "tokenizer", err)
    try:
        for doc, number in nlp.pipe(docs, as_tuples=True, batch_size=len(texts)):
            batch.docs[number] = doc
            batch.usage += usage_of(doc)
            on_doc()
    except Exception as err:  # of a component that does not use spaCy's error handler
        for _, number in docs:
            batch.add_error(number, "pipeline", err)


@contextmanager
def _handling_errors(nlp: Language, handler: Callable[..., None]) -> Iterator[None]:
    """Set an error handler on all components, and restore theirs at the end."""
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
