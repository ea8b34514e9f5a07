"""Calibrating a pipeline's confidences on its own exemplars, each left out in its turn."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

from spacy_catalog_ner.calibration import Calibration, Tallies
from spacy_catalog_ner.calibration.fitting import Sample, fit_calibration
from spacy_catalog_ner.calibration.tallies import place
from spacy_catalog_ner.components.candidate_scorer import (
    describe,
    distinct_candidates,
    verdicts_of,
)
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.exemplars import Exemplar

_RETRIEVER, _FILTER = "dynamic_exemplar_retriever", "llm_semantic_filter"
_BATCH = 64


def calibrate(
    nlp: Language, *, verdicts: int = 300, seed: int = 0, progress: bool = True
) -> Calibration:
    """Fit a calibration on the exemplars of a pipeline's retriever.

    Every exemplar goes through matcher and retriever, which never retrieves a text for itself;
    some of them, chosen by a seed, also through the LLM.

    Parameters
    ----------
    nlp
        A pipeline with ``catalog_matcher`` and ``dynamic_exemplar_retriever`` and, if the LLM's
        verdicts are to count, ``llm_semantic_filter``.
    verdicts
        Most exemplars that the LLM is asked about; 0 for none.
    seed
        Of their choice.
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
    exemplars = nlp.get_pipe(retrievers[0]).store.exemplars
    asked = _choose(exemplars, verdicts if filters else 0, seed)
    tallies = Tallies(exemplars)

    last = nlp.pipe_names.index(retrievers[0])
    later = nlp.pipe_names[last + 1 :]
    samples = [
        *_samples(nlp, exemplars, _others(exemplars, asked), later, tallies, progress),
        *_samples(nlp, exemplars, asked, [n for n in later if n not in filters], tallies, progress),
    ]
    return fit_calibration(samples, tallies)


def _choose(exemplars: list[Exemplar], count: int, seed: int) -> list[int]:
    numbers = [n for n, exemplar in enumerate(exemplars) if exemplar.candidates]
    return sorted(random.Random(seed).sample(numbers, min(count, len(numbers))))


def _others(exemplars: list[Exemplar], asked: list[int]) -> list[int]:
    return sorted(set(range(len(exemplars))) - set(asked))


def _samples(
    nlp: Language,
    exemplars: list[Exemplar],
    numbers: list[int],
    disable: list[str],
    tallies: Tallies,
    progress: bool,
) -> Iterator[Sample]:
    docs = nlp.pipe((exemplars[n].text for n in numbers), disable=disable, batch_size=_BATCH)
    with tqdm(total=len(numbers), unit="exemplar", disable=not progress) as bar:
        for number, doc in zip(numbers, docs, strict=True):
            yield _sample(doc, exemplars[number], tallies)
            bar.update()


def _sample(doc: Doc, exemplar: Exemplar, tallies: Tallies) -> Sample:
    spans = distinct_candidates(doc, "calibration")
    right = {place(item) for item in exemplar.selected}
    own = [(span.start_char, span.end_char, span.label_) in right for span in spans]
    record: dict[str, Any] = doc._.catalog_ner or {}
    return Sample(
        describe(doc, spans, tallies, own),
        own,
        None if record.get("failure") else verdicts_of(doc, spans),
    )
