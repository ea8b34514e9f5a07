"""How many of the mentions in annotated text a catalog has names for, and at what noise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from itertools import tee
from operator import and_
from typing import Any, NamedTuple

from spacy.language import Language

from spacy_catalog_ner.catalog import Catalog, NoiseControls
from spacy_catalog_ner.doc.record import CANDIDATES
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.matching.catalog_matcher import CatalogMatcher


class Candidate(NamedTuple):
    """What a surface form stands for.

    Attributes
    ----------
    label
        Entity type.
    rules
        Mask of the variant rules without any of which the form would not stand for it.
    by_rules
        Whether it would not with all rules off.
    """

    label: str
    rules: int
    by_rules: bool


@dataclass
class Occurrences:
    """Where the names of a catalog occur in some texts.

    Attributes
    ----------
    texts
        Number of texts.
    annotated
        Whether any of them has annotations.
    forms
        How often each surface form occurs.
    gold_forms
        How often it is what a gold span covers, whatever the span's label.
    mentions
        Number of gold spans by (gold label, the surface form they cover): an empty string where
        the catalog has no name for exactly this span.
    """

    texts: int = 0
    annotated: bool = False
    forms: Counter[str] = field(default_factory=Counter)
    gold_forms: Counter[str] = field(default_factory=Counter)
    mentions: Counter[tuple[str, str]] = field(default_factory=Counter)


def find_occurrences(
    rows: Iterable[dict[str, Any]], catalog: Catalog, nlp: Language
) -> Occurrences:
    """Match texts against a catalog.

    A span counts under the normal form of its own text. Where that differs from what the matcher
    saw, as combining marks between tokens can make it, the span is left out.

    Parameters
    ----------
    rows
        Rows with ``text``, and ``spans`` where they are annotated.
    catalog
        A catalog on disk.
    nlp
        Its tokenizer is used, and no component.

    Raises
    ------
    CatalogNERError
        If the catalog lives in memory.
    """
    if catalog.path is None:
        raise CatalogNERError("a catalog in memory cannot be matched: write it with to_disk first")
    # What a span stands for is looked up below, once for each form: one candidate a span will do.
    matcher = CatalogMatcher(catalog=catalog.path, controls=NoiseControls(max_per_span=1))
    found = Occurrences()
    rows, texts = tee(rows)
    docs = matcher.pipe(nlp.tokenizer(row["text"]) for row in texts)
    for row, doc in zip(rows, docs, strict=True):
        forms = {}
        for span in doc.spans[CANDIDATES]:
            form = catalog.normalize(span.text)
            if catalog.numbers(form):
                forms[span.start_char, span.end_char] = form
        found.texts += 1
        found.annotated |= "spans" in row
        found.forms.update(forms.values())
        gold = {(span["start"], span["end"], span["label"]) for span in row.get("spans", ())}
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
    rows: Iterable[dict[str, Any]],
    catalog: Catalog,
    nlp: Language,
    labels: Mapping[str, Collection[str]] | None = None,
) -> dict[str, Any]:
    """Measure which gold mentions a catalog has names for, and how many candidates come with them.

    A mention is covered if a candidate has its exact span and, where `labels` are given, one of the
    labels of its label. Its coverage is the ceiling of what can be selected; the candidates per
    text are the noise to select from.

    A candidate depends on a rule if the rule is among those that made the form, for every name
    that the form was made of. Where several ways lead from a name to a form, a compiled catalog
    knows one of them, so that what is said to be lost without a rule is at most a little too much.

    Parameters
    ----------
    rows
        Annotated rows, as `spacy_catalog_ner.io.annotated.read_annotated` yields them.
    catalog
        A catalog on disk.
    nlp
        Its tokenizer is used, and no component.
    labels
        By gold label the labels of the catalog that are right for it. Gold spans of other labels
        are left out; candidates of other labels stay, being noise as others are. With None every
        gold span counts, and every candidate of its span is right.

    Returns
    -------
    dict
        ``texts``, ``mentions``, ``covered``, ``coverage``, ``candidates_per_text``; ``per_label``
        with the same for each gold label (its candidates are those of its labels, None without
        `labels`); ``without_rule``: for each variant rule what switching it off would lose; and
        ``without_rules``, the figures with all of them off.

    Raises
    ------
    CatalogNERError
        If the catalog lives in memory.
    """
    found = find_occurrences(rows, catalog, nlp)
    candidates = {form: candidates_of(catalog, form) for form in found.forms}
    bits = {rule: 1 << number for number, rule in enumerate(catalog.rules)}
    noise: Counter[str] = Counter()  # candidates by label
    made = 0  # candidates that are there by rules only
    lost: Counter[str] = Counter()  # candidates by the rule they depend on
    for form, count in found.forms.items():
        for candidate in candidates[form]:
            noise[candidate.label] += count
            made += count * candidate.by_rules
            lost.update({rule: count for rule, bit in bits.items() if candidate.rules & bit})
    mentions: Counter[str] = Counter()  # by gold label
    covered: Counter[str] = Counter()
    made_mentions = 0
    lost_mentions: Counter[str] = Counter()
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
            made_mentions += count * all(candidate.by_rules for candidate in right)
            needed = reduce(and_, (candidate.rules for candidate in right))
            lost_mentions.update({rule: count for rule, bit in bits.items() if needed & bit})
    texts, total = found.texts, mentions.total()
    return {
        "texts": texts,
        "mentions": total,
        "covered": covered.total(),
        "coverage": _share(covered.total(), total),
        "candidates_per_text": _share(noise.total(), texts),
        "per_label": {
            label: {
                "mentions": mentions[label],
                "covered": covered[label],
                "coverage": _share(covered[label], mentions[label]),
                "candidates_per_text": None
                if labels is None
                else _share(sum(noise[name] for name in set(labels[label])), texts),
            }
            for label in sorted(mentions if labels is None else labels)
        },
        "without_rule": {
            rule: {
                "mentions_lost": lost_mentions[rule],
                "coverage_lost": _share(lost_mentions[rule], total),
                "candidates_per_text_lost": _share(lost[rule], texts),
            }
            for rule in bits
        },
        "without_rules": {
            "coverage": _share(covered.total() - made_mentions, total),
            "candidates_per_text": _share(noise.total() - made, texts),
        },
    }


def _share(part: int, whole: int) -> float:
    """Return how much there is of one thing for each of another, 0 where there is none."""
    return round(part / whole, 4) if whole else 0.0
