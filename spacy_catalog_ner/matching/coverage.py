"""How many of the mentions in annotated text a catalog has names for, and at what noise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from itertools import tee
from operator import and_
from typing import Any, NamedTuple

import msgspec
from spacy.language import Language

from spacy_catalog_ner.catalog import Catalog, NoiseControls
from spacy_catalog_ner.doc.record import CANDIDATES
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.row import Row
from spacy_catalog_ner.matching.catalog_matcher import CatalogMatcher


class LabelCoverage(msgspec.Struct):
    """Gold mentions of a label; `candidates_per_text` is None if no labels were matched up."""

    mentions: int
    covered: int
    coverage: float
    candidates_per_text: float | None


class RuleLoss(msgspec.Struct):
    """What a catalog would lose without a variant rule."""

    mentions_lost: int
    coverage_lost: float
    candidates_per_text_lost: float


class PlainCoverage(msgspec.Struct):
    """What a catalog would cover without any variant rule."""

    coverage: float
    candidates_per_text: float


class Coverage(msgspec.Struct):
    """What `measure_coverage` measures: of all mentions, of each gold label, without rules."""

    texts: int
    mentions: int
    covered: int
    coverage: float
    candidates_per_text: float
    per_label: dict[str, LabelCoverage]
    without_rule: dict[str, RuleLoss]
    without_rules: PlainCoverage


class Candidate(NamedTuple):
    """What a surface form stands for, and the variant rules without which it would be gone."""

    label: str
    rules: int  # mask of those each of which it depends on
    by_rules: bool  # whether it would be gone with all rules off


@dataclass
class Occurrences:
    """Where the names of a catalog occur in some texts."""

    texts: int = 0
    annotated: bool = False  # whether any of them is
    forms: Counter[str] = field(default_factory=Counter)
    gold_forms: Counter[str] = field(default_factory=Counter)
    """Of these, how many are what a gold span covers, whatever its label."""
    mentions: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Gold spans by label and surface form, which is empty if no name has exactly this span."""


def find_occurrences(
    rows: Iterable[Row | Mapping[str, Any]], catalog: Catalog, nlp: Language
) -> Occurrences:
    """Match texts against a catalog.

    A span counts under the normal form of its own text. Where that differs from what the matcher
    saw, as combining marks between tokens can make it, the span is left out.

    Parameters and errors are those of `measure_coverage`; rows need no annotations.
    """
    if catalog.path is None:
        raise CatalogNERError("a catalog in memory cannot be matched: write it with to_disk first")
    # What a span stands for is looked up later, once for each form: one candidate a span will do.
    matcher = CatalogMatcher(catalog=catalog.path, controls=NoiseControls(max_per_span=1))
    found = Occurrences()
    one, two = tee(map(Row.from_dict, rows))
    docs = matcher.pipe(nlp.tokenizer(row.text) for row in one)
    for row, doc in zip(two, docs, strict=True):
        forms = {}
        for span in doc.spans[CANDIDATES]:
            form = catalog.normalize(span.text)
            if catalog.numbers(form):
                forms[span.start_char, span.end_char] = form
        found.texts += 1
        found.annotated |= row.spans is not None
        found.forms.update(forms.values())
        gold = {span.key for span in row.spans or ()}
        found.mentions.update((label, forms.get((start, end), "")) for start, end, label in gold)
        offsets = {(start, end) for start, end, _ in gold}
        found.gold_forms.update(form for place, form in forms.items() if place in offsets)
    return found


def candidates_of(catalog: Catalog, form: str) -> list[Candidate]:
    """Return what the matcher takes a surface form for: one candidate for each label and id."""
    masks: dict[tuple[str, str], list[int]] = {}
    for number, mask in catalog.numbers(form):
        masks.setdefault(catalog.label_and_id(number), []).append(mask)
    return [
        Candidate(label, reduce(and_, group), 0 not in group) for (label, _), group in masks.items()
    ]


def measure_coverage(
    rows: Iterable[Row | Mapping[str, Any]],
    catalog: Catalog,
    nlp: Language,
    labels: Mapping[str, Collection[str]] | None = None,
) -> Coverage:
    """Measure which gold mentions a catalog has names for, and how many candidates come with them.

    A mention is covered if a candidate has its exact span and, where `labels` are given, one of the
    labels that are right for it. Coverage is the ceiling of what can be selected; the candidates
    per text are the noise to select from.

    A candidate depends on a rule if every name that gives the form needs the rule for it. Where
    several ways lead from a name to a form, a compiled catalog knows one of them, so that the loss
    without a rule may be a little overstated.

    Parameters
    ----------
    rows
        Annotated rows.
    catalog
        A catalog on disk.
    nlp
        Its tokenizer is used, and no component.
    labels
        For each gold label, the labels of the catalog that are right for it. Gold spans of other
        labels are left out; candidates of other labels count as noise. With None every gold span
        counts, and every candidate of its span is right.

    Raises
    ------
    CatalogNERError
        If the catalog lives in memory.
    """
    found = find_occurrences(rows, catalog, nlp)
    candidates = {form: candidates_of(catalog, form) for form in found.forms}
    noise: Counter[str] = Counter()  # candidates by label
    noise_by_rules: _ByRules = Counter()
    for form, count in found.forms.items():
        for candidate in candidates[form]:
            noise[candidate.label] += count
            noise_by_rules[candidate.rules, candidate.by_rules] += count
    mentions: Counter[str] = Counter()  # by gold label
    covered: Counter[str] = Counter()
    covered_by_rules: _ByRules = Counter()
    for (label, form), count in found.mentions.items():
        if labels is not None and label not in labels:
            continue
        mentions[label] += count
        right = [
            candidate
            for candidate in candidates.get(form, ())
            if labels is None or candidate.label in labels[label]
        ]
        if right:
            covered[label] += count
            needed = reduce(and_, (candidate.rules for candidate in right))
            covered_by_rules[needed, all(candidate.by_rules for candidate in right)] += count
    texts, total = found.texts, mentions.total()
    without_rule = {}
    for number, rule in enumerate(catalog.rules):
        lost, lost_noise = (
            sum(count for (rules, _), count in counts.items() if rules >> number & 1)
            for counts in (covered_by_rules, noise_by_rules)
        )
        without_rule[rule] = RuleLoss(lost, share(lost, total), share(lost_noise, texts))
    plain, plain_noise = (
        sum(count for (_, by_rules), count in counts.items() if not by_rules)
        for counts in (covered_by_rules, noise_by_rules)
    )
    per_label = {}
    for label in sorted(mentions if labels is None else labels):
        per_text = None
        if labels is not None:
            per_text = share(sum(noise[name] for name in set(labels[label])), texts)
        part = share(covered[label], mentions[label])
        per_label[label] = LabelCoverage(mentions[label], covered[label], part, per_text)
    return Coverage(
        texts=texts,
        mentions=total,
        covered=covered.total(),
        coverage=share(covered.total(), total),
        candidates_per_text=share(noise.total(), texts),
        per_label=per_label,
        without_rule=without_rule,
        without_rules=PlainCoverage(share(plain, total), share(plain_noise, texts)),
    )


_ByRules = Counter[tuple[int, bool]]  # counts by `rules` and `by_rules` of candidates


def share(part: float, whole: int, digits: int = 4) -> float:
    """Return the rounded quotient, 0 where there is nothing to divide by."""
    return round(part / whole, digits) if whole else 0.0
