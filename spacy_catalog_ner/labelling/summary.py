"""What a run did, in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
from spacy.tokens import Doc

from spacy_catalog_ner.doc.record import CANDIDATES, ENTITIES, SELECTED
from spacy_catalog_ner.labelling.prices import Price
from spacy_catalog_ner.llm.prompt import Usage


class Summary(msgspec.Struct, kw_only=True):
    """What a run did, for the user; written as JSON beside the output.

    Attributes
    ----------
    texts
        Texts that are done, those that failed included.
    failures
        Texts without an answer.
    candidates, selected, entities, proposals
        Of the texts that have an answer.
    violations
        Of the constraints, by kind.
    skipped
        Rows of the input that were skipped, by kind.
    calls, retries, cache_hits, prompt_tokens, cached_tokens, output_tokens
        What the model counted, see `spacy_catalog_ner.llm.prompt.Usage`.
    cost
        Of the tokens; None without a price.
    seconds
        Spent on whole batches.
    seconds_per_text
        Without the first batch after each start, which loads the models.
    stopped
        What ended the run before the end of the input: ``"budget"``, ``"limit"`` or None.
    models
        Names of the models that were asked.
    fingerprint
        Hash of everything that can change the output.
    """

    texts: int
    failures: int
    candidates: int
    selected: int
    entities: int
    violations: dict[str, int]
    proposals: int
    skipped: dict[str, int]
    calls: int
    retries: int
    cache_hits: int
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    cost: float | None
    seconds: float
    seconds_per_text: float
    stopped: str | None
    models: list[str]
    fingerprint: str


class Counts(msgspec.Struct):
    """The counts of a run so far, kept in its checkpoint.

    Those that `Summary` has too mean the same; ``timed_texts`` and ``timed_seconds`` leave out the
    first batch after each start.
    """

    texts: int = 0
    failures: int = 0
    candidates: int = 0
    selected: int = 0
    entities: int = 0
    proposals: int = 0
    violations: dict[str, int] = {}
    usage: Usage = Usage()
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

    def add_time(self, seconds: float, texts: int, *, first: bool) -> None:
        """Count the time of a batch of so many texts, which may be the first after a start."""
        self.seconds += seconds
        if not first:
            self.timed_texts += texts
            self.timed_seconds += seconds

    def summarise(
        self,
        price: Price | None,
        skipped: Mapping[str, int],
        stopped: str | None,
        models: Sequence[str],
        fingerprint: str,
    ) -> Summary:
        """Return the summary for the user."""
        counts = msgspec.to_builtins(self)
        usage, texts, seconds = map(counts.pop, ("usage", "timed_texts", "timed_seconds"))
        if not texts:  # a run of one batch has no other time
            texts, seconds = self.texts, self.seconds
        return Summary(
            **counts,
            **usage,
            skipped=dict(sorted(skipped.items())),
            cost=None if price is None else price.cost(self.usage),
            seconds_per_text=seconds / texts if texts else 0.0,
            stopped=stopped,
            models=list(models),
            fingerprint=fingerprint,
        )
