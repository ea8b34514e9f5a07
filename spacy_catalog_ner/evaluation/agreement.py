"""How far two annotators agree, and what they have to talk about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.evaluation.alignment import Annotation, Pair, Rows, match_rows, span_keys
from spacy_catalog_ner.evaluation.metrics import Tokenize
from spacy_catalog_ner.evaluation.outcomes import RIGHT, Outcome, compare, score_by
from spacy_catalog_ner.evaluation.result import Figures, Score
from spacy_catalog_ner.io.row import Row, RowSpan

Category = tuple[str, ...]

# Neither annotator is right: what evaluation calls missed and spurious is said by one of them
_ONLY_IN = {"missed": "only in a", "spurious": "only in b"}
DISAGREEMENTS = ("type", "boundary", "type and boundary", *_ONLY_IN.values())


class SpanAgreement(Figures):
    """Spans that `both` annotators have or one alone, and F1, None where neither has any."""

    both: int
    only_a: int
    only_b: int
    f1: float | None


class LabelAgreement(SpanAgreement):
    """The same for one label, and the kappa of tokens being in a span of it or not."""

    kappa: float | None


class Mention(Figures):
    """A span with its text."""

    text: str
    label: str
    start: int
    end: int


class Disagreement(Figures):
    """What `a` and `b` say of a part of a `text`; `kind` is one of `DISAGREEMENTS`."""

    text: str
    kind: str
    a: Mention | None
    b: Mention | None


class Agreement(Figures, omit_defaults=True, kw_only=True):
    """How far two annotations of the same texts agree.

    `token_agreement` is the share of tokens with equal categories, `kappa` Cohen's kappa of tokens,
    None with a `note` where it is undefined. `spans` and `per_label` are of whole spans. `kinds`
    counts the `disagreements` by kind.
    """

    texts: int
    tokens: int
    token_agreement: float | None
    kappa: float | None
    note: str | None = None
    spans: SpanAgreement
    per_label: dict[str, LabelAgreement]
    kinds: dict[str, int]
    disagreements: list[Disagreement]


def measure_agreement(
    a: Rows,
    b: Rows,
    tokenize: Tokenize,
    problems: Problems | None = None,
    names: tuple[str, str] = ("a", "b"),
) -> Agreement:
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
        Annotated rows, as for `align_rows`; paired as `match_rows` does.
    tokenize
        Gives (start, end) of the tokens of a text, in characters.
    problems
        Receives texts that only one of the two has, and rows with id and text of an earlier one
        (left out); duplicated spans (counted once); and rows without an id where most have one.
    names
        What messages call the two.

    Raises
    ------
    CatalogNERError
        If the two have no text in common.
    """
    if problems is None:
        problems = Problems()
    pairs = _pair_texts(Annotation(a, names[0], problems), Annotation(b, names[1], problems))
    tokens: list[tuple[Category, Category]] = []  # what a says of each, and what b says
    for pair in pairs:
        offsets = tokenize(pair.gold.text)
        tokens += zip(
            _categories(pair.gold, offsets), _categories(pair.predicted, offsets), strict=True
        )
    outcomes = compare(pairs)
    kinds = Counter(_name_kind(outcome) for outcome in outcomes)
    agreed = sum(one == other for one, other in tokens)
    kappa = cohen_kappa(tokens)
    note = "kappa is undefined: both put all tokens into the same category"
    return Agreement(
        texts=len(pairs),
        tokens=len(tokens),
        token_agreement=round(agreed / len(tokens), 4) if tokens else None,
        kappa=kappa,
        note=note if kappa is None else None,
        spans=SpanAgreement(*_count(score_by(outcomes, lambda pair, span: "").get(""))),
        per_label={
            label: LabelAgreement(
                *_count(score),
                cohen_kappa([(label in one, label in other) for one, other in tokens]),
            )
            for label, score in score_by(outcomes, lambda pair, span: span.label).items()
        },
        kinds={kind: kinds[kind] for kind in DISAGREEMENTS},
        disagreements=[
            Disagreement(
                (text := pairs[outcome.pair].gold.text),
                _name_kind(outcome),
                _mention(text, outcome.gold),
                _mention(text, outcome.predicted),
            )
            for outcome in outcomes
            if outcome.kind != RIGHT
        ],
    )


def cohen_kappa(ratings: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Return Cohen's kappa of two raters of the same things, rounded to 4 decimals.

    ``(p_o - p_e) / (1 - p_e)``, where ``p_o`` is the share of things that both put into the same
    category and ``p_e`` the share to expect if each drew at random from the categories as often as
    they use them: ``sum(share_a(c) * share_b(c))`` (Cohen 1960, "A Coefficient of Agreement for
    Nominal Scales", equation 1). 1 is perfect agreement, 0 no more than chance gives.

    It is None where it is undefined: everything is in one category, the same for both raters.
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


def _pair_texts(a: Annotation, b: Annotation) -> list[Pair]:
    """Pair the rows of the same text. What one annotator did not see is no disagreement."""
    match = match_rows(a.rows, b.rows)
    if not match.pairs:
        raise CatalogNERError(
            f"{a.name} and {b.name} have no text in common: {len(a.rows)} and {len(b.rows)}"
            " rows; expected annotations of the same texts"
        )
    for annotation, repeated, unnamed, paired in zip(
        (a, b), match.repeated, match.unnamed, (match.pairs, match.pairs.values()), strict=True
    ):
        annotation.report_ids(repeated, unnamed)
        known = {*paired, *repeated}
        for position in range(len(annotation.rows)):
            if position not in known:
                row = annotation.describe(position)
                message = f"the other annotator has no {row}; row left out"
                annotation.report("text without counterpart", position, message)
    # What the one annotator says is taken for gold
    return [
        Pair(f"row {position + 1}", b.clean(other), a.clean(position))
        for position, other in sorted(match.pairs.items())
    ]


def _categories(row: Row, tokens: Sequence[tuple[int, int]]) -> list[Category]:
    """Return the sorted labels of the spans that each token shares a character with."""
    spans = span_keys(row)
    return [
        tuple(sorted({label for first, last, label in spans if first < end and start < last}))
        for start, end in tokens
    ]


def _count(score: Score | None) -> tuple[int, int, int, float | None]:
    """Return the fields of a `SpanAgreement`."""
    return (0, 0, 0, None) if score is None else (score.tp, score.fn, score.fp, score.f1)


def _name_kind(outcome: Outcome) -> str:
    return _ONLY_IN.get(outcome.kind, outcome.kind)


def _mention(text: str, span: RowSpan | None) -> Mention | None:
    if span is None:
        return None
    return Mention(text[span.start : span.end], span.label, span.start, span.end)
