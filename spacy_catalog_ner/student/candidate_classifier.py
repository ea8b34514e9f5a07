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
from spacy_catalog_ner.student.candidate_batch import CandidateBatch
from spacy_catalog_ner.student.candidate_features import CandidateFeatures
from spacy_catalog_ner.student.goals import Targets, gold_scores, make_goals

_PADDED_TOKENS = {"cpu": 256, "gpu": 16_384}  # that the model reads at once, with padding

Decision = tuple[list[list[Span]], np.ndarray]
"""The distinct candidates of each Doc that the student knows the label of, and all confidences."""

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
        to do without what it knows of single names.
    seed
        Of their choice.
    scorer
        Scores the selected candidates.
    """
    return CandidateClassifier(
        nlp.vocab,
        model,
        name,
        threshold=threshold,
        targets=targets,
        forget=forget,
        seed=seed,
        scorer=scorer,
    )


class CandidateClassifier(TrainablePipe):
    """Decides about every candidate of the catalog by sentence, name and catalog.

    It reads ``doc.spans["candidates"]``. The confidences of all of them are written to its
    ``attrs["scores"]``, and those that reach the threshold to ``doc.spans["selected"]`` with
    theirs. A span gets no label but those that the catalog gives it; several labels and nested
    spans are possible, and `constraint_post_processor` resolves them.

    In training, ``catalog_matcher`` must be among ``[training] annotating_components``, so that
    the candidates are found in every text as in use.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str = "candidate_classifier",
        *,
        threshold: float = 0.5,
        targets: Targets = "soft",
        forget: float = 0.2,
        seed: int = 0,
        scorer: Callable[..., dict[str, Any]] | None = None,
    ) -> None:
        require_share("threshold", threshold)
        require_share("forget", forget)
        if targets not in get_args(Targets):
            known = ", ".join(get_args(Targets))
            raise CatalogNERError(f"targets: expected one of {known}, got {targets!r}")
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
        self._unknown: set[str] = set()  # labels that have been warned of

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
        spans = [self._known(distinct_candidates(doc, self.name)) for doc in docs]
        # Texts without candidates need no model
        asked = [(doc, found) for doc, found in zip(docs, spans, strict=True) if found]
        if not asked:
            return spans, np.zeros(0)
        # Texts of about the same length go together, so that little of what is read is padding
        size = _PADDED_TOKENS["cpu" if self.model.ops.device_type == "cpu" else "gpu"]
        log_odds: list[np.ndarray] = [np.zeros(0)] * len(asked)
        for some in minibatch_by_padded_size(
            enumerate(asked), size, len(asked), get_length=lambda item: len(item[1][0])
        ):
            numbers, pairs = zip(*some, strict=True)
            parts = np.cumsum([len(found) for _, found in pairs])[:-1]
            for number, part in zip(numbers, np.split(self._ask(pairs), parts), strict=True):
                log_odds[number] = part
        return spans, sigmoid(np.concatenate(log_odds))

    def _ask(self, asked: Sequence[tuple[Doc, list[Span]]]) -> np.ndarray:
        """Return the log-odds of all candidates of some texts."""
        features = [self._features.describe(doc, found) for doc, found in asked]
        batch = self._make_batch(asked, features)
        log_odds: np.ndarray = self.model.ops.to_numpy(
            self.model.predict(([doc for doc, _ in asked], batch))
        )
        return log_odds

    def set_annotations(self, docs: Iterable[Doc], scores: Decision) -> None:
        """Write confidences of the candidates and those that are selected."""
        spans, confidences = scores
        offset = 0
        for doc, found in zip(docs, spans, strict=True):
            mine = confidences[offset : offset + len(found)].tolist()
            write_selection(doc, found, mine, self.threshold)
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
        spans = [self._known(distinct_candidates(eg.predicted, self.name)) for eg in examples]
        asked = [(eg, found) for eg, found in zip(examples, spans, strict=True) if found]
        if not asked:
            return losses
        features = [
            self._features.describe(
                eg.predicted, found, training=True, forget=self._random.random() < self.forget
            )
            for eg, found in asked
        ]
        batch = self._make_batch([(eg.predicted, found) for eg, found in asked], features)
        set_dropout_rate(self.model, drop)
        docs = [eg.predicted for eg, _ in asked]
        log_odds, backprop = self.model.begin_update((docs, batch))
        loss, gradient = self.get_loss(
            [eg for eg, _ in asked], ([found for _, found in asked], log_odds)
        )
        backprop(gradient)
        if sgd is not None:
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def get_loss(
        self, examples: Iterable[Example], scores: tuple[list[list[Span]], Any]
    ) -> tuple[float, Any]:
        """Return the cross-entropy of log-odds, summed, and its gradient.

        Parameters
        ----------
        examples
            Texts with their gold spans.
        scores
            The candidates of each, and the log-odds of all of them.

        Returns
        -------
        loss, gradient
            The gradient has the shape of the log-odds.
        """
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
        asked: list[tuple[Doc, list[Span]]] = []
        rights: list[list[bool]] = []
        texts, missed = 0, Counter[str]()
        for example in get_examples():
            texts += 1
            doc = self._find_candidates(example.predicted, nlp)
            gold = gold_scores(example.reference)
            found = distinct_candidates(doc, self.name)
            places = [char_key(span) for span in found]
            missed.update(label for _, _, label in gold.keys() - set(places))
            if found:
                asked.append((doc, found))
                rights.append([each in gold for each in places])
        self._check_training_texts(texts, rights, missed)
        for label in labels or sorted({span.label_ for _, found in asked for span in found}):
            self.add_label(label)
        self._features.fit(asked, rights)
        sample = [(doc, self._known(found)) for doc, found in asked[:10]]
        features = [self._features.describe(doc, found) for doc, found in sample]
        batch = self._make_batch(sample, features)
        self.model.get_ref("output").set_dim("nO", len(self.labels))
        self.model.initialize(X=([doc for doc, _ in sample], batch))

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
        self, texts: int, rights: list[list[bool]], missed: Counter[str]
    ) -> None:
        right = sum(map(sum, rights))
        if not rights:
            raise CatalogNERError(
                f"{self.name}: none of {texts} training texts has a candidate; is this the catalog"
                " of these texts?"
            )
        if not right:
            raise CatalogNERError(
                f"{self.name}: no candidate of {texts} training texts is right: they have"
                f" {missed.total()} entities, none of them a name of the catalog with that label"
            )
        if missed:
            most = ", ".join(f"{label} {count}" for label, count in missed.most_common(5))
            warnings.warn(
                f"{self.name}: {missed.total()} of {missed.total() + right} entities of the"
                f" training texts are no candidates and cannot be learned ({most})",
                stacklevel=2,
            )

    def _known(self, spans: list[Span]) -> list[Span]:
        """Leave out candidates with labels that were not there in training."""
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

    def _make_batch(
        self, asked: Sequence[tuple[Doc, list[Span]]], features: Sequence[np.ndarray]
    ) -> CandidateBatch:
        numbers = {label: number for number, label in enumerate(self.cfg["labels"])}
        rows, offset = [], 0
        for doc, spans in asked:
            rows += [(offset + s.start, offset + s.end, numbers[s.label_]) for s in spans]
            offset += len(doc)
        starts, ends, labels = np.array(rows, dtype="int64").reshape(-1, 3).T
        return CandidateBatch(starts, ends, labels, np.concatenate(features))

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """Score the selected candidates against the gold entities."""
        return {} if self.scorer is None else self.scorer(examples, **kwargs)

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialise labels, weights and what is known of names."""
        serializers: dict[str, Callable[[], Any]] = {
            "cfg": lambda: srsly.json_dumps(self.cfg),
            "features": self._features.to_bytes,
            "vocab": lambda: self.vocab.to_bytes(exclude=exclude),
            "model": self.model.to_bytes,
        }
        return bytes(util.to_bytes(serializers, exclude))

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> Self:
        """Load what `to_bytes` gave."""
        deserializers: dict[str, Callable[[bytes], Any]] = {
            "cfg": lambda b: self._set_cfg(srsly.json_loads(b)),
            "features": self._features.from_bytes,
            "vocab": lambda b: self.vocab.from_bytes(b, exclude=exclude),
            "model": self.model.from_bytes,
        }
        util.from_bytes(data, deserializers, exclude)
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write labels, weights and what is known of names to a folder."""
        serializers: dict[str, Callable[[Path], Any]] = {
            "cfg": lambda p: srsly.write_json(p, self.cfg),
            "features": lambda p: p.write_bytes(self._features.to_bytes()),
            "vocab": lambda p: self.vocab.to_disk(p, exclude=exclude),
            "model": lambda p: self.model.to_disk(p),
        }
        util.to_disk(path, serializers, exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> Self:
        """Load what `to_disk` wrote."""
        deserializers: dict[str, Callable[[Path], Any]] = {
            "cfg": lambda p: self._set_cfg(srsly.read_json(p)),
            "features": lambda p: self._features.from_bytes(p.read_bytes()),
            "vocab": lambda p: self.vocab.from_disk(p, exclude=exclude),
            "model": lambda p: self.model.from_bytes(p.read_bytes()),
        }
        util.from_disk(path, deserializers, exclude)
        return self

    def _set_cfg(self, cfg: dict[str, Any]) -> None:
        self.cfg = cfg
        # Before the weights: a model knows the size of its last layer by the labels
        self.model.get_ref("output").set_dim("nO", len(self.labels))
