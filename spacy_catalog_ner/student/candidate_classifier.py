"""`candidate_classifier`: the grounded student, which decides about each candidate."""

# No `from __future__ import annotations`: spaCy reads those of `initialize` to check its settings.
import random
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Self, get_args

import numpy as np
import srsly
from spacy import util
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc, Span
from spacy.training import Example, validate_examples
from spacy.training.batchers import minibatch_by_padded_size
from spacy.vocab import Vocab
from thinc.api import Config, Model, Optimizer, set_dropout_rate

from spacy_catalog_ner.calibration.logistic import sigmoid
from spacy_catalog_ner.doc.candidates import distinct_candidates, write_selection
from spacy_catalog_ner.doc.record import CANDIDATES, SELECTED, char_key
from spacy_catalog_ner.errors import CatalogNERError, require_share
from spacy_catalog_ner.evaluation.scorers import Scorer
from spacy_catalog_ner.student.candidate_features import CandidateFeatures
from spacy_catalog_ner.student.candidate_model import CandidateBatch
from spacy_catalog_ner.student.goals import Targets, gold_scores, make_goals

_PADDED_TOKENS = {"cpu": 256, "gpu": 16_384}  # most that the model reads at once, with padding

Text = tuple[Doc, list[Span]]  # with its candidates
Decision = tuple[list[list[Span]], np.ndarray]
"""The distinct candidates of each Doc that have a label it has learned, and all confidences."""

DEFAULT_MODEL = Config().from_str("""
[model]
@architectures = "spacy_catalog_ner.CandidateClassifier.v1"
hidden_size = 128

[model.tok2vec]
@architectures = "spacy.HashEmbedCNN.v2"
pretrained_vectors = null
width = 96
depth = 4
embed_size = 2000
window_size = 1
maxout_pieces = 3
subword_features = true
""")["model"]


@Language.factory(
    "candidate_classifier",
    assigns=["doc.spans"],
    requires=["doc.spans"],
    default_config={
        "model": DEFAULT_MODEL,
        "threshold": 0.5,
        "targets": "soft",
        "forget": 0.2,
        "seed": 0,
        "scorer": {"@scorers": "spacy_catalog_ner.spans_scorer.v1", "spans_key": SELECTED},
    },
    default_score_weights={
        f"spans_{SELECTED}_p": 0.0,
        f"spans_{SELECTED}_r": 0.0,
        f"spans_{SELECTED}_f": 1.0,
        f"spans_{SELECTED}_macro_f": 0.0,
        f"spans_{SELECTED}_boundary_f": 0.0,
        f"spans_{SELECTED}_type_accuracy": 0.0,
        f"spans_{SELECTED}_per_type": None,
    },
)
def make_candidate_classifier(
    nlp: Language,
    name: str,
    model: Model,
    threshold: float,
    targets: Targets,
    forget: float,
    seed: int,
    scorer: Scorer | None,
) -> "CandidateClassifier":
    """Make the component that ``nlp.add_pipe("candidate_classifier")`` adds.

    Parameters
    ----------
    model
        Gives log-odds for candidates; see
        `spacy_catalog_ner.student.candidate_model.make_candidate_model`.
    threshold
        Lowest confidence of a candidate that is selected, between 0 and 1. ``spacy
        find-threshold`` finds the best one for a development set.
    targets
        What is learned of a teacher's confidence p, where the training data has one: ``"soft"``:
        p itself; ``"weighted"``: the teacher's decision, with 2p - 1 or 1 - 2p as its weight;
        ``"hard"``: its decision. Without confidences they are the same.
    forget
        Share of training texts whose names are treated as never seen, so that the student learns
        to decide without the counts of single names.
    seed
        Seed of their choice.
    scorer
        Scores the selected candidates.
    """
    return CandidateClassifier(nlp.vocab, model, name, threshold, targets, forget, seed, scorer)


class CandidateClassifier(TrainablePipe):
    """Decides about every candidate of the catalog by sentence, name and catalog.

    It writes a confidence for each of ``doc.spans["candidates"]`` to its ``attrs["scores"]``, and
    those that reach the threshold to ``doc.spans["selected"]``. A span gets only labels that the
    catalog gives it. `constraint_post_processor` resolves several labels and nested spans.

    In training, ``catalog_matcher`` must be among ``[training] annotating_components``.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str = "candidate_classifier",
        threshold: float = 0.5,
        targets: Targets = "soft",
        forget: float = 0.2,
        seed: int = 0,
        scorer: Scorer | None = None,
    ) -> None:
        require_share("threshold", threshold)
        require_share("forget", forget)
        if targets not in (known := get_args(Targets)):
            expected = ", ".join(known)
            raise CatalogNERError(f"targets: expected one of {expected}, got {targets!r}")
        self.vocab = vocab
        self.model = model
        self.name = name
        self.threshold = threshold
        self.targets = targets
        self.forget = forget
        self.scorer = scorer
        self.cfg: dict[str, Any] = {"labels": []}
        self._features = CandidateFeatures()
        self._random = random.Random(seed)
        self._unknown: set[str] = set()  # labels that a warning was given for

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that it has learned."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> tuple[str, ...]:
        """What ``spacy init labels`` writes for `initialize`."""
        return self.labels

    def add_label(self, label: str) -> int:
        """Add a label before training; 0 if it is there already, otherwise 1."""
        if label in self.cfg["labels"]:
            return 0
        self._allow_extra_label()
        self.cfg["labels"].append(label)
        return 1

    def predict(self, docs: Iterable[Doc]) -> Decision:
        """Return the candidates of Docs and the confidence of each."""
        docs = list(docs)
        spans = [self._find_known(doc) for doc in docs]
        # Texts without candidates need no model
        texts = [(doc, found) for doc, found in zip(docs, spans, strict=True) if found]
        if not texts:
            return spans, np.zeros(0)
        # Texts of about the same length go together, so that little of what is read is padding
        size = _PADDED_TOKENS["cpu" if self.model.ops.device_type == "cpu" else "gpu"]
        log_odds: list[np.ndarray] = [np.zeros(0)] * len(texts)
        for some in minibatch_by_padded_size(
            enumerate(texts), size, len(texts), get_length=lambda item: len(item[1][0])
        ):
            numbers, batch = zip(*some, strict=True)
            odds = self.model.ops.to_numpy(self.model.predict(self._make_input(batch)))
            parts = np.split(odds, np.cumsum([len(found) for _, found in batch])[:-1])
            for number, part in zip(numbers, parts, strict=True):
                log_odds[number] = part
        return spans, sigmoid(np.concatenate(log_odds))

    def set_annotations(self, docs: Iterable[Doc], scores: Decision) -> None:
        """Write confidences of the candidates and those that are selected."""
        spans, confidences = scores
        offset = 0
        for doc, found in zip(docs, spans, strict=True):
            own = confidences[offset : offset + len(found)].tolist()
            write_selection(doc, found, own, self.threshold)
            offset += len(found)

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learn from a batch of Docs and their gold-standard spans."""
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "CandidateClassifier.update")
        if any(CANDIDATES not in example.predicted.spans for example in examples):
            raise CatalogNERError(
                f'{self.name} found no doc.spans["{CANDIDATES}"] in training: set'
                ' annotating_components = ["catalog_matcher"] under [training] in the config'
            )
        spans = [self._find_known(example.predicted) for example in examples]
        found = [(eg.predicted, some) for eg, some in zip(examples, spans, strict=True) if some]
        if not found:
            return losses
        set_dropout_rate(self.model, drop)
        log_odds, backprop = self.model.begin_update(self._make_input(found, training=True))
        loss, gradient = self.get_loss(examples, (spans, log_odds))
        backprop(gradient)
        if sgd is not None:
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def get_loss(
        self, examples: Iterable[Example], scores: tuple[list[list[Span]], Any]
    ) -> tuple[float, Any]:
        """Return the summed cross-entropy of the log-odds of all candidates, and its gradient."""
        spans, log_odds = scores
        goals = [
            goal
            for example, found in zip(examples, spans, strict=True)
            for goal in make_goals(example.reference, found, self.targets)
        ]
        target, weight = np.array(goals, dtype="float64").T
        guess = sigmoid(self.model.ops.to_numpy(log_odds).astype("float64"))
        safe = np.clip(guess, 1e-9, 1 - 1e-9)
        losses = -(target * np.log(safe) + (1 - target) * np.log(1 - safe))
        gradient = self.model.ops.asarray1f((weight * (guess - target)).astype("float32"))
        return float(weight @ losses), gradient

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: Sequence[str] | None = None,
    ) -> None:
        """Learn the labels, count the training texts, and size the model.

        Raises
        ------
        CatalogNERError
            If the training texts have no candidates, or none of them is right.
        """
        texts: list[Text] = []
        rights: list[list[bool]] = []
        count, missed = 0, Counter[str]()
        for count, example in enumerate(get_examples(), start=1):  # noqa: B007
            doc = self._find_candidates(example.predicted, nlp)
            gold = gold_scores(example.reference)
            found = distinct_candidates(doc, self.name)
            keys = [char_key(span) for span in found]
            missed.update(label for _, _, label in gold.keys() - set(keys))
            if found:
                texts.append((doc, found))
                rights.append([key in gold for key in keys])
        self._check_training_texts(count, rights, missed)
        for label in labels or sorted({span.label_ for _, found in texts for span in found}):
            self.add_label(label)
        self._features.fit(texts, rights)
        self.model.get_ref("output").set_dim("nO", len(self.labels))
        sample = [(doc, self._select_known(found)) for doc, found in texts[:10]]
        self.model.initialize(X=self._make_input(sample))

    def _find_candidates(self, predicted: Doc, nlp: Language | None) -> Doc:
        """Run the components before this one that need no training, on a Doc of its own."""
        if CANDIDATES in predicted.spans or nlp is None:
            return predicted
        doc = nlp.make_doc(predicted.text)
        for _, component in nlp.pipeline:
            if component is self:
                break
            if not getattr(component, "is_trainable", False):
                doc = component(doc)
        return doc

    def _check_training_texts(
        self, count: int, rights: list[list[bool]], missed: Counter[str]
    ) -> None:
        """Raise an error if there is nothing to learn, and warn of entities that are missed."""
        right = sum(map(sum, rights))
        if not rights:
            raise CatalogNERError(
                f"{self.name}: none of {count} training texts has a candidate; is this the catalog"
                " of these texts?"
            )
        if not right:
            raise CatalogNERError(
                f"{self.name}: no candidate of {count} training texts is right: they have"
                f" {missed.total()} entities, none of them a name of the catalog with that label"
            )
        if missed:
            most = ", ".join(f"{label} {number}" for label, number in missed.most_common(5))
            warnings.warn(
                f"{self.name}: {missed.total()} of {missed.total() + right} entities of the"
                f" training texts are no candidates and cannot be learned ({most})",
                stacklevel=2,
            )

    def _find_known(self, doc: Doc) -> list[Span]:
        return self._select_known(distinct_candidates(doc, self.name))

    def _select_known(self, spans: list[Span]) -> list[Span]:
        """Leave out candidates with labels that training did not have."""
        labels = self.cfg["labels"]
        unknown = {span.label_ for span in spans}.difference(labels, self._unknown)
        if unknown and labels:
            self._unknown |= unknown
            warnings.warn(
                f"{self.name} has not learned the labels {', '.join(sorted(unknown))} of the"
                " catalog: names with them are not selected until it is trained with them",
                stacklevel=2,
            )
        return [span for span in spans if span.label_ in labels]

    def _make_input(
        self, texts: Sequence[Text], *, training: bool = False
    ) -> tuple[list[Doc], CandidateBatch]:
        """Return what the model reads; in training, some texts have the counts of names hidden."""
        numbers = {label: number for number, label in enumerate(self.cfg["labels"])}
        rows, features, offset = [], [], 0
        for doc, spans in texts:
            forget = training and self._random.random() < self.forget
            features.append(self._features.describe(doc, spans, training=training, forget=forget))
            rows += [(offset + s.start, offset + s.end, numbers[s.label_]) for s in spans]
            offset += len(doc)
        starts, ends, labels = np.array(rows, dtype="int64").reshape(-1, 3).T
        return [doc for doc, _ in texts], CandidateBatch(
            starts, ends, labels, np.concatenate(features)
        )

    # TrainablePipe keeps labels, vocabulary and weights

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialise labels, weights and the counts of names."""
        parts = srsly.msgpack_loads(super().to_bytes(exclude=exclude))
        if "features" not in exclude:
            parts["features"] = self._features.to_bytes()
        return bytes(srsly.msgpack_dumps(parts))

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> Self:
        """Load what `to_bytes` gave."""
        super().from_bytes(data, exclude=exclude)
        util.from_bytes(data, {"features": self._features.from_bytes}, exclude)
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write labels, weights and the counts of names to a folder."""
        super().to_disk(path, exclude=exclude)
        parts = {"features": lambda p: p.write_bytes(self._features.to_bytes())}
        util.to_disk(path, parts, exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> Self:
        """Load what `to_disk` wrote."""
        super().from_disk(path, exclude=exclude)
        parts = {"features": lambda p: self._features.from_bytes(p.read_bytes())}
        util.from_disk(path, parts, exclude)
        return self
