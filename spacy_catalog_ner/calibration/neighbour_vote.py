"""`neighbour_vote`: the baseline without a model, what exemplars and catalog say on their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_catalog_ner.calibration import Tallies
from spacy_catalog_ner.calibration.candidate_scorer import CandidateScorer, describe
from spacy_catalog_ner.calibration.features import prior, vote_and_prior
from spacy_catalog_ner.calibration.logistic import sigmoid
from spacy_catalog_ner.errors import CatalogNERError
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
        Let the exemplars retrieved for the text vote beside the prior of the name; without them
        no retriever is needed.
    threshold
        Lowest confidence of a candidate that is selected, between 0 and 1.
    """
    return NeighbourVote(name, store=store, neighbours=neighbours, threshold=threshold)


class NeighbourVote(CandidateScorer):
    """Selects by how often name and label were right before, and in similar texts.

    The *prior* is the share of exemplars' candidates of the same name and label that were right,
    drawn to that of the label where there are few. The *vote* is the same share in the exemplars
    retrieved for the text, weighted by similarity, of candidates of the same label. The
    confidence has the mean of their log-odds.
    """

    def __init__(
        self,
        name: str = "neighbour_vote",
        *,
        store: str | Path | ExemplarStore | None = None,
        neighbours: bool = True,
        threshold: float = 0.5,
    ) -> None:
        super().__init__(name, threshold)
        self.neighbours = neighbours
        self._path = Path(store) if isinstance(store, str | Path) else None
        self._tallies = Tallies(store.exemplars) if isinstance(store, ExemplarStore) else None

    @property
    def tallies(self) -> Tallies:
        """Counts of the exemplars.

        Raises
        ------
        CatalogNERError
            If no store is configured, or none is there.
        """
        if self._tallies is None:
            if self._path is None:
                raise CatalogNERError(
                    f"{self.name} has no exemplars: set its `store` to a folder made by"
                    " `catalog-ner exemplars build`"
                )
            self._tallies = Tallies(ExemplarStore.from_disk(self._path).exemplars)
        return self._tallies

    def _confidences(self, doc: Doc, spans: Sequence[Span]) -> np.ndarray:
        strength = vote_and_prior if self.neighbours else prior
        rows = describe(doc, spans, self.tallies)
        return sigmoid(np.array([strength(row) for row in rows]))

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialise the counts."""
        empty = self._path is None and self._tallies is None
        return b"" if empty else self.tallies.to_bytes()

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> NeighbourVote:
        """Load what `to_bytes` gave."""
        if data:
            self._path, self._tallies = None, Tallies.from_bytes(data)
        return self
