"""How far two reviewers of the same patterns agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.evaluation.agreement import cohen_kappa
from spacy_catalog_ner.generation.review.decision import ACCEPT, REJECT, Decision


def measure_review_agreement(
    a: Mapping[str, Decision], b: Mapping[str, Decision]
) -> dict[str, Any]:
    """Measure how far two reviewers agree on what to accept and what to reject.

    Parameters
    ----------
    a, b
        Their standing decisions, see `spacy_catalog_ner.generation.review.decision.standing`.

    Returns
    -------
    dict
        ``patterns``, how many both accepted or rejected; ``agreement``, the share of them that both
        answered alike; Cohen's ``kappa``, None with a ``note`` where it is undefined; how many
        ``both_accept`` and ``both_reject``; ``edited_differently``, how many both accept, but not
        with the same text; ``ignored``, how many both know and one skipped; ``only_a`` and
        ``only_b``, how many the other does not know; and the ``disagreements``: ``id`` and
        ``pattern`` as they were asked about, ``lang``, and the answers ``a`` and ``b``.

    Raises
    ------
    CatalogNERError
        If there is no pattern that both accepted or rejected.
    """
    shared = [key for key in a if key in b]
    answers = {key: (a[key].answer, b[key].answer) for key in shared}
    verdicts = {key: pair for key, pair in answers.items() if set(pair) <= {ACCEPT, REJECT}}
    if not verdicts:
        raise CatalogNERError(
            f"no pattern that both accepted or rejected, of {len(a)} and {len(b)} decisions;"
            " expected decisions about the same patterns"
        )
    pairs = list(verdicts.values())
    kappa = cohen_kappa(pairs)
    note = {"note": "kappa is undefined: both gave all patterns the same answer"}
    accepted = [key for key, pair in verdicts.items() if pair == (ACCEPT, ACCEPT)]
    return {
        "patterns": len(pairs),
        "agreement": round(sum(one == other for one, other in pairs) / len(pairs), 4),
        "kappa": kappa,
        **(note if kappa is None else {}),
        "both_accept": len(accepted),
        "both_reject": pairs.count((REJECT, REJECT)),
        "edited_differently": sum(a[key].pattern.text != b[key].pattern.text for key in accepted),
        "ignored": len(shared) - len(pairs),
        "only_a": len(a) - len(shared),
        "only_b": len(b) - len(shared),
        "disagreements": [
            _describe(a[key], b[key]) for key, (one, other) in verdicts.items() if one != other
        ],
    }


def _describe(a: Decision, b: Decision) -> dict[str, Any]:
    row = {
        "id": a.asked_id,
        "pattern": a.original or a.pattern.text,
        "lang": a.pattern.lang,
        "a": a.answer,
        "b": b.answer,
    }
    edited = {
        f"{name}_edited": one.pattern.text for name, one in (("a", a), ("b", b)) if one.original
    }
    return {**row, **edited}
