"""The base of the spacy-llm tasks: prompts from Docs, and answers written to Docs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Iterable, Self  # noqa: UP035  (spacy-llm looks for typing's)

import srsly
from spacy import util
from spacy.tokens import Doc
from spacy.training import Example

from spacy_catalog_ner.doc.record import SELECTED, update_record
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.evaluation.scorers import score_spans
from spacy_catalog_ner.io.files import read_labels
from spacy_catalog_ner.llm.prompt import Answer, Prompt, Reply, Request
from spacy_catalog_ner.llm.tasks.answers import AnswerErrors
from spacy_catalog_ner.llm.tasks.templates import (
    PromptTemplate,
    built_in_template,
    one_line,
    read_template,
)
from spacy_catalog_ner.llm.tasks.windows import Window, show

WINDOW = 120
"""Most tokens of a text shown at once, by default."""

Exemplars = Sequence[dict[str, Any]]
"""Of a text, the most similar first."""


class SpanTask(ABC):
    """A spacy-llm task that writes ``doc.spans["selected"]``.

    Parameters
    ----------
    form
        Form of the answer, the first part of the built-in templates' names.
    labels
        A description of each entity type, the path of a YAML file of them, or None.
    k
        How many of ``doc._.exemplars`` are shown; all if None.
    lang
        Language of the built-in template.
    template
        Path of a template to use instead.
    """

    blocks: tuple[str, ...] = ("static", "context", "closing")

    def __init__(
        self,
        form: str,
        *,
        labels: dict[str, str] | str | Path | None,
        k: int | None,
        lang: str,
        template: str | Path | None,
    ) -> None:
        if k is not None and k < 0:
            raise CatalogNERError(f"k: expected at least 0 exemplars, or none to show all, got {k}")
        built_in = built_in_template(form, lang)
        self.k = k
        self._labels_path = Path(labels) if isinstance(labels, str | Path) else None
        self._template_path = built_in if template is None else Path(template)
        # Files are read when first used: a saved pipeline holds their contents, and the paths in
        # its config may not exist here
        self._labels = None if self._labels_path else dict(labels or {})  # type: ignore[arg-type]
        self._source: str | None = None
        self._template: PromptTemplate | None = None

    @property
    def label_definitions(self) -> dict[str, str]:
        """Description of each entity type."""
        if self._labels is None:
            assert self._labels_path is not None
            self._labels = read_labels(self._labels_path)
        return self._labels

    @property
    def template(self) -> str:
        """Jinja source of the prompt."""
        if self._source is None:
            self._source = read_template(self._template_path)
        return self._source

    def generate_prompts(self, docs: Iterable[Doc]) -> Iterable[Any]:
        """Yield a `Prompt` for each document, empty if there is nothing to ask."""
        for doc in docs:
            yield self._make_prompt(doc)

    def parse_responses(self, docs: Iterable[Doc], responses: Iterable[Any]) -> Iterable[Doc]:
        """Write the selection, its cost and its errors to each document.

        Parameters
        ----------
        docs
            The documents that were asked about.
        responses
            For each a list of one `Answer`, or of a string if a model of spacy-llm answered, which
            is read as a written answer about the whole text.
        """
        for doc, response in zip(docs, responses, strict=True):
            (answer,) = response
            if not isinstance(answer, Answer):
                answer = self._read_string(doc, str(answer))
            errors = self._annotate(doc, answer).to_record()
            update_record(doc, usage=asdict(answer.usage), failure=answer.error or None)
            if errors:
                update_record(doc, answer=errors)
            yield doc

    def scorer(self, examples: Iterable[Example]) -> dict[str, Any]:
        """Score the selected spans against the gold entities, as spacy-llm asks of a task."""
        return score_spans(examples, spans_key=SELECTED)

    @abstractmethod
    def _make_windows(self, doc: Doc) -> list[Window]:
        """Return the parts of a text to ask about."""

    @abstractmethod
    def _make_request(self, doc: Doc, window: Window, exemplars: Exemplars) -> Request:
        """Return the question about one window; `exemplars` are shown, the most similar first."""

    @abstractmethod
    def _annotate(self, doc: Doc, answer: Answer) -> AnswerErrors:
        """Write the selection and return the errors of the answer."""

    def _make_prompt(self, doc: Doc) -> Prompt:
        windows = self._make_windows(doc)
        exemplars = (doc._.exemplars or [])[: self.k]
        requests = [self._make_request(doc, window, exemplars) for window in windows]
        if len(requests) < 2:
            return Prompt(requests)
        places = sorted(place for window in windows for place in window.candidates)
        uncut = Window(0, len(doc), tuple(places))
        return Prompt(requests, self._make_request(doc, uncut, exemplars))

    def _read_string(self, doc: Doc, written: str) -> Answer:
        prompt = self._make_prompt(doc)
        if not prompt.requests:  # whatever a model says to an empty prompt
            return Answer()
        return Answer((Reply(prompt.uncut or prompt.requests[0], text=written),))

    def _fill(
        self,
        doc: Doc,
        window: Window,
        exemplars: Exemplars,
        show_exemplar: Callable[[dict[str, Any]], dict[str, Any]],
        *,
        candidates: Sequence[dict[str, Any]] = (),
        questions: tuple[str, ...] = (),
        **fields: Any,
    ) -> Request:
        """Fill the template in; `fields` are further ones of the request."""
        values = {
            # The most similar exemplar comes last, next to the text
            "exemplars": [show_exemplar(exemplar) for exemplar in reversed(exemplars)],
            "text": show(doc, window),
            "candidates": candidates,
            "questions": questions,
        }
        return Request(
            static=self._render("static"),
            context=self._render("context", **values),
            closing=self._render("closing", **values),
            questions=questions,
            candidates=window.candidates,
            shorten=partial(self._shorten, doc, window, exemplars),
            **fields,
        )

    def _shorten(self, doc: Doc, window: Window, exemplars: Exemplars) -> Request | None:
        if not exemplars:
            return None
        return self._make_request(doc, window, exemplars[: len(exemplars) // 2])

    def _render(self, block: str, **values: Any) -> str:
        if self._template is None:
            self._template = PromptTemplate(self.template, str(self._template_path), self.blocks)
        definitions = self.label_definitions.items()
        labels = {one_line(label): one_line(description) for label, description in definitions}
        return self._template.render(block, {"labels": labels, **values})

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialise the contents of the files that the config names."""
        writers = {"labels": lambda: self.label_definitions, "template": lambda: self.template}
        return bytes(util.to_bytes(writers, exclude))

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> Self:
        """Load what `to_bytes` gave."""
        readers = {"labels": self._set_labels, "template": self._set_template}
        util.from_bytes(data, readers, exclude)
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the contents of the files that the config names to a folder."""
        writers = {
            "labels.json": lambda file: srsly.write_json(file, self.label_definitions),
            "template.jinja": lambda file: file.write_text(self.template, encoding="utf8"),
        }
        util.to_disk(path, writers, exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> Self:
        """Load what `to_disk` wrote."""
        readers = {
            "labels.json": lambda file: self._set_labels(srsly.read_json(file)),
            "template.jinja": lambda file: self._set_template(read_template(file)),
        }
        util.from_disk(path, readers, exclude)
        return self

    def _set_labels(self, labels: dict[str, str]) -> None:
        self._labels = labels

    def _set_template(self, source: str) -> None:
        self._source, self._template = source, None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_template": None}  # a compiled template can't be pickled
