"""Running a pipeline over a batch of texts, so that one that fails does not stop the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from spacy_catalog_ner.errors import CatalogNERError


@dataclass
class Batch:
    """What became of a batch of texts.

    Attributes
    ----------
    docs
        The Doc of each text, by its place in the batch, that has an answer.
    errors
        Why the others have none, by their places: what a component raised.
    usage
        What the model counted for all of them.
    """

    docs: dict[int, Doc] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)
    usage: Counter[str] = field(default_factory=Counter)

    def failure(self, place: int) -> str:
        """Return in one line why a text has no answer; an empty string if it has one."""
        if place in self.docs:
            record = self.docs[place]._.catalog_ner or {}
            return " ".join(str(record.get("failure") or "").split())
        return self.errors.get(place, "no component gave a reason")


def usage_of(doc: Doc) -> dict[str, int]:
    """Return what the model counted for a Doc; nothing where none was asked."""
    return (doc._.catalog_ner or {}).get("usage") or {}


def run_batch(
    nlp: Language, texts: Sequence[str], on_doc: Callable[[], object] = lambda: None
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

    Raises
    ------
    CatalogNERError
        If a component raised one: it is the pipeline that is at fault then, or its model that
        cannot be reached, and no text.
    """
    batch = Batch()

    def note(name: str, component: Any, docs: list[Doc], error: Exception) -> None:
        if isinstance(error, CatalogNERError):
            raise error
        for doc in docs:
            batch.usage.update(usage_of(doc))
            batch.errors[doc._context] = _describe(name, error)

    with _handling_errors(nlp, note):
        _pipe(nlp, texts, range(len(texts)), batch, on_doc)
        for place in range(len(texts)):
            # A component that takes texts together gives all of them up for one
            if place not in batch.docs:
                _pipe(nlp, texts, [place], batch, on_doc)
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
            batch.errors[place] = _describe("tokenizer", err)
    try:
        for doc, place in nlp.pipe(docs, as_tuples=True, batch_size=len(texts)):
            batch.docs[place] = doc
            batch.usage.update(usage_of(doc))
            on_doc()
    except CatalogNERError:
        raise
    except Exception as err:  # of a component that does not use spaCy's error handler
        for _, place in docs:
            batch.errors.setdefault(place, _describe("pipeline", err))


def _describe(name: str, error: Exception) -> str:
    return " ".join(f"{name}: {type(error).__name__}: {error}".split())


@contextmanager
def _handling_errors(nlp: Language, handler: Callable[..., None]) -> Iterator[None]:
    """Give all components an error handler, and back the one that they had."""
    default = nlp.default_error_handler
    handlers = {
        name: component.get_error_handler()
        for name, component in nlp.pipeline
        if hasattr(component, "set_error_handler")
    }
    nlp.set_error_handler(handler)
    try:
        yield
    finally:
        nlp.default_error_handler = default
        for name, previous in handlers.items():
            nlp.get_pipe(name).set_error_handler(previous)
