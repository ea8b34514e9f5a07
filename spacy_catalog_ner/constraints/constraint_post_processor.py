"""`constraint_post_processor`: keeps what obeys the rules, drops and counts the rest."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import srsly
from spacy import util
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span, SpanGroup

from spacy_catalog_ner.constraints.label_rules import LabelRules
from spacy_catalog_ner.doc.mentions import find_mentions
from spacy_catalog_ner.doc.record import (
    CANDIDATES,
    ENTITIES,
    SELECTED,
    char_key,
    distinct_spans,
    span_key,
    span_scores,
)
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.evaluation.scorers import Scorer

Overlap = Literal["allow", "longest", "confident"]

ScoredSpan = tuple[Span, float | None]
"""A span with its confidence, None where there is none."""


_UNWEIGHTED = ("p", "r", "macro_f", "boundary_f", "type_accuracy")


@Language.factory(
    "constraint_post_processor",
    assigns=["doc.spans", "doc.ents", "doc._.catalog_ner"],
    requires=["doc.spans"],
    default_config={
        "source": SELECTED,
        "spans_key": ENTITIES,
        "overlap": "confident",
        "rules": None,
        "scorer": {"@scorers": "spacy_catalog_ner.entities_scorer.v1", "spans_key": ENTITIES},
    },
    default_score_weights={
        f"spans_{ENTITIES}_f": 1.0,
        **{f"spans_{ENTITIES}_{name}": 0.0 for name in _UNWEIGHTED},
        f"spans_{ENTITIES}_per_type": None,
        **dict.fromkeys(("ents_p", "ents_r", "ents_f", "ents_per_type")),
    },
)
def make_constraint_post_processor(
    nlp: Language,
    name: str,
    source: str,
    spans_key: str,
    overlap: Overlap,
    rules: str | None,
    scorer: Scorer | None,
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
        confidence, of equally confident ones the longer; ``"longest"`` the longer one, of equally
        long ones the more confident; ``"allow"`` all of them. What is then still equal: the
        first.
    rules
        Path of a YAML or JSON file of rules about labels: see
        `spacy_catalog_ner.constraints.label_rules.LabelRules`.
    scorer
        Scores the result.
    """
    return ConstraintPostProcessor(
        name, source=source, spans_key=spans_key, overlap=overlap, rules=rules, scorer=scorer
    )


@dataclass
class _Findings:
    """The spans of a Doc that are dropped: by kind, by label rule, and outside the catalog."""

    violations: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    outside: list[Span] = field(default_factory=list)


class ConstraintPostProcessor(Pipe):
    """Checks selected spans against the catalog's candidates, label rules and each other.

    Spans that pass go to ``doc.spans["entities"]`` with their confidences. ``doc.ents`` gets those
    that do not overlap, the longest first where overlaps are allowed.

    Spans that do not are counted by kind in ``doc._.catalog_ner["violations"]``: ``duplicate``
    spans, spans that are no candidate at all (``out_of_catalog``), candidates with another label
    (``wrong_label``), ``overlap`` unless allowed, and ``rule``, which
    ``doc._.catalog_ner["rules"]`` breaks down. The faults of a written answer, which the LLM's
    task left in ``doc._.catalog_ner["answer"]``, are added: also ``malformed``, ``unknown_id`` and
    ``invented``. They move to the ``attrs`` of the group they belong to.

    ``doc._.catalog_ner["proposals"]`` has the mentions that are out of the catalog: ``text``,
    ``label`` and, where the text has them, ``start`` and ``end`` in characters.
    """

    def __init__(
        self,
        name: str = "constraint_post_processor",
        *,
        source: str = SELECTED,
        spans_key: str = ENTITIES,
        overlap: Overlap = "confident",
        rules: str | Path | None = None,
        scorer: Callable[..., dict[str, Any]] | None = None,
    ) -> None:
        if overlap not in get_args(Overlap):
            raise CatalogNERError(
                f"overlap: expected one of {', '.join(get_args(Overlap))}, got {overlap!r}"
            )
        self.name = name
        self.source = source
        self.spans_key = spans_key
        self.overlap = overlap
        self.scorer = scorer
        # Not read yet: a saved pipeline brings its rules, and its config names a path elsewhere.
        self._rules_path = rules
        self._rules: LabelRules | None = None

    @property
    def rules(self) -> LabelRules:
        """The rules about labels, read from the configured file at first use."""
        if self._rules is None:
            path = self._rules_path
            self._rules = LabelRules({}) if path is None else LabelRules.read(path)
        return self._rules

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
        answer = _take_answer(doc, group)
        counts = {key: v if isinstance(v, int) else len(v) for key, v in answer.items()}
        found = _Findings(Counter(counts))
        spans = self._keep_best(_check_membership(doc, group, found), found)
        _write(doc, self.spans_key, spans)
        proposals = _make_proposals(doc, found.outside, answer.get("out_of_catalog") or ())
        record = doc._.catalog_ner or {}
        record = {key: record[key] for key in record if key not in ("rules", "proposals")}
        record["violations"] = _plain(found.violations)
        if found.rules:
            record["rules"] = _plain(found.rules)
        if proposals:
            record["proposals"] = proposals
        doc._.catalog_ner = record
        return doc

    def _keep_best(self, spans: list[ScoredSpan], found: _Findings) -> list[ScoredSpan]:
        """Keep spans, the best first, that are compatible with those kept before."""
        rules = self.rules
        kept: list[ScoredSpan] = []
        labels: Counter[str] = Counter()
        taken: set[int] = set()
        for span, score in best_first(spans, self.overlap):
            tokens = range(span.start, span.end)
            rule = rules.find_broken(span, score, labels)
            if rule:
                found.violations["rule"] += 1
                found.rules[rule] += 1
            elif self.overlap != "allow" and not taken.isdisjoint(tokens):
                found.violations["overlap"] += 1
            else:
                kept.append((span, score))
                labels[span.label_] += 1
                taken.update(tokens)
        return kept

    def score(self, examples: Iterable[Any], **kwargs: Any) -> dict[str, Any]:
        """Score the entities against the gold ones."""
        return {} if self.scorer is None else self.scorer(examples, **kwargs)

    # All settings but the contents of the rules file are in the pipeline's config.
    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialise the rules."""
        return bytes(util.to_bytes({"rules": self.rules.to_dict}, exclude))

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> ConstraintPostProcessor:
        """Load what `to_bytes` gave."""
        util.from_bytes(data, {"rules": self._set_rules}, exclude)
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the rules to a folder."""
        rules = self.rules.to_dict()
        util.to_disk(path, {"rules.json": lambda file: srsly.write_json(file, rules)}, exclude)

    def from_disk(
        self, path: str | Path, *, exclude: Iterable[str] = ()
    ) -> ConstraintPostProcessor:
        """Load what `to_disk` wrote."""
        readers = {"rules.json": lambda file: self._set_rules(srsly.read_json(file))}
        util.from_disk(path, readers, exclude)
        return self

    def _set_rules(self, data: dict[str, Any]) -> None:
        self._rules = LabelRules(data)


def best_first(spans: Iterable[ScoredSpan], policy: Overlap) -> list[ScoredSpan]:
    """Sort spans so that the better of any two comes first; no confidence is the lowest.

    ``"longest"``: the longer one, and of equally long ones the more confident; else the more
    confident, and of equally confident ones the longer. Ties are in reading order, and by label.
    """

    def rank(item: ScoredSpan) -> tuple[float, float, int, str]:
        span, score = item
        length, confidence = span.end - span.start, score or 0.0
        first, second = (length, confidence) if policy == "longest" else (confidence, length)
        return -first, -second, span.start, span.label_

    return sorted(spans, key=rank)


def _take_answer(doc: Doc, group: SpanGroup) -> dict[str, Any]:
    """Move the faults of an answer to the group that was made of it, and return them.

    They are found there when the group is checked once more, and are gone with the next answer.
    """
    record = dict(doc._.catalog_ner or {})
    if "answer" in record:
        group.attrs["answer"] = record.pop("answer")
        doc._.catalog_ner = record
    answer: dict[str, Any] = group.attrs.get("answer") or {}
    return answer


def _check_membership(doc: Doc, group: SpanGroup, found: _Findings) -> list[ScoredSpan]:
    """Keep the spans that are candidates, each once."""
    candidates: dict[tuple[int, int, str], Span] | None = None
    boundaries: set[tuple[int, int]] = set()
    if CANDIDATES in doc.spans:
        candidates = {span_key(span): span for span in distinct_spans(doc.spans[CANDIDATES])}
        boundaries = {(start, end) for start, end, _ in candidates}
    kept: dict[tuple[int, int, str], ScoredSpan] = {}
    for span, score in zip(group, span_scores(group), strict=True):
        key = span_key(span)
        if key in kept:
            found.violations["duplicate"] += 1
        elif candidates is None:
            kept[key] = (span, score)
        elif key in candidates:
            # A model that knows labels only gets the catalog's id, that of the most popular entry.
            kept[key] = (span if span.kb_id else candidates[key], score)
        elif (span.start, span.end) in boundaries:
            found.violations["wrong_label"] += 1
        else:
            found.violations["out_of_catalog"] += 1
            found.outside.append(span)
    return list(kept.values())


def _write(doc: Doc, spans_key: str, spans: list[ScoredSpan]) -> None:
    spans = sorted(spans, key=lambda item: span_key(item[0]))
    result = SpanGroup(doc, name=spans_key, spans=[span for span, _ in spans])
    if any(score is not None for _, score in spans):
        # None is no value for those who read an array of floats
        result.attrs["scores"] = [math.nan if score is None else score for _, score in spans]
    doc.spans[spans_key] = result
    doc.set_ents(util.filter_spans([span for span, _ in best_first(spans, "longest")]))


def _make_proposals(
    doc: Doc, spans: Iterable[Span], names: Iterable[Mapping[str, str]]
) -> list[dict[str, Any]]:
    """Return each mention outside the catalog once, in reading order.

    Names are what an answer gave without a place. They are looked for in the text, in whatever
    case; those that it does not have come last, without ``start`` and ``end``.
    """
    placed = {char_key(span): span.text for span in spans}
    nowhere: dict[tuple[str, str], None] = {}
    for name in names:
        text, label = name["text"], name["label"]
        mentions = find_mentions(doc, text, label)
        placed |= {char_key(span): span.text for span in mentions}
        if not mentions:
            nowhere[text, label] = None
    proposals: list[dict[str, Any]] = [
        {"text": text, "label": label, "start": start, "end": end}
        for (start, end, label), text in sorted(placed.items())
    ]
    return proposals + [{"text": text, "label": label} for text, label in nowhere]


def _plain(counts: Counter[str]) -> dict[str, int]:
    return {kind: count for kind, count in sorted(counts.items()) if count}
