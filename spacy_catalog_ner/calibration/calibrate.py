"""Calibrating a pipeline's confidences on its own exemplars."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

from spacy_catalog_ner.calibration import Calibration, Tallies
from spacy_catalog_ner.calibration.calibration import (
    VERDICT_FEATURES,
    Measure,
    Report,
    VerdictReport,
)
from spacy_catalog_ner.calibration.candidate_scorer import describe, verdicts_of
from spacy_catalog_ner.calibration.features import FEATURES, log_odds
from spacy_catalog_ner.calibration.logistic import LogisticModel, sigmoid
from spacy_catalog_ner.doc.candidates import distinct_candidates
from spacy_catalog_ner.doc.record import char_key
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.evaluation.breakdown import reliability
from spacy_catalog_ner.exemplars import Exemplar
from spacy_catalog_ner.exemplars.exemplar import duplicate_key

_RETRIEVER, _FILTER = "dynamic_exemplar_retriever", "llm_semantic_filter"
_FOLDS = 5


class Sample(NamedTuple):
    """The candidates of an exemplar as the pipeline sees them; no verdicts if it asked no LLM.

    The exemplar is left out of the counts that the features are made of.
    """

    features: np.ndarray
    right: Sequence[bool]
    verdicts: Sequence[float | None] | None = None


def calibrate(
    nlp: Language, *, verdicts: int = 300, seed: int = 0, progress: bool = True
) -> Calibration:
    """Fit a calibration on the exemplars of a pipeline's retriever.

    Every exemplar goes through matcher and retriever, which never retrieves a text for itself;
    some of them, chosen at random, also go through the LLM.

    Parameters
    ----------
    nlp
        A pipeline with ``catalog_matcher`` and ``dynamic_exemplar_retriever`` and, if the LLM's
        verdicts are to count, ``llm_semantic_filter``.
    verdicts
        Most exemplars that the LLM is asked about; 0 for none.
    seed
        Seed of their choice.
    progress
        Show a progress bar on stderr.

    Raises
    ------
    CatalogNERError
        If the pipeline has no retriever, or its store too few exemplars.
    """
    factories = {name: nlp.get_pipe_meta(name).factory for name in nlp.pipe_names}
    retrievers = [name for name, factory in factories.items() if factory == _RETRIEVER]
    if not retrievers:
        raise CatalogNERError(
            f"this pipeline ({', '.join(factories) or 'empty'}) has no {_RETRIEVER}, whose"
            " exemplars a calibration is fitted on"
        )
    filters = [name for name, factory in factories.items() if factory == _FILTER]
    retriever = nlp.get_pipe(retrievers[0])
    store = retriever.store
    # Exemplars that are held out from retrieval are not counted either
    allowed = store.select(retriever.lang, retriever.held_out)
    exemplars = [exemplar for exemplar, on in zip(store.exemplars, allowed, strict=True) if on]
    # One of each group of duplicates is looked at; all are left out of its counts
    duplicates: dict[str, list[Exemplar]] = defaultdict(list)
    for exemplar in exemplars:
        duplicates[duplicate_key(exemplar.text)].append(exemplar)
    groups = list(duplicates.values())
    numbers = [number for number, group in enumerate(groups) if group[0].candidates]
    count = min(verdicts, len(numbers)) if filters else 0
    asked = set(random.Random(seed).sample(numbers, count))

    later = nlp.pipe_names[nlp.pipe_names.index(retrievers[0]) + 1 :]
    others = [name for name in later if name not in filters]
    tallies = Tallies(exemplars)
    samples: list[Sample] = []
    for use_llm, disable, batch_size in ((False, later, 64), (True, others, 8)):
        part = [group for number, group in enumerate(groups) if (number in asked) == use_llm]
        docs = nlp.pipe((group[0].text for group in part), disable=disable, batch_size=batch_size)
        description = "with the LLM" if use_llm else "without the LLM"
        bar = tqdm(docs, total=len(part), unit="exemplar", desc=description, disable=not progress)
        samples += [_make_sample(doc, group, tallies) for doc, group in zip(bar, part, strict=True)]
    return fit_calibration(samples, tallies)


def _make_sample(doc: Doc, group: list[Exemplar], tallies: Tallies) -> Sample:
    spans = distinct_candidates(doc, "calibration")
    right = {item.key for item in group[0].selected}
    return Sample(
        describe(doc, spans, tallies, group),
        [char_key(span) in right for span in spans],
        None if (doc._.catalog_ner or {}).get("failure") else verdicts_of(doc, spans),
    )


def fit_calibration(samples: Sequence[Sample], tallies: Tallies) -> Calibration:
    """Fit both regressions, and measure them on exemplars that they were not fitted on.

    The first regression is fitted on all samples, the second on those with verdicts. For the
    second, the log-odds of the first are those of a regression fitted without the sample's fold.
    `tallies` are the counts of all exemplars.
    """
    samples = [sample for sample in samples if sample.right]
    rights = np.array([right for sample in samples for right in sample.right], dtype=bool)
    if len(samples) < 2 * _FOLDS or rights.all() or not rights.any():
        raise CatalogNERError(
            f"cannot calibrate on {len(samples)} exemplars with {len(rights)} candidates,"
            f" {int(rights.sum())} of them right: expected at least {2 * _FOLDS} with candidates,"
            " right ones and wrong ones"
        )
    rows = np.concatenate([sample.features for sample in samples])
    # All candidates of a text are in one fold, because they are not independent
    folds = np.repeat(np.arange(len(samples)) % _FOLDS, [len(s.right) for s in samples])
    known = LogisticModel.fit(FEATURES, rows, rights)
    known_odds = _predict_out_of_fold(FEATURES, rows, rights, folds)

    said = [v for s in samples for v in (s.verdicts or [None] * len(s.right))]
    verdicts = np.array([np.nan if verdict is None else log_odds(verdict) for verdict in said])
    asked = ~np.isnan(verdicts)
    judged = verdict_report = None
    if rights[asked].any() and not rights[asked].all():
        pairs = np.stack([known_odds, verdicts], axis=1)[asked]
        judged = LogisticModel.fit(VERDICT_FEATURES, pairs, rights[asked])
        odds = _predict_out_of_fold(VERDICT_FEATURES, pairs, rights[asked], folds[asked])
        verdict_report = VerdictReport(
            candidates=int(asked.sum()),
            known=measure(sigmoid(known_odds[asked]), rights[asked]),
            verdict=measure(sigmoid(verdicts[asked]), rights[asked]),
            judged=measure(sigmoid(odds), rights[asked]),
        )
    report = Report(len(samples), len(rights), measure(sigmoid(known_odds), rights), verdict_report)
    return Calibration(tallies, known, judged, report)


def measure(confidences: np.ndarray, right: np.ndarray) -> Measure:
    """Compare confidences with whether each candidate was right."""
    chosen = confidences >= 0.5
    hits = int((chosen & right).sum())
    return Measure(
        f1=round(2 * hits / max(1, int(chosen.sum() + right.sum())), 4),
        brier=round(float(np.mean((confidences - right) ** 2)), 4),
        reliability=reliability(confidences, right),
    )


def _predict_out_of_fold(
    features: Sequence[str], rows: np.ndarray, right: np.ndarray, folds: np.ndarray
) -> np.ndarray:
    """Return the log-odds of every row by a regression that was fitted without its fold."""
    odds = np.empty(len(right))
    for fold in range(_FOLDS):
        inside = folds == fold
        fitted = ~inside
        if not right[fitted].any() or right[fitted].all():
            fitted = np.ones_like(inside)  # very few samples: rather a regression over all
        model = LogisticModel.fit(features, rows[fitted], right[fitted])
        odds[inside] = model.log_odds(rows[inside])
    return odds
