"""What the tests of the LLM tasks share: documents with candidates, and models that say a thing."""

from __future__ import annotations

from typing import Any, Iterable  # noqa: UP035  (spacy-llm compares annotations with typing's)

from conftest import ENTRIES
from matching import blank
from spacy.tokens import Doc

from spacy_catalog_ner.llm.prompt import Answer, Prompt, Reply, Usage
from spacy_catalog_ner.llm.tasks.task import SpanTask
from spacy_catalog_ner.matching.catalog_matcher import CatalogMatcher


class Says:
    """A model that gives each request the same written answer, or what a function gives for it."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.requests: list[Any] = []

    def __call__(self, prompts: Iterable[Iterable[Any]]) -> Iterable[Iterable[Any]]:
        for group in prompts:
            yield [Answer(tuple(self._reply(r) for r in prompt.requests)) for prompt in group]

    def _reply(self, request: Any) -> Reply:
        self.requests.append(request)
        answer = self.answer(request) if callable(self.answer) else self.answer
        if isinstance(answer, Reply):
            return answer
        return Reply(request, text=answer, usage=Usage(prompt_tokens=10, calls=1))


class SaysString:
    """A model as spacy-llm has them: it reads the prompt as a string and answers with one."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.prompts: list[str] = []

    def __call__(self, prompts: Iterable[Iterable[Any]]) -> Iterable[Iterable[Any]]:
        for group in prompts:
            group = list(group)
            self.prompts += [str.__str__(prompt) for prompt in group]
            yield [self.answer for _ in group]


def find_candidates(text: str, exemplars: Iterable[dict] = (), entries: Any = ENTRIES) -> Doc:
    """Return a document with its candidates and exemplars."""
    matcher = CatalogMatcher()
    matcher.add_entries(entries)
    doc = matcher(blank().make_doc(text))
    doc._.exemplars = list(exemplars)
    return doc


def exemplar(text: str, *items: tuple[str, str, bool]) -> dict[str, Any]:
    """Return an exemplar whose candidates are given by name, label and whether they are right."""
    candidates = [
        {
            "start": text.index(name),
            "end": text.index(name) + len(name),
            "text": name,
            "label": label,
        }
        for name, label, _ in items
    ]
    selected = [c for c, (_, _, right) in zip(candidates, items, strict=True) if right]
    return {"text": text, "candidates": candidates, "selected": selected, "score": 0.9}


def ask(task: SpanTask, doc: Doc) -> Prompt:
    """Return what the task asks about a document."""
    (prompt,) = task.generate_prompts([doc])
    return prompt


def answer(task: SpanTask, doc: Doc, model: Any) -> Doc:
    """Ask a model and write down its answer, as spacy-llm does."""
    prompts = [[prompt] for prompt in task.generate_prompts([doc])]
    (doc,) = task.parse_responses([doc], model(prompts))
    return doc


def keys(spans: Iterable[Any]) -> list[tuple[str, str]]:
    """Return text and label of spans."""
    return [(span.text, span.label_) for span in spans]
