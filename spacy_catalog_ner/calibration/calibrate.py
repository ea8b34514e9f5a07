"""Calibrating a pipeline's confidences on its own exemplars."""

from __future__ import annotations

import random
from collections import defaultdict

from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

from spacy_catalog_ner.calibration import Calibration, Tallies
from spacy_catalog_ner.calibration.candidate_scorer import describe, verdicts_of
from spacy_catalog_ner.calibration.fitting import Sample, fit_calibration
from spacy_catalog_ner.doc.candidates import distinct_candidates
from spacy_catalog_ner.doc.record import char_key
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.exemplars import Exemplar
from spacy_catalog_ner.exemplars.exemplar import duplicate_key

_RETRIEVER, _FILTER = "dynamic_exemplar_retriever", "llm_semantic_filter"


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
    exemplars = [
        each for each, is_allowed in zip(store.exemplars, allowed, strict=True) if is_allowed
    ]
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
