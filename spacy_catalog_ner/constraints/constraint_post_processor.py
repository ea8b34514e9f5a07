"""`constraint_post_processor`: keeps what obeys the rules, drops and counts the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, get_args

import srsly
from spacy import util
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span, SpanGroup

from spacy_catalog_ner.constraints.label_rules import LabelRules
from spacy_catalog_ner.constraints.overlaps import Overlap, ScoredSpan, best_first
from spacy_catalog_ner.constraints.proposals import make_proposals
from spacy_catalog_ner.doc.record import (
    CANDIDATES,
    ENTITIES,
    SELECTED,
    distinct_spans,
    span_key,
    span_scores,
)
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.evaluation.scorers import Scorer

Key = tuple[int, int, str]


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


class ConstraintPostProcessor(Pipe):
    """Checks selected spans against the catalog's candidates, label rules and each other.

    What passes goes to ``doc.spans["entities"]`` with its confidences. ``doc.ents`` gets those of
    it that do not overlap, the longest where overlaps are allowed.

    What does not is counted by kind in ``doc._.catalog_ner["violations"]``: ``duplicate`` spans,
    spans that are no candidate at all (``out_of_catalog``), candidates with another label
    (``wrong_label``), ``overlap`` unless allowed, and ``rule``, which
    ``doc._.catalog_ner["rules"]`` tells apart. The flaws of a written answer, which the LLM's task
    left in ``doc._.catalog_ner["answer"]``, are added to these: also ``malformed``,
    ``unknown_id`` and ``invented``. They move to the ``attrs`` of the group they belong to.

    ``doc._.catalog_ner["proposals"]`` has the mentions that are out of the catalog: ``text``,
    ``label`` and, where they stand in the text, ``start`` and ``end`` in characters.
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
        # Read at first use: a saved pipeline brings its rules, and the path in its config exists
        # only where it was made.
        self._rules_path = None if rules is None else Path(rules)
        self._rules = LabelRules({}) if rules is None else None

    @property
    def rules(self) -> LabelRules:
        """The rules about labels.

        Raises
        ------
        CatalogNERError
            If the configured file is missing or of another shape.
        """
        if self._rules is None:
            assert self._rules_path is not None
            self._rules = LabelRules.read(self._rules_path)
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
        violations = Counter({kind: _count(value) for kind, value in answer.items()})
        outside: list[Span] = []
        spans = _check_membership(doc, group, violations, outside)
        broken: Counter[str] = Counter()
        spans = self._keep_best(spans, violations, broken)
        _write(doc, self.spans_key, spans)
        proposals = make_proposals(doc, outside, answer.get("out_of_catalog") or ())
        _update_record(doc, violations, {"rules": _plain(broken), "proposals": proposals})
        return doc

    def _keep_best(
        self, spans: list[ScoredSpan], violations: Counter[str], broken: Counter[str]
    ) -> list[ScoredSpan]:
        """Accept spans, the best first, that go together with those accepted before."""
        rules = self.rules
        kept: list[ScoredSpan] = []
        accepted: Counter[str] = Counter()
        taken: set[int] = set()
        for span, score in best_first(spans, self.overlap):
            tokens = range(span.start, span.end)
            rule = rules.find_broken(span, score, accepted)
            if rule:
                violations["rule"] += 1
                broken[rule] += 1
            elif self.overlap != "allow" and not taken.isdisjoint(tokens):
                violations["overlap"] += 1
            else:
                kept.append((span, score))
                accepted[span.label_] += 1
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


def _take_answer(doc: Doc, group: SpanGroup) -> dict[str, Any]:
    """Move the flaws of an answer to the group that was made of it, and return them.

    There they are found again when the group is checked once more, and are gone when another
    answer takes its place.
    """
    record = dict(doc._.catalog_ner or {})
    if "answer" in record:
        group.attrs["answer"] = record.pop("answer")
        doc._.catalog_ner = record
    answer: dict[str, Any] = group.attrs.get("answer") or {}
    return answer


def _check_membership(
    doc: Doc, group: SpanGroup, violations: Counter[str], outside: list[Span]
) -> list[ScoredSpan]:
    """Keep each candidate once; spans that are none go to `outside`."""
    candidates: dict[Key, Span] | None = None
    boundaries: set[tuple[int, int]] = set()
    if CANDIDATES in doc.spans:
        candidates = {span_key(span): span for span in distinct_spans(doc.spans[CANDIDATES])}
        boundaries = {(start, end) for start, end, _ in candidates}
    kept: dict[Key, ScoredSpan] = {}
    for span, score in zip(group, span_scores(group), strict=True):
        key = span_key(span)
        if key in kept:
            violations["duplicate"] += 1
        elif candidates is None:
            kept[key] = (span, score)
        elif key in candidates:
            # A model that knows labels only gets the catalog's id, that of the most popular entry.
            kept[key] = (span if span.kb_id else candidates[key], score)
        elif (span.start, span.end) in boundaries:
            violations["wrong_label"] += 1
        else:
            violations["out_of_catalog"] += 1
            outside.append(span)
    return list(kept.values())


def _write(doc: Doc, spans_key: str, spans: list[ScoredSpan]) -> None:
    spans = sorted(spans, key=lambda item: span_key(item[0]))
    result = SpanGroup(doc, name=spans_key, spans=[span for span, _ in spans])
    if any(score is not None for _, score in spans):
        result.attrs["scores"] = [score for _, score in spans]
    doc.spans[spans_key] = result
    doc.set_ents(util.filter_spans([span for span, _ in best_first(spans, "longest")]))


def _update_record(doc: Doc, violations: Counter[str], others: dict[str, Any]) -> None:
    record = {key: value for key, value in (doc._.catalog_ner or {}).items() if key not in others}
    found = {key: value for key, value in others.items() if value}
    doc._.catalog_ner = {**record, "violations": _plain(violations), **found}


def _plain(counts: Counter[str]) -> dict[str, int]:
    return {kind: count for kind, count in sorted(counts.items()) if count}


def _count(value: Any) -> int:
    return value if isinstance(value, int) else len(value)
