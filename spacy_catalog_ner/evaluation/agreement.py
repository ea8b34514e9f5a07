"""How far two annotators agree, and what they have to talk about."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.evaluation.alignment import Pair, Row, Side, span_keys
from spacy_catalog_ner.evaluation.comparison import RIGHT, Outcome, compare
from spacy_catalog_ner.evaluation.matching import match_rows
from spacy_catalog_ner.evaluation.score import Score

Tokenize = Callable[[str], list[tuple[int, int]]]
Category = tuple[str, ...]

# Neither annotator is right: what evaluation calls missed and invented is said by one of them
_ONE_SIDED = {"missed": "only in a", "invented": "only in b"}
DISAGREEMENTS = ("type", "boundary", "type and boundary", *_ONE_SIDED.values())


def measure_agreement(
    a: Sequence[Row],
    b: Sequence[Row],
    tokenize: Tokenize,
    problems: Problems | None = None,
    *,
    names: tuple[str, str] = ("a", "b"),
    lines: tuple[Sequence[int] | None, Sequence[int] | None] = (None, None),
) -> dict[str, Any]:
    """Measure how far two annotations of the same texts agree.

    Cohen's kappa is of tokens. The category of a token is the sorted labels of the spans that it
    is part of, or none. Most tokens are in no span, so that kappa tells more than the plain share
    of tokens that agree. F1 is of spans, exact and the same in both directions; kappa of spans
    cannot be had, as nobody can count the spans that are no entity, and comes near to F1 as they
    are many (Hripcsak and Rothschild 2005, "Agreement, the F-Measure, and Reliability in
    Information Retrieval", https://doi.org/10.1197/jamia.M1733).

    Parameters
    ----------
    a, b
        Annotated rows, paired as `spacy_catalog_ner.evaluation.matching.match_rows` does.
    tokenize
        Gives (start, end) of the tokens of a text, in characters.
    problems
        Receives texts that only one of the two has, and rows with id and text of an earlier one
        (left out); duplicated spans (counted once); and rows without an id where most have one.
    names
        What problems call the two.
    lines
        Line of each row of the two for problems; by default its number, from 1.

    Returns
    -------
    dict
        ``texts`` and ``tokens``, their number; ``token_agreement``, the share of tokens with
        equal categories; ``kappa``, None with a ``note`` where it is undefined; ``spans``:
        ``both``, ``only_a``, ``only_b`` and ``f1``, None where neither has any; ``per_label``: the
        same, with the ``kappa`` of
        tokens being in a span of the label or not; ``kinds``, the number of disagreements of each
        of `DISAGREEMENTS`; and the ``disagreements``: ``text``, ``kind``, and what ``a`` and ``b``
        say, each with ``text``, ``label``, ``start`` and ``end``, or None.

    Raises
    ------
    CatalogNERError
        If the two have no text in common.
    """
    if problems is None:
        problems = Problems()
    one, other = (
        Side(rows, name, numbers, problems)
        for rows, name, numbers in zip((a, b), names, lines, strict=True)
    )
    pairs = _pair_texts(one, other)
    tokens: list[tuple[Category, Category]] = []  # what a says of each, and what b says
    for pair in pairs:
        offsets = tokenize(pair.gold["text"])
        tokens += zip(
            _categories(pair.gold, offsets), _categories(pair.predicted, offsets), strict=True
        )
    outcomes = compare(pairs)
    counts = _count_spans(outcomes)
    kinds = Counter(_kind(outcome) for outcome in outcomes)
    agreed = sum(one == other for one, other in tokens)
    kappa = cohen_kappa(tokens)
    note = {"note": "kappa is undefined: all tokens have the same category on both sides"}
    return {
        "texts": len(pairs),
        "tokens": len(tokens),
        "token_agreement": round(agreed / len(tokens), 4) if tokens else None,
        "kappa": kappa,
        **(note if kappa is None else {}),
        "spans": _score_spans(sum(counts.values(), Counter())),
        "per_label": {
            label: {
                **_score_spans(count),
                "kappa": cohen_kappa([(label in one, label in other) for one, other in tokens]),
            }
            for label, count in counts.items()
        },
        "kinds": {kind: kinds[kind] for kind in DISAGREEMENTS},
        "disagreements": [
            {
                "text": pairs[outcome.pair].gold["text"],
                "kind": _kind(outcome),
                "a": _describe(pairs[outcome.pair].gold, outcome.gold),
                "b": _describe(pairs[outcome.pair].predicted, outcome.predicted),
            }
            for outcome in outcomes
            if outcome.kind != RIGHT
        ],
    }


def cohen_kappa(ratings: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Return Cohen's kappa of two raters of the same things, rounded to 4 decimals.

    ``(p_o - p_e) / (1 - p_e)``, where ``p_o`` is the share of things that both put into the same
    category and ``p_e`` the share to expect if each drew at random from the categories as often as
    they use them: ``sum(share_a(c) * share_b(c))`` (Cohen 1960, "A Coefficient of Agreement for
    Nominal Scales", equation 1). 1 is perfect agreement, 0 no more than chance gives.

    Parameters
    ----------
    ratings
        For each thing the category that the one and the other put it into.

    Returns
    -------
    float or None
        None where kappa is undefined: everything is in one category, the same on both sides.
    """
    count = len(ratings)
    agreed = sum(one == other for one, other in ratings)
    used_by_a = Counter(one for one, _ in ratings)
    used_by_b = Counter(other for _, other in ratings)
    # Times count ** 2, so that whole numbers say exactly whether there is anything to divide by
    expected = sum(times * used_by_b[category] for category, times in used_by_a.items())
    if expected == count**2:
        return None
    return round((count * agreed - expected) / (count**2 - expected), 4)


def _pair_texts(a: Side, b: Side) -> list[Pair]:
    """Pair the rows of the same text. What one annotator did not see is no disagreement."""
    match = match_rows(a.rows, b.rows)
    if not match.pairs:
        raise CatalogNERError(
            f"{a.source} and {b.source} have no text in common: {len(a.rows)} and {len(b.rows)}"
            " rows; expected annotations of the same texts"
        )
    for side, repeated, unnamed, paired in zip(
        (a, b), match.repeated, match.unnamed, (match.pairs, match.pairs.values()), strict=True
    ):
        side.report_ids(repeated, unnamed)
        known = {*paired, *repeated}
        for position in range(len(side.rows)):
            if position not in known:
                message = f"only this side has {side.describe(position)}; row left out"
                side.report("text of one side", position, message)
    # What the one annotator says stands in the place of gold; their labels are no problem
    return [
        Pair(f"row {position + 1}", b.clean(other, {}), a.clean(position, {}))
        for position, other in sorted(match.pairs.items())
    ]


def _categories(row: Row, tokens: Sequence[tuple[int, int]]) -> list[Category]:
    """Return the sorted labels of the spans that each token shares a character with."""
    spans = span_keys(row["spans"])
    return [
        tuple(sorted({label for first, last, label in spans if first < end and start < last}))
        for start, end in tokens
    ]


def _count_spans(outcomes: Sequence[Outcome]) -> dict[str, Counter[str]]:
    """Count by label the spans that both have, and those that one has."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        sides = [("only_a", outcome.gold), ("only_b", outcome.predicted)]
        if outcome.kind == RIGHT:
            sides = [("both", outcome.gold)]
        for side, span in sides:
            if span is not None:
                counts[span["label"]][side] += 1
    return dict(sorted(counts.items()))


def _score_spans(counts: Counter[str]) -> dict[str, Any]:
    both, only_a, only_b = (counts[side] for side in ("both", "only_a", "only_b"))
    f1 = round(Score(tp=both, fp=only_b, fn=only_a).f1, 4)
    return {
        "both": both,
        "only_a": only_a,
        "only_b": only_b,
        "f1": f1 if both or only_a or only_b else None,
    }


def _kind(outcome: Outcome) -> str:
    return _ONE_SIDED.get(outcome.kind, outcome.kind)


def _describe(row: Row, span: Row | None) -> dict[str, Any] | None:
    if span is None:
        return None
    start, end = span["start"], span["end"]
    return {"text": row["text"][start:end], "label": span["label"], "start": start, "end": end}
