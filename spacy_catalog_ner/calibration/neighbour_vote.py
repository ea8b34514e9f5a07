"""`neighbour_vote`: the baseline without a model, by exemplars and catalog alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_catalog_ner.calibration import Tallies
from spacy_catalog_ner.calibration.candidate_scorer import CandidateScorer, describe
from spacy_catalog_ner.calibration.features import PRIOR, vote_and_prior
from spacy_catalog_ner.calibration.logistic import sigmoid
from spacy_catalog_ner.exemplars import ExemplarStore


@Language.factory(
    "neighbour_vote",
    assigns=["doc.spans"],
    requires=["doc.spans"],
    default_config={"store": None, "neighbours": True, "threshold": 0.5},
)
def make_neighbour_vote(
    nlp: Language, name: str, store: str | None, neighbours: bool, threshold: float
) -> NeighbourVote:
    """Make the component that ``nlp.add_pipe("neighbour_vote")`` adds.

    Parameters
    ----------
    store
        Folder of an exemplar store, as ``catalog-ner exemplars build`` makes it. All of it
        counts, whatever a retriever holds out: where that matters, build one without.
    neighbours
        Also count the votes of the exemplars retrieved for the text. Without them no retriever is
        needed.
    threshold
        Lowest confidence of a candidate that is selected, between 0 and 1.
    """
    return NeighbourVote(name, store=store, neighbours=neighbours, threshold=threshold)


class NeighbourVote(CandidateScorer[Tallies]):
    """Selects by how often name and label were right before, and in similar texts.

    The *prior* is the share of right ones among the exemplars' candidates of the same name and
    label, drawn to that of the label where there are few. The *vote* is the share of right ones
    among candidates of the label in the exemplars retrieved for the text, weighted by similarity.
    The confidence is the mean of both, as log-odds.
    """

    _setting, _command, _type = "store", "catalog-ner exemplars build", Tallies
    tallies = CandidateScorer.knowledge

    def __init__(
        self,
        name: str = "neighbour_vote",
        *,
        store: str | Path | ExemplarStore | None = None,
        neighbours: bool = True,
        threshold: float = 0.5,
    ) -> None:
        known = Tallies(store.exemplars) if isinstance(store, ExemplarStore) else store
        super().__init__(name, threshold, known)
        self.neighbours = neighbours

    def _read(self, path: Path) -> Tallies:
        return Tallies(ExemplarStore.from_disk(path).exemplars)

    def _confidences(self, doc: Doc, spans: Sequence[Span]) -> np.ndarray:
        rows = describe(doc, spans, self.knowledge)
        odds = map(vote_and_prior, rows) if self.neighbours else rows[:, PRIOR]
        return sigmoid(np.array(list(odds)))
