"""What a run did, in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
from spacy.tokens import Doc

from spacy_catalog_ner.doc.record import CANDIDATES, ENTITIES, SELECTED
from spacy_catalog_ner.labelling.models import Price
from spacy_catalog_ner.llm.prompt import Usage


class Summary(msgspec.Struct, kw_only=True):
    """What a run did, for the user; written as JSON next to the output.

    Attributes
    ----------
    texts, failures
        Texts that are done, and those of them without an answer.
    candidates, selected, entities, violations, proposals
        Of the texts that have an answer; violations of the constraints by kind.
    skipped
        Rows of the input that were skipped, by kind.
    calls, retries, cache_hits, prompt_tokens, cached_tokens, output_tokens
        What the model counted, see `spacy_catalog_ner.llm.prompt.Usage`.
    cost
        Of the tokens; None without a price.
    seconds, seconds_per_text
        Spent on whole batches, and on a text without the first batch after each start, which loads
        the models.
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
        """Count what is in the answer to a text."""
        self.candidates += len(doc.spans.get(CANDIDATES, ()))
        self.selected += len(doc.spans.get(SELECTED, ()))
        self.entities += len(doc.spans.get(ENTITIES, doc.ents))
        record = doc._.catalog_ner or {}
        self.proposals += len(record.get("proposals") or ())
        violations = Counter(self.violations) + Counter(record.get("violations") or {})
        self.violations = dict(sorted(violations.items()))

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
