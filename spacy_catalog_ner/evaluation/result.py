"""The result of an evaluation: what `evaluate_rows` returns and ``evaluate -o`` writes as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.files import require_file

FORMAT_VERSION = 2  # 1 called spurious entities "invented"

Interval = tuple[float, float]  # lower and upper bound, of 95 %

# Resamples of fewer texts or gold entities are too much alike to call anything a loss. Of two
# equally good systems the bootstrap sees one in 1 simulation of 20 with five texts; with ten in the
# 1 of 40 that a 95 % interval promises.
MIN_EVIDENCE = 10


class Figures(msgspec.Struct):
    """What has a `to_dict`."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as its JSON has it."""
        data: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return data


class Score(Figures):
    """Counts of right (`tp`), spurious (`fp`) and missed (`fn`) entities, and figures of them.

    `precision` is the share of the predicted entities that is right, `recall` the share of gold
    that was found, `f1` is 2 tp / (2 tp + fp + fn). They are rounded to 4 decimals, and 0 where
    there is nothing to divide by.
    """

    tp: int
    fp: int
    fn: int
    precision: float
    recall: float
    f1: float

    @classmethod
    def of(cls, tp: int, fp: int, fn: int) -> Score:
        """Compute the figures of counts."""
        wholes = tp + fp, tp + fn, tp + (fp + fn) / 2
        return cls(tp, fp, fn, *(round(tp / whole, 4) if tp else 0.0 for whole in wholes))

    @classmethod
    def of_sets(cls, texts: Iterable[tuple[set[Any], set[Any]]]) -> Score:
        """Count what is predicted and what is in gold, text by text."""
        tp = predicted = gold = 0
        for found, wanted in texts:
            tp += len(found & wanted)
            predicted += len(found)
            gold += len(wanted)
        return cls.of(tp, predicted - tp, gold - tp)

    @property
    def gold(self) -> int:
        """Number of gold entities."""
        return self.tp + self.fn

    @property
    def predicted(self) -> int:
        """Number of predicted entities."""
        return self.tp + self.fp


class Intervals(Figures):
    """The 95 % intervals of the figures of a `Score`."""

    precision: Interval
    recall: Interval
    f1: Interval


class IntervalScore(Score):
    """A score with the intervals of its figures."""

    intervals: Intervals


class LengthScore(Score, rename={"first": "from", "last": "to"}):
    """The score of `texts` of `first` to `last` tokens; no limit where `last` is None.

    JSON calls these two ``from`` and ``to``.
    """

    first: int
    last: int | None
    texts: int

    @property
    def name(self) -> str:
        """The limits in words."""
        return f"{self.first} or more" if self.last is None else f"{self.first} to {self.last}"


class StageErrors(Figures):
    """Number of `missed` and of `spurious` spans due to a stage, and the same spans by `kinds`.

    `f1_if_perfect` is the micro F1 if there were none of them.
    """

    missed: int
    spurious: int
    kinds: dict[str, int]
    f1_if_perfect: float


class Confusion(Figures):
    """How often each label was predicted for which.

    `counts` has a row for each gold label and a last one for spurious entities; in each a column
    for each predicted label and a last one for missed entities.
    """

    labels: list[str]
    counts: list[list[int]]


class ReliabilityBin(Figures, rename={"first": "from", "last": "to"}):
    """Number of `spans` with a confidence from `first` to `last`, mean `confidence`, `accuracy`.

    JSON calls the limits ``from`` and ``to``.
    """

    first: float
    last: float
    spans: int
    confidence: float
    accuracy: float


class Reliability(Figures):
    """Confidence against accuracy, in the `bins` that have spans."""

    bins: list[ReliabilityBin]
    expected_calibration_error: float


class Change(Figures):
    """How an F1 differs from that of a baseline: from `before` to `after`, both 0 to 1.

    `points` is the difference in F1 points, of which 100 are the whole, and `interval` its 95 %
    interval. `evidence` is the number of texts, or of gold entities (of the label) where these are
    fewer. It `is_loss` if the whole interval is below 0, with an evidence of `MIN_EVIDENCE`.
    """

    before: float
    after: float
    points: float
    interval: Interval
    evidence: int
    is_loss: bool

    @property
    def verdict(self) -> str:
        """What to say of a fall: ``Loss``, ``Within noise`` or ``Too few to tell``."""
        if self.evidence < MIN_EVIDENCE:
            return "Too few to tell"
        return "Loss" if self.is_loss else "Within noise"


class Comparison(Figures):
    """How the F1 of a system differs from that of a `baseline`, for each label of either too.

    The `p_value` is that of `compare_systems`, None where only results were compared.
    """

    micro: Change
    per_label: dict[str, Change]
    p_value: float | None
    baseline: str

    def find_drops(self, max_drop: float, *, per_label: bool = False) -> dict[str, Change]:
        """Return what fell by more than `max_drop` points: the micro F1 (``""``), and any label.

        `Change.is_loss` tells a loss from noise. About one in forty falls that are only noise is
        taken for a loss, if `max_drop` does not prevent it: with many labels expect one now and
        then.
        """
        changes = {"": self.micro, **(self.per_label if per_label else {})}
        return {label: change for label, change in changes.items() if change.points < -max_drop}


class Result(Figures, omit_defaults=True):
    """The figures of predictions against gold, rounded to 4 decimals.

    Attributes
    ----------
    gold
        Digest of the texts and their gold spans, whatever their order: 16 hexadecimal digits, the
        same only where the gold set is.
    micro
        Of all spans; one is right if its start, end and label are.
    macro_precision, macro_recall, macro_f1, macro_f1_interval
        Means over the labels that occur in gold.
    per_label
        As `micro`, for each label of gold or predictions.
    boundary
        (start, end) whatever the label.
    type_accuracy
        Of the gold spans whose boundaries were predicted, the share whose label was too; None if
        there are none.
    overlap
        Spans of the same label that share a character, paired one to one and greedily as in
        `compare`: now and then another pairing would have one more.
    tokens
        (token, label), a token for each label of a span that it shares a character with; None
        without a tokenizer.
    candidate_recall
        Share of gold among the candidates, the ceiling of what can be selected; None where no row
        has candidates.
    errors, stages
        Errors of each of `KINDS` and of each of `STAGES`.
    by_novelty
        Scores of ``seen`` entities, which training had, and of ``unseen`` ones; None without
        training texts.
    calibration
        Whether the confidences can be trusted; None where there are none.
    """

    format_version: int
    texts: int
    gold: str
    micro: IntervalScore
    macro_precision: float
    macro_recall: float
    macro_f1: float
    macro_f1_interval: Interval
    per_label: dict[str, IntervalScore]
    boundary: Score
    type_accuracy: float | None
    overlap: Score
    tokens: Score | None
    candidate_recall: float | None
    confusion: Confusion
    errors: dict[str, int]
    stages: dict[str, StageErrors]
    by_length: list[LengthScore]
    by_novelty: dict[str, Score] | None
    calibration: Reliability | None
    comparison: Comparison | None = None
    seconds_per_text: float | None = None


class _Version(msgspec.Struct):
    format_version: int


def read_result(path: str | Path) -> Result:
    """Read a result that ``catalog-ner evaluate -o`` wrote.

    Raises
    ------
    CatalogNERError
        If it is missing, something else, not whole, or of another format version.
    """
    path = require_file(path, "a result of `catalog-ner evaluate -o`")
    data = path.read_bytes()
    try:
        version = msgspec.json.decode(data, type=_Version).format_version
        if version == FORMAT_VERSION:
            return msgspec.json.decode(data, type=Result)
    except msgspec.ValidationError as err:
        message = f"{path}: not a result that `catalog-ner evaluate -o` wrote ({err})"
        raise CatalogNERError(message) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        raise CatalogNERError(f"{path}: not JSON ({err})") from None
    raise CatalogNERError(
        f"{path}: result of format version {version}, expected {FORMAT_VERSION}; make it anew with"
        f" `catalog-ner evaluate PREDICTIONS GOLD -o {path}`"
    )
