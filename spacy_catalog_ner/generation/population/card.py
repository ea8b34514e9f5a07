"""The data card of annotated sets: what is in them, how it was made, and whether it is sound."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import msgspec

from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.generation.population.names import name_key
from spacy_catalog_ner.generation.population.row_checks import Tokenize
from spacy_catalog_ner.io.annotated import check_span
from spacy_catalog_ner.reporting.markdown import escape_markdown, markdown_table

FORMAT_VERSION = 1
NOT_ON_TOKENS = "span not on token boundaries"
SAMPLE = 1000
"""Texts that diversity is measured on, as it depends on how many there are."""


class Figures(msgspec.Struct):
    """Figures of some utterances: those of Table 4 of Ghonim, Roberto and Bernardi (EACL 2026).

    Length is in words between white space.
    """

    utterances: int
    patterns: int
    average_length: float
    entity_types: int
    entities: int
    entities_per_utterance: float
    without_entity: int


class Card(msgspec.Struct):
    """Figures of annotated sets, as the JSON file has them.

    Attributes
    ----------
    languages, splits
        Figures of each language and each set.
    labels
        Number of ``mentions`` and ``distinct`` names of each label.
    diversity
        See `measure_diversity`.
    overlap
        Number of texts, names and patterns that each two sets share.
    made
        Number of rows by the ``source``, ``form`` and ``noise`` of their ``meta``.
    validation
        Number of rows and spans checked, and problems by kind.
    population
        How `write_data_set` made the sets; None for other sets.
    """

    languages: dict[str, Figures]
    splits: dict[str, Figures]
    labels: dict[str, dict[str, int]]
    diversity: dict[str, float | int | None]
    overlap: dict[str, dict[str, int]]
    made: dict[str, dict[str, int]]
    validation: dict[str, Any]
    population: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the contents of the JSON file."""
        card = {"format_version": FORMAT_VERSION, **msgspec.to_builtins(self)}
        return {key: value for key, value in card.items() if value is not None}


class _Utterance(NamedTuple):
    split: str
    lang: str
    text: str
    pattern: str | None
    names: list[tuple[str, str]]  # label and key


def make_card(
    splits: Mapping[str, Iterable[Mapping[str, Any]]],
    labels: Collection[str],
    lang: str,
    tokenize: Tokenize,
) -> Card:
    """Describe annotated sets.

    Parameters
    ----------
    splits
        JSONL rows of each set; their spans need not be sound.
    labels
        The known labels.
    lang
        Language of rows that name none.
    tokenize
        Gives (start, end) of the tokens of a text.
    """
    utterances: list[_Utterance] = []
    made: dict[str, Counter[str]] = {kind: Counter() for kind in ("source", "form", "noise")}
    problems: Counter[str] = Counter()
    known = set(labels)
    checked = 0
    for split, rows in splits.items():
        for row in rows:
            text, spans, meta = row["text"], row.get("spans"), row.get("meta")
            if isinstance(spans, list):
                checked += len(spans)
            else:
                problems["no spans"] += 1
                spans = []
            meta = meta if isinstance(meta, dict) else {}
            for kind, counts in made.items():
                value = meta.get(kind)
                values = value if isinstance(value, list) else [value]
                counts.update(value for value in values if isinstance(value, str))
            pattern = meta.get("pattern")
            code = str(row.get("lang") or lang)
            sound = _sound_spans(text, spans, known, tokenize, problems)
            names = [(s["label"], name_key(text[s["start"] : s["end"]], lang)) for s in sound]
            utterances.append(
                _Utterance(split, code, text, pattern if isinstance(pattern, str) else None, names)
            )
    return Card(
        languages=_group(utterances, sorted({one.lang for one in utterances}), "lang"),
        splits=_group(utterances, splits, "split"),
        labels=_count_labels(utterances),
        diversity=measure_diversity([one.text for one in utterances]),
        overlap=_overlap(utterances, list(splits)),
        made={kind: dict(sorted(counts.items())) for kind, counts in made.items()},
        validation={"rows": len(utterances), "spans": checked, "problems": dict(problems)},
    )


def _sound_spans(
    text: str, spans: list[Any], labels: set[str], tokenize: Tokenize, problems: Counter[str]
) -> Iterator[dict[str, Any]]:
    """Yield the spans that are sound, and count what is wrong with the others."""
    tokens = tokenize(text) if spans else []
    starts, ends = {start for start, _ in tokens}, {end for _, end in tokens}
    for span in spans:
        kind, _ = check_span(span, text, labels)
        if not kind and not (span["start"] in starts and span["end"] in ends):
            kind = NOT_ON_TOKENS
        if kind:
            problems[kind] += 1
        else:
            yield span


def _group(utterances: Sequence[_Utterance], groups: Iterable[str], by: str) -> dict[str, Figures]:
    parts: dict[str, list[_Utterance]] = {group: [] for group in groups}
    for one in utterances:
        parts[getattr(one, by)].append(one)
    return {group: _figures(part) for group, part in parts.items()}


def _figures(utterances: Sequence[_Utterance]) -> Figures:
    count = max(len(utterances), 1)
    entities = sum(len(one.names) for one in utterances)
    return Figures(
        utterances=len(utterances),
        patterns=len({one.pattern for one in utterances} - {None}),
        average_length=round(sum(len(one.text.split()) for one in utterances) / count, 2),
        entity_types=len({label for one in utterances for label, _ in one.names}),
        entities=entities,
        entities_per_utterance=round(entities / count, 2),
        without_entity=sum(not one.names for one in utterances),
    )


def _count_labels(utterances: Sequence[_Utterance]) -> dict[str, dict[str, int]]:
    names = Counter(name for one in utterances for name in one.names)
    distinct = Counter(label for label, _ in names)
    mentions = Counter(label for one in utterances for label, _ in one.names)
    return {
        label: {"mentions": mentions[label], "distinct": distinct[label]}
        for label in sorted(distinct)
    }


def _overlap(utterances: Sequence[_Utterance], splits: Sequence[str]) -> dict[str, dict[str, int]]:
    contents: dict[str, dict[str, set[str]]] = {
        split: {"texts": set(), "names": set(), "patterns": set()} for split in splits
    }
    for one in utterances:
        content = contents[one.split]
        content["texts"].add(normalize(one.text))
        content["names"].update(key for _, key in one.names)
        content["patterns"].update([one.pattern] if one.pattern is not None else [])
    return {
        f"{one} and {other}": {
            kind: len(found & contents[other][kind]) for kind, found in contents[one].items()
        }
        for one, other in combinations(splits, 2)
    }


def measure_diversity(texts: Sequence[str], seed: int = 0) -> dict[str, float | int | None]:
    """Measure the share of n-grams that differ, of a seeded sample of at most `SAMPLE` texts.

    Number of distinct n-grams divided by the number of n-grams (Li et al. 2016, "A
    Diversity-Promoting Objective Function for Neural Conversation Models", section 5.3).

    Returns
    -------
    dict
        ``texts``, the size of the sample, and ``distinct_1`` to ``distinct_3``, None where there
        are too few words. Words are separated by white space and compared in lower case.
    """
    if len(texts) > SAMPLE:
        texts = random.Random(f"{seed} diversity").sample(texts, SAMPLE)
    figures: dict[str, float | int | None] = {"texts": len(texts)}
    sentences = [text.lower().split() for text in texts]
    for n in (1, 2, 3):
        grams = [
            tuple(words[at : at + n]) for words in sentences for at in range(len(words) - n + 1)
        ]
        figures[f"distinct_{n}"] = round(len(set(grams)) / len(grams), 4) if grams else None
    return figures


def render_card(card: Card, title: str) -> str:
    """Render a card as Markdown."""
    lines = [f"# {escape_markdown(title)}", "", "Length is in words between white space.", ""]
    lines += _figures_table("language", card.languages)
    lines += ["", "## Splits", "", *_figures_table("split", card.splits)]
    rows: list[list[Any]] = [[label, *counts.values()] for label, counts in card.labels.items()]
    header = ["type", "mentions", "distinct names"]
    lines += ["", "## Entity types", "", *markdown_table(header, rows)]
    if card.overlap:
        rows = [[pair, *counts.values()] for pair, counts in card.overlap.items()]
        header = ["in both", "texts", "names", "patterns"]
        lines += ["", "## Overlap", "", *markdown_table(header, rows)]
    rows = [[_spaced(name), value] for name, value in card.diversity.items() if name != "texts"]
    lines += [
        "",
        "## Diversity",
        "",
        f"Of {card.diversity['texts']} utterances, drawn with a seed: the share of the n-grams that"
        " differ.",
        "",
        *markdown_table(["measure", "value"], rows),
        "",
        "## How rows were made",
        "",
    ]
    rows = [[kind, *item] for kind, counts in card.made.items() for item in counts.items()]
    lines += markdown_table(["", "value", "rows"], rows, text_columns=(0, 1))
    if card.population is not None:
        rows = [[_spaced(name), _to_words(value)] for name, value in card.population.items()]
        lines += ["", *markdown_table(["setting", "value"], rows, text_columns=(0, 1))]
    lines += [
        "",
        "## Validation",
        "",
        f"{card.validation['rows']} rows with {card.validation['spans']} spans were checked: in"
        " range, on token boundaries, of a known label. Problems:"
        f" {_to_words(card.validation['problems'])}.",
    ]
    return "\n".join(lines) + "\n"


def _figures_table(first: str, figures: Mapping[str, Figures]) -> list[str]:
    header = [first, *map(_spaced, Figures.__struct_fields__)]
    return markdown_table(
        header, ([name, *msgspec.structs.astuple(row)] for name, row in figures.items())
    )


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _to_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_to_words(part)}" for name, part in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(_to_words, value)) or "none"
    return str(value)
