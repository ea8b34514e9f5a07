"""Annotated texts, and predictions for them as a pipeline writes them, made up with a seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from spacy_catalog_ner.io.files import dump_row

Row = dict[str, Any]
Key = tuple[int, int, str]  # first word, word after the last, label

LABELS = tuple(f"LABEL_{number:02}" for number in range(1, 23))
# A few labels have most of the entities, as everywhere
_WEIGHTS = tuple(accumulate(1 / rank for rank in range(1, len(LABELS) + 1)))
_OUTCOMES = {"right": 83, "type": 4, "boundary": 5, "type and boundary": 2, "missed": 6}
_NESTED = 0.05  # share of spans on or within the one before
_WORDS = [
    first + second + third
    for first in ("ka", "lo", "mi", "nu", "re", "so", "ta", "ve", "wi", "yo")
    for second in ("ba", "de", "gi", "no", "pu", "ra", "si", "to", "le", "mo")
    for third in ("", "n", "r", "s", "la", "mento")
]


def write_set(folder: Path, texts: int, spans: int, seed: int) -> dict[str, int]:
    """Write ``gold.jsonl`` and ``predictions.jsonl`` of so many texts and gold spans.

    Of the gold spans 83 % are predicted right, and one text in eight has a spurious one. The
    predictions have candidates, what was selected where rules dropped some of it, the labels of
    the exemplars and confidences, as ``catalog-ner label`` writes them.

    Returns
    -------
    dict
        Number of ``texts``, of ``gold``, ``predicted`` and ``candidates`` spans, and of ``bytes``
        of both files.
    """
    per_text = np.random.default_rng(seed).multinomial(spans, np.full(texts, 1 / texts))
    chance = random.Random(seed)
    files = [folder / "gold.jsonl", folder / "predictions.jsonl"]
    counts: Counter[str] = Counter()
    with files[0].open("w", encoding="utf8") as gold, files[1].open("w", encoding="utf8") as other:
        for number in per_text.tolist():
            gold_row, predicted_row = _make_text(chance, number)
            gold.write(dump_row(gold_row))
            other.write(dump_row(predicted_row))
            counts["texts"] += 1
            counts["gold"] += len(gold_row["spans"])
            counts["predicted"] += len(predicted_row["spans"])
            counts["candidates"] += len(predicted_row["candidates"])
    return {**counts, "bytes": sum(path.stat().st_size for path in files)}


def flatten(row: Row) -> Row:
    """Return the row with the longest of the spans that overlap, the first of equal ones."""
    spans: list[Row] = []
    for span in sorted(row["spans"], key=lambda span: (span["start"] - span["end"], span["start"])):
        if all(span["end"] <= other["start"] or other["end"] <= span["start"] for other in spans):
            spans.append(span)
    spans.sort(key=lambda span: span["start"])
    return {"text": row["text"], "spans": spans}


def _make_text(chance: random.Random, number: int) -> tuple[Row, Row]:
    """Return the gold and the predicted row of a text with so many gold spans."""
    words, gold = _make_gold(chance, number)
    predicted: dict[Key, float] = {}
    candidates: dict[Key, None] = {}  # in their order
    selected: list[Key] = []
    for key in gold:
        answer = _predict(chance, key, len(words))
        if answer is not None:
            predicted[answer] = _confidence(chance, answer in gold)
        if answer == key or chance.random() < 0.9:
            candidates[key] = None
            if answer is None and chance.random() < 0.1:
                selected.append(key)  # and dropped by a rule
        for _ in range(chance.choice((0, 1, 1, 2))):
            candidates[key[0], key[1], _label(chance)] = None
    if chance.random() < 0.125:
        start = chance.randrange(len(words))
        predicted.setdefault((start, start + 1, _label(chance)), _confidence(chance, False))
    for key in predicted:
        if chance.random() < 0.98:
            candidates[key] = None
    offsets = [0, *accumulate(len(word) + 1 for word in words)]

    def rows(keys: Iterable[Key]) -> list[Row]:
        return [
            {"start": offsets[start], "end": offsets[end] - 1, "label": label}
            for start, end, label in keys
        ]

    text = " ".join(words)
    scored = [
        {**span, "score": score}
        for span, score in zip(rows(predicted), predicted.values(), strict=True)
    ]
    labels = {label for _, _, label in gold if chance.random() < 0.95} | {_label(chance)}
    answer_row: Row = {
        "text": text,
        "lang": "en",
        "spans": scored,
        "candidates": [{**span, "id": _identifier(chance, span)} for span in rows(candidates)],
        "exemplar_labels": sorted(labels),
        "catalog_ner": {"violations": {"overlap": len(selected)} if selected else {}},
    }
    if selected:
        answer_row["selected"] = [*scored, *({**span, "score": 0.5} for span in rows(selected))]
    return {"text": text, "spans": rows(gold), "lang": "en"}, answer_row


def _make_gold(chance: random.Random, number: int) -> tuple[list[str], dict[Key, None]]:
    """Return the words of a text, and its gold spans in their order."""
    words = list(_draw_words(chance, chance.randint(1, 4)))
    gold: dict[Key, None] = {}
    last: Key | None = None
    while len(gold) < number:
        if last is not None and chance.random() < _NESTED:
            start, end, _ = last
            gold[start, chance.choice((end, start + 1)), _label(chance)] = None
            continue
        start = len(words)
        words += _draw_words(chance, chance.choice((1, 1, 1, 2, 2, 3)))
        last = (start, len(words), _label(chance))
        gold[last] = None
        words += _draw_words(chance, chance.choice((0, 1, 1, 2, 3)))
    return words, gold


def _predict(chance: random.Random, key: Key, words: int) -> Key | None:
    """Return what is predicted in the place of a gold span, None for nothing."""
    (outcome,) = chance.choices(tuple(_OUTCOMES), tuple(_OUTCOMES.values()))
    if outcome == "missed":
        return None
    start, end, label = key
    if "type" in outcome:
        label = _label(chance)
    if "boundary" in outcome:
        start, end = (start + 1, end) if end - start > 1 else (max(start - 1, 0), end)
    return start, min(end, words), label


def _draw_words(chance: random.Random, number: int) -> Iterator[str]:
    return (chance.choice(_WORDS) for _ in range(number))


def _label(chance: random.Random) -> str:
    return chance.choices(LABELS, cum_weights=_WEIGHTS)[0]


def _confidence(chance: random.Random, is_right: bool) -> float:
    return round(chance.betavariate(8, 1.5) if is_right else chance.betavariate(4, 3), 6)


def _identifier(chance: random.Random, span: Row) -> str:
    return f"{span['label'].lower()}/{chance.randrange(10**6)}"
