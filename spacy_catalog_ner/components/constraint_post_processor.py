"""`constraint_post_processor`: keeps what obeys the rules, drops and counts the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span, SpanGroup

from spacy_catalog_ner.components.doc_record import (
    CANDIDATES,
    ENTITIES,
    SELECTED,
    span_key,
    span_scores,
    update_record,
)
from spacy_catalog_ner.components.scoring import Scorer
from spacy_catalog_ner.errors import CatalogNERError

OVERLAPS = ("allow", "longest", "confident")
Overlap = Literal["allow", "longest", "confident"]


@Language.factory(
    "constraint_post_processor",
    assigns=["doc.spans", "doc.ents", "doc._.catalog_ner"],
    requires=["doc.spans"],
    default_config={
        "source": SELECTED,
        "spans_key": ENTITIES,
        "overlap": "confident",
        "scorer": {"@scorers": "spacy_catalog_ner.entities_scorer.v1", "spans_key": ENTITIES},
    },
    default_score_weights={
        f"spans_{ENTITIES}_p": 0.0,
        f"spans_{ENTITIES}_r": 0.0,
        f"spans_{ENTITIES}_f": 1.0,
        f"spans_{ENTITIES}_macro_f": 0.0,
        f"spans_{ENTITIES}_boundary_f": 0.0,
        f"spans_{ENTITIES}_type_accuracy": 0.0,
        f"spans_{ENTITIES}_per_type": None,
        "ents_p": None,
        "ents_r": None,
        "ents_f": None,
        "ents_per_type": None,
    },
)
def make_constraint_post_processor(
    nlp: Language, name: str, source: str, spans_key: str, overlap: Overlap, scorer: Scorer | None
) -> ConstraintPostProcessor:
    """Make the component that ``nlp.add_pipe("constraint_post_processor")`` adds.

    Parameters
    ----------
    source
        The group of ``doc.spans`` to check; ``"candidates"`` accepts every candidate.
    spans_key
        The group of ``doc.spans`` to write.
    overlap
        What to do with overlapping spans: ``"confident"`` keeps the one with the higher
        confidence (the longer one where there are no confidences), ``"longest"`` the longer one,
        ``"allow"`` all of them.
    scorer
        Scores the result.
    """
    return ConstraintPostProcessor(
        name, source=source, spans_key=spans_key, overlap=overlap, scorer=scorer
    )


class ConstraintPostProcessor(Pipe):
    """Checks selected spans against the catalog's candidates and against each other.

    Dropped and counted by kind in ``doc._.catalog_ner["violations"]``: ``duplicate`` spans,
    spans that are no candidate at all (``out_of_catalog``), candidates with another label
    (``wrong_label``) and, unless allowed, ``overlap``. What passes goes to
    ``doc.spans["entities"]`` with its confidences; ``doc.ents`` gets its non-overlapping view.
    """

    def __init__(
        self,
        name: str = "constraint_post_processor",
        *,
        source: str = SELECTED,
        spans_key: str = ENTITIES,
        overlap: Overlap = "confident",
        scorer: Callable[..., dict[str, Any]] | None = None,
    ) -> None:
        if overlap not in OVERLAPS:
            raise CatalogNERError(
                f"overlap: expected one of {', '.join(OVERLAPS)}, got {overlap!r}"
            )
        self.name = name
        self.source = source
        self.spans_key = spans_key
        self.overlap = overlap
        self.scorer = scorer

    def __call__(self, doc: Doc) -> Doc:
        """Write the spans of `doc` that obey the rules."""
        if self.source not in doc.spans:
            raise CatalogNERError(
                f'{self.name} found no doc.spans["{self.source}"]: add a component that writes it'
                ' before this one ("llm_semantic_filter", or a "spancat" with'
                f' spans_key = "{self.source}"), or set source = "{CANDIDATES}" to accept every'
                " candidate"
            )
        group = doc.spans[self.source]
        scores = span_scores(group)
        violations: Counter[str] = Counter()
        spans = self._check_membership(doc, list(zip(group, scores, strict=True)), violations)
        flat = _without_overlaps(spans, by_score=self.overlap == "confident")
        if self.overlap != "allow":
            violations["overlap"] += len(spans) - len(flat)
            spans = flat
        spans.sort(key=lambda item: span_key(item[0]))
        result = SpanGroup(doc, name=self.spans_key, spans=[span for span, _ in spans])
        if any(score is not None for _, score in spans):
            result.attrs["scores"] = [score for _, score in spans]
        doc.spans[self.spans_key] = result
        doc.set_ents(sorted((span for span, _ in flat), key=lambda span: span.start))
        update_record(doc, violations={kind: n for kind, n in sorted(violations.items()) if n})
        return doc

    @staticmethod
    def _check_membership(
        doc: Doc, spans: list[tuple[Span, float | None]], violations: Counter[str]
    ) -> list[tuple[Span, float | None]]:
        candidates: dict[tuple[int, int, str], Span] | None = None
        if CANDIDATES in doc.spans:
            candidates = {}
            for candidate in doc.spans[CANDIDATES]:  # the most popular id of a label comes first
                candidates.setdefault(span_key(candidate), candidate)
            boundaries = {(start, end) for start, end, _ in candidates}
        kept: dict[tuple[int, int, str], tuple[Span, float | None]] = {}
        for span, score in spans:
            key = span_key(span)
            if key in kept:
                violations["duplicate"] += 1
            elif candidates is None:
                kept[key] = (span, score)
            elif key in candidates:
                # A model that knows labels only gets the catalog's id.
                kept[key] = (span if span.kb_id else candidates[key], score)
            elif (span.start, span.end) in boundaries:
                violations["wrong_label"] += 1
            else:
                violations["out_of_catalog"] += 1
        return list(kept.values())

    def score(self, examples: Iterable[Any], **kwargs: Any) -> dict[str, Any]:
        """Score the entities against the gold ones."""
        return {} if self.scorer is None else self.scorer(examples, **kwargs)

    # All settings are in the config, there is nothing else to store.
    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Return no bytes: all settings are in the pipeline's config."""
        return b""

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> ConstraintPostProcessor:
        """Do nothing: all settings are in the pipeline's config."""
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write nothing: all settings are in the pipeline's config."""

    def from_disk(
        self, path: str | Path, *, exclude: Iterable[str] = ()
    ) -> ConstraintPostProcessor:
        """Do nothing: all settings are in the pipeline's config."""
        return self


def _without_overlaps(
    spans: list[tuple[Span, float | None]], *, by_score: bool
) -> list[tuple[Span, float | None]]:
    """Keep the best spans so that no two share a token; ties go to the longer, then the first."""

    def rank(item: tuple[Span, float | None]) -> tuple[float, int, int, str]:
        span, score = item
        confidence = score if by_score and score is not None else 0.0
        return -confidence, -(span.end - span.start), span.start, span.label_

    taken: set[int] = set()
    kept = []
    for span, score in sorted(spans, key=rank):
        tokens = range(span.start, span.end)
        if taken.isdisjoint(tokens):
            taken.update(tokens)
            kept.append((span, score))
    return kept
