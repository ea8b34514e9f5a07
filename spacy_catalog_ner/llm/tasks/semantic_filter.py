"""`spacy_catalog_ner.SemanticFilter.v1`: the spacy-llm task that selects among candidates."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from spacy.tokens import Doc, Span, SpanGroup

from spacy_catalog_ner.doc.record import (
    CANDIDATES,
    SELECTED,
    distinct_spans,
    span_key,
)
from spacy_catalog_ner.errors import CatalogNERError, require_share
from spacy_catalog_ner.llm.prompt import Answer, Reply, Request
from spacy_catalog_ner.llm.tasks.answers import (
    AnswerErrors,
    Judged,
    entities_schema,
    ids_schema,
    parse_copies,
    parse_ids,
    parse_verdicts,
    verdicts_schema,
)
from spacy_catalog_ner.llm.tasks.excerpt import choose_candidates, excerpt
from spacy_catalog_ner.llm.tasks.task import WINDOW, Exemplars, SpanTask
from spacy_catalog_ner.llm.tasks.templates import one_line
from spacy_catalog_ner.llm.tasks.windows import Window, make_windows

ANSWERS = ("verdicts", "ids", "json")
AnswerForm = Literal["verdicts", "ids", "json"]

_WORDS = {"en": ("yes", "no"), "es": ("sí", "no")}


class SemanticFilter(SpanTask):
    """Asks which candidates are right in the text, and selects those.

    The selection is always a subset of the candidates, whatever the text or the answer says.

    Parameters
    ----------
    labels
        A description of each entity type, shown in the prompt, or the path of a YAML file of
        them; none are shown if None.
    threshold
        Lowest confidence of a selected candidate, between 0 and 1. Written answers have no
        confidence: what they choose is selected.
    answer
        What the model is asked for: ``"verdicts"``, yes or no to each candidate, with a
        confidence where the model gives probabilities; ``"ids"``, the numbers of the right
        candidates; ``"json"``, copies of the right candidates as JSON objects.
    k
        Number of retrieved exemplars to show, the most similar first; all if None.
    lang
        Language of the prompt, ``"en"`` or ``"es"``, and of the verdicts: "yes" and "no", or "sí"
        and "no", compared without case and accents.
    template
        Path of a Jinja template to use instead of ``llm/prompts/ANSWER.LANG.v1.jinja``.
    window
        Most tokens of a text per request. A longer text is split into windows around its
        candidates.
    """

    def __init__(
        self,
        labels: dict[str, str] | str | None = None,
        threshold: float = 0.5,
        answer: AnswerForm = "verdicts",
        k: int | None = None,
        lang: str = "en",
        template: str | None = None,
        window: int = WINDOW,
    ) -> None:
        require_share("threshold", threshold)
        if answer not in ANSWERS:
            raise CatalogNERError(f"answer: expected one of {', '.join(ANSWERS)}, got {answer!r}")
        if window < 1:
            raise CatalogNERError(f"window: expected at least 1 token, got {window}")
        super().__init__(answer, labels=labels, k=k, lang=lang, template=template)
        if answer == "verdicts":
            self.blocks = (*self.blocks, "question")
        self.threshold = threshold
        self.answer = answer
        self.words = _WORDS[lang]
        self.window = window

    def _make_windows(self, doc: Doc) -> list[Window]:
        if CANDIDATES not in doc.spans:
            raise CatalogNERError(
                f'llm_semantic_filter found no doc.spans["{CANDIDATES}"]: add'
                ' "catalog_matcher" to the pipeline before it'
            )
        places = [(span.start, span.end) for span in distinct_spans(doc.spans[CANDIDATES])]
        return make_windows(len(doc), places, self.window) if places else []

    def _make_request(self, doc: Doc, window: Window, exemplars: Exemplars) -> Request:
        spans = distinct_spans(doc.spans[CANDIDATES])
        asked = [spans[place] for place in window.candidates]
        candidates = [
            {"number": number, "text": one_line(span.text), "label": one_line(span.label_)}
            for number, span in enumerate(asked, start=1)
        ]
        fill = partial(self._fill, doc, window, exemplars, candidates=candidates)
        labels = {span.label_ for span in asked}
        if self.answer == "json":  # as in the paper, which shows all of an exemplar
            length = sum(len(span.text.encode("utf8")) + len(span.label_) for span in asked)
            size = 16 + 16 * len(asked) + length
            return fill(
                lambda exemplar: excerpt(exemplar, exemplar["candidates"], whole=True),
                schema=entities_schema(),
                max_tokens=size,
            )

        def show(exemplar: dict[str, Any]) -> dict[str, Any]:
            right_first = self.answer == "verdicts"
            return excerpt(exemplar, choose_candidates(exemplar, labels, right_first=right_first))

        if self.answer == "ids":
            return fill(show, schema=ids_schema(len(asked)), max_tokens=16 + 5 * len(asked))
        return fill(
            show,
            questions=tuple(self._render("question", candidate=item) for item in candidates),
            schema=verdicts_schema(len(asked), self.words),
            max_tokens=16 + 10 * len(asked),
            answers=self.words,
        )

    def _annotate(self, doc: Doc, answer: Answer) -> AnswerErrors:
        spans = distinct_spans(doc.spans[CANDIDATES])
        written: Judged = {}
        confidences: dict[int, float] = {}
        errors = AnswerErrors()
        for reply in answer.replies:
            if reply.error:
                continue
            if reply.confidences:
                for place, said in zip(reply.request.candidates, reply.confidences, strict=True):
                    if said is None:
                        errors.malformed += 1
                    else:
                        confidences[place] = said
            else:
                found, wrong = self._parse(reply, spans)
                written.update(found)
                errors.add(wrong)
        chosen = {place for place, is_right in written.items() if is_right}
        chosen.update(p for p, confidence in confidences.items() if confidence >= self.threshold)
        group = SpanGroup(doc, name=SELECTED, spans=[spans[place] for place in sorted(chosen)])
        if chosen <= confidences.keys():
            group.attrs["scores"] = [confidences[place] for place in sorted(chosen)]
        doc.spans[SELECTED] = group
        _write_verdicts(doc.spans[CANDIDATES], spans, written | confidences)
        return errors

    def _parse(self, reply: Reply, spans: list[Span]) -> tuple[Judged, AnswerErrors]:
        places = reply.request.candidates
        if self.answer == "ids":
            return parse_ids(reply.text, places)
        if self.answer == "json":
            return parse_copies(reply.text, places, [(span.text, span.label_) for span in spans])
        return parse_verdicts(reply.text, places, self.words)


def _write_verdicts(group: SpanGroup, spans: list[Span], said: Mapping[int, float]) -> None:
    """Write the verdict on every candidate, from 0 to 1 or None, to the group's ``attrs``."""
    group.attrs.pop("verdicts", None)
    if said:
        by_key = {
            span_key(span): float(said[place]) if place in said else None
            for place, span in enumerate(spans)
        }
        group.attrs["verdicts"] = [by_key[span_key(span)] for span in group]
