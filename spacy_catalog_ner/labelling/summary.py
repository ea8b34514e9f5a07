"""What a run did, in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from spacy.tokens import Doc

from spacy_catalog_ner.doc.record import CANDIDATES, ENTITIES, SELECTED
from spacy_catalog_ner.labelling.prices import Price

USAGE = ("calls", "retries", "cache_hits", "prompt_tokens", "cached_tokens", "output_tokens")
"""What a model counts, see `spacy_catalog_ner.llm.prompt.Usage`."""


@dataclass
class Summary:
    """The counts of a run, kept with its checkpoint so that they go on with it.

    Attributes
    ----------
    texts
        Texts that are done, those that failed among them.
    failures
        Texts without an answer.
    candidates, selected, entities, proposals
        Of the texts that have an answer.
    violations
        Of the constraints, by kind.
    usage
        Of the model, for all texts; a batch that was interrupted is not in it.
    seconds
        Spent on whole batches.
    timed_texts, timed_seconds
        The same without the first batch after each start, which loads the models.
    """

    texts: int = 0
    failures: int = 0
    candidates: int = 0
    selected: int = 0
    entities: int = 0
    proposals: int = 0
    violations: dict[str, int] = field(default_factory=dict)
    usage: dict[str, int] = field(default_factory=lambda: dict.fromkeys(USAGE, 0))
    seconds: float = 0.0
    timed_texts: int = 0
    timed_seconds: float = 0.0

    def add_labelled(self, doc: Doc) -> None:
        """Count a text that has an answer."""
        self.texts += 1
        self.candidates += len(doc.spans.get(CANDIDATES, ()))
        self.selected += len(doc.spans.get(SELECTED, ()))
        self.entities += len(doc.spans.get(ENTITIES, doc.ents))
        record = doc._.catalog_ner or {}
        self.proposals += len(record.get("proposals") or ())
        violations = Counter(self.violations)
        violations.update(record.get("violations") or {})
        self.violations = dict(sorted(violations.items()))

    def add_failed(self) -> None:
        """Count a text that has none."""
        self.texts += 1
        self.failures += 1

    def add_usage(self, usage: Mapping[str, int]) -> None:
        """Count what answers cost."""
        for name in USAGE:
            self.usage[name] += usage.get(name, 0)

    def add_time(self, seconds: float, texts: int, *, first: bool) -> None:
        """Count the time that a batch took.

        Parameters
        ----------
        seconds
            The time.
        texts
            Texts in the batch.
        first
            Whether it was the first after a start.
        """
        self.seconds += seconds
        if not first:
            self.timed_texts += texts
            self.timed_seconds += seconds

    def to_state(self) -> dict[str, Any]:
        """Return what ``Summary(**state)`` restores."""
        return asdict(self)

    def result(
        self, price: Price | None, skipped: Mapping[str, int], stopped: str | None
    ) -> dict[str, Any]:
        """Return the summary for the user.

        Parameters
        ----------
        price
            Price of the model's tokens; the cost is None without one.
        skipped
            Rows of the input that were skipped, by kind.
        stopped
            What ended the run before the end of the input: ``"budget"``, ``"limit"`` or None.
        """
        # A run of one batch has no other time
        texts, seconds = self.timed_texts, self.timed_seconds
        if not texts:
            texts, seconds = self.texts, self.seconds
        counts = ("texts", "failures", "candidates", "selected", "entities")
        return {
            **{name: getattr(self, name) for name in counts},
            "violations": self.violations,
            "proposals": self.proposals,
            "skipped": dict(sorted(skipped.items())),
            **self.usage,
            "cost": None if price is None else price.cost(self.usage),
            "seconds": self.seconds,
            "seconds_per_text": seconds / texts if texts else 0.0,
            "stopped": stopped,
        }
