"""Calibrating a pipeline's confidences on its own exemplars, each left out in its turn."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

from spacy_catalog_ner.calibration import Calibration, Tallies
from spacy_catalog_ner.calibration.candidate_scorer import describe, verdicts_of
from spacy_catalog_ner.calibration.fitting import Sample, fit_calibration
from spacy_catalog_ner.calibration.tallies import place
from spacy_catalog_ner.doc.candidates import distinct_candidates
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.exemplars import Exemplar
from spacy_catalog_ner.exemplars.exemplar import duplicate_key

_RETRIEVER, _FILTER = "dynamic_exemplar_retriever", "llm_semantic_filter"


class _Part(NamedTuple):
    """Exemplars that go through the same components."""

    name: str
    numbers: list[int]
    disable: list[str]
    batch_size: int


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
    retriever = nlp.get_pipe(retrievers[0])
    store = retriever.store
    # What is not to be retrieved is not to be known by another way either
    allowed = store.select(retriever.lang, retriever.held_out)
    exemplars = [
        each for each, is_allowed in zip(store.exemplars, allowed, strict=True) if is_allowed
    ]
    texts: dict[str, list[Exemplar]] = defaultdict(list)
    for exemplar in exemplars:
        texts[duplicate_key(exemplar.text)].append(exemplar)
    # Of duplicates one is looked at, and all are left out of what is known of it
    groups = list(texts.values())
    asked = _choose(groups, verdicts if filters else 0, seed)
    tallies = Tallies(exemplars)

    last = nlp.pipe_names.index(retrievers[0])
    later = nlp.pipe_names[last + 1 :]
    quick = _Part("without the LLM", _others(groups, asked), later, 64)
    slow = _Part("with the LLM", asked, [name for name in later if name not in filters], 8)
    samples = [
        sample
        for part in (quick, slow)
        for sample in _samples(nlp, groups, part, tallies, progress)
    ]
    return fit_calibration(samples, tallies)


def _choose(groups: list[list[Exemplar]], count: int, seed: int) -> list[int]:
    numbers = [number for number, group in enumerate(groups) if group[0].candidates]
    return sorted(random.Random(seed).sample(numbers, min(count, len(numbers))))


def _others(groups: list[list[Exemplar]], asked: list[int]) -> list[int]:
    return sorted(set(range(len(groups))) - set(asked))


def _samples(
    nlp: Language, groups: list[list[Exemplar]], part: _Part, tallies: Tallies, progress: bool
) -> Iterator[Sample]:
    texts = (groups[number][0].text for number in part.numbers)
    docs = nlp.pipe(texts, disable=part.disable, batch_size=part.batch_size)
    with tqdm(
        total=len(part.numbers), unit="exemplar", desc=part.name, disable=not progress
    ) as bar:
        for number, doc in zip(part.numbers, docs, strict=True):
            yield _sample(doc, groups[number], tallies)
            bar.update()


def _sample(doc: Doc, group: list[Exemplar], tallies: Tallies) -> Sample:
    spans = distinct_candidates(doc, "calibration")
    right = {place(item) for item in group[0].selected}
    record: dict[str, Any] = doc._.catalog_ner or {}
    return Sample(
        describe(doc, spans, tallies, group),
        [(span.start_char, span.end_char, span.label_) in right for span in spans],
        None if record.get("failure") else verdicts_of(doc, spans),
    )
