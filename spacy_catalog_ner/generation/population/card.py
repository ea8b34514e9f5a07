"""The data card of annotated sets: what is in them, how it was made, and whether it is sound."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from itertools import combinations
from typing import Any

from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.generation.population.diversity import measure_diversity
from spacy_catalog_ner.generation.population.names import name_key
from spacy_catalog_ner.generation.population.row_checks import Tokenize
from spacy_catalog_ner.io.annotated import check_span

FORMAT_VERSION = 1
NOT_ON_TOKENS = "span not on token boundaries"

Row = Mapping[str, Any]


def make_card(
    splits: Mapping[str, Iterable[Row]], labels: Collection[str], lang: str, tokenize: Tokenize
) -> dict[str, Any]:
    """Describe annotated sets as figures.

    Parameters
    ----------
    splits
        Rows ``{"text", "spans"}`` of each set, with ``lang`` and ``meta`` where they have them.
        Their spans need not be sound.
    labels
        The labels known.
    lang
        Language of rows that name none.
    tokenize
        Gives (start, end) of the tokens of a text.

    Returns
    -------
    dict
        ``languages``: of each the figures of Table 4 of Ghonim, Roberto and Bernardi (EACL 2026),
        utterances, patterns, average length in words, entity types and entities per utterance, and
        the utterances without any; ``splits``: the same of each set; ``labels``: mentions and
        distinct names of each, whatever their case and punctuation; ``diversity``, as
        `measure_diversity` says; ``overlap`` of each two sets: texts, names and patterns they
        share; ``made``: how many rows name each source, form and noise; ``validation``: rows and
        spans checked, and problems by kind.
    """
    counted = {name: _SplitCounts(rows, labels, lang, tokenize) for name, rows in splits.items()}
    by_lang: defaultdict[str, list[_Figures]] = defaultdict(list)
    for split in counted.values():
        for code, figures in split.languages.items():
            by_lang[code].append(figures)
    texts = [text for split in counted.values() for text in split.texts]
    return {
        "format_version": FORMAT_VERSION,
        "languages": {
            code: _Figures.together(parts).to_row() for code, parts in sorted(by_lang.items())
        },
        "splits": {
            name: _Figures.together(split.languages.values()).to_row()
            for name, split in counted.items()
        },
        "labels": _count_labels(counted),
        "diversity": measure_diversity(texts),
        "overlap": {
            f"{one} and {other}": counted[one].shared_with(counted[other])
            for one, other in combinations(counted, 2)
        },
        "made": {
            kind: dict(sorted(sum((s.made[kind] for s in counted.values()), Counter()).items()))
            for kind in ("source", "form", "noise")
        },
        "validation": {
            "rows": len(texts),
            "spans": sum(split.spans for split in counted.values()),
            "problems": dict(sum((s.problems for s in counted.values()), Counter())),
        },
    }


class _Figures:
    """What is counted of some rows of one language."""

    def __init__(self) -> None:
        self.utterances = self.words = self.entities = self.without_entity = 0
        self.patterns: set[str] = set()
        self.labels: set[str] = set()

    def add(self, text: str, labels: list[str], pattern: str | None) -> None:
        self.utterances += 1
        self.words += len(text.split())
        self.entities += len(labels)
        self.without_entity += not labels
        self.labels.update(labels)
        if pattern is not None:
            self.patterns.add(pattern)

    @classmethod
    def together(cls, parts: Iterable[_Figures]) -> _Figures:
        whole = cls()
        for part in parts:
            whole.utterances += part.utterances
            whole.words += part.words
            whole.entities += part.entities
            whole.without_entity += part.without_entity
            whole.patterns |= part.patterns
            whole.labels |= part.labels
        return whole

    def to_row(self) -> dict[str, Any]:
        count = max(self.utterances, 1)
        return {
            "utterances": self.utterances,
            "patterns": len(self.patterns),
            "average_length": round(self.words / count, 2),
            "entity_types": len(self.labels),
            "entities": self.entities,
            "entities_per_utterance": round(self.entities / count, 2),
            "without_entity": self.without_entity,
        }


class _SplitCounts:
    """What is counted of one set, in one go over its rows."""

    def __init__(
        self, rows: Iterable[Row], labels: Collection[str], lang: str, tokenize: Tokenize
    ) -> None:
        self.languages: defaultdict[str, _Figures] = defaultdict(_Figures)
        self.texts: list[str] = []
        self.names: defaultdict[str, Counter[str]] = defaultdict(Counter)  # by label
        self.made: dict[str, Counter[str]] = {
            kind: Counter() for kind in ("source", "form", "noise")
        }
        self.problems: Counter[str] = Counter()
        self.spans = 0
        known = set(labels)
        for row in rows:
            text = row["text"]
            self.texts.append(text)
            good = self._check(row, known, tokenize)
            for span in good:
                self.names[span["label"]][name_key(text[span["start"] : span["end"]], lang)] += 1
            meta = row.get("meta")
            meta = meta if isinstance(meta, dict) else {}
            pattern = meta.get("pattern")
            self.languages[str(row.get("lang") or lang)].add(
                text,
                [span["label"] for span in good],
                pattern if isinstance(pattern, str) else None,
            )
            self._count_made(meta)

    def _check(self, row: Row, labels: set[str], tokenize: Tokenize) -> list[dict[str, Any]]:
        """Return the spans that are sound, and count what is wrong with the others."""
        spans = row.get("spans")
        if not isinstance(spans, list):
            self.problems["no spans"] += 1
            return []
        self.spans += len(spans)
        good = []
        edges: tuple[set[int], set[int]] | None = None
        for span in spans:
            kind, _ = check_span(span, row["text"], labels)
            if not kind:
                if edges is None:
                    tokens = tokenize(row["text"])
                    edges = {start for start, _ in tokens}, {end for _, end in tokens}
                if span["start"] not in edges[0] or span["end"] not in edges[1]:
                    kind = NOT_ON_TOKENS
            if kind:
                self.problems[kind] += 1
            else:
                good.append(span)
        return good

    def _count_made(self, meta: Mapping[str, Any]) -> None:
        for kind, counts in self.made.items():
            values = meta.get(kind)
            for value in values if isinstance(values, list) else [values]:
                if isinstance(value, str):
                    counts[value] += 1

    def shared_with(self, other: _SplitCounts) -> dict[str, int]:
        """Count what is in both sets."""
        ours, theirs = (
            {
                "texts": set(map(normalize, split.texts)),
                "names": {name for names in split.names.values() for name in names},
                "patterns": _Figures.together(split.languages.values()).patterns,
            }
            for split in (self, other)
        )
        return {kind: len(ours[kind] & theirs[kind]) for kind in ours}


def _count_labels(splits: Mapping[str, _SplitCounts]) -> dict[str, dict[str, int]]:
    names: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for split in splits.values():
        for label, counts in split.names.items():
            names[label].update(counts)
    return {
        label: {"mentions": counts.total(), "distinct": len(counts)}
        for label, counts in sorted(names.items())
    }
