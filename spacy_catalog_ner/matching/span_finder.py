"""Finding the spans of Docs that a catalog has names for, with NumPy, many Docs at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from spacy.tokens import Doc, Span, SpanGroup

from spacy_catalog_ner.catalog import Snapshot
from spacy_catalog_ner.doc.record import update_record
from spacy_catalog_ner.matching.token_batch import TokenBatch
from spacy_catalog_ner.matching.token_forms import TokenForms

_Keys = tuple[tuple[int, int], ...]


class SpanFinder:
    """Finds the spans of Docs that a snapshot of a catalog has names for.

    Parameters
    ----------
    snapshot
        The names.
    forms
        Normal forms of tokens, of the snapshot's normalisation.
    spans_key
        The group of ``doc.spans`` to write.
    drop_nested
        Leave out candidates within a longer candidate of the same label.

    Attributes
    ----------
    batch_size
        How many Docs are best looked at together. With more, what they hold no longer fits into
        the processor's cache, and reading them again costs more than is saved.
    """

    batch_size = 128

    def __init__(
        self, snapshot: Snapshot, forms: TokenForms, spans_key: str, drop_nested: bool
    ) -> None:
        self.snapshot = snapshot
        self.forms = forms
        self._spans_key = spans_key
        self._drop_nested = drop_nested

    def annotate(self, docs: list[Doc]) -> None:
        """Write the candidates of each Doc, by start, the longest first, and their number.

        Parameters
        ----------
        docs
            Docs of one vocab.
        """
        snapshot = self.snapshot
        batch = TokenBatch(docs, self.forms)
        found = [batch.overlay_stretches(snapshot.overlay)] if snapshot.overlay.entries else []
        if snapshot.catalog is not None:
            found.append(batch.stretches(snapshot.catalog))
        if not found:  # every name was removed
            found = [(np.empty(0, dtype=np.int64),) * 2]
        one, two = (np.concatenate(part) for part in zip(*found, strict=True))
        if len(found) > 1:
            one, two = np.unique(np.stack([one, two]), axis=1)
        order = np.lexsort((-two, one))
        one, two = one[order], two[order]
        # The stretches of document i are those from bounds[i] to bounds[i + 1].
        bounds = np.searchsorted(batch.docs[one], np.arange(len(docs) + 1)).tolist()
        starts, ends = batch.starts[one].tolist(), batch.ends[two].tolist()
        first, end = batch.first[one].tolist(), (batch.last[two] + 1).tolist()
        keys = _Names(snapshot, docs[0])
        for number, doc in enumerate(docs):
            spans = [
                Span(doc, first[i], end[i], label=label, kb_id=identifier)
                for i in range(bounds[number], bounds[number + 1])
                for label, identifier in keys[batch.text[starts[i] : ends[i]]]
            ]
            if self._drop_nested:
                spans = list(_without_nested(spans))
            doc.spans[self._spans_key] = SpanGroup(doc, name=self._spans_key, spans=spans)
            update_record(doc, candidates=len(spans))


def _without_nested(spans: list[Span]) -> Iterator[Span]:
    """Yield the spans that no longer one of the same label contains.

    Parameters
    ----------
    spans
        By start, the longest first.
    """
    reach: dict[int, tuple[int, int]] = {}  # per label, the span so far that ends last
    for span in spans:
        start, end = reach.get(span.label, (-1, -1))
        if end < span.end or (start, end) == (span.start, span.end):
            reach[span.label] = (span.start, span.end)
            yield span


class _Names(dict[str, _Keys]):
    """What a name stands for, as integers of a string store, looked up once in a batch."""

    def __init__(self, snapshot: Snapshot, doc: Doc) -> None:
        super().__init__()
        self._snapshot = snapshot
        self._strings = doc.vocab.strings

    def __missing__(self, form: str) -> _Keys:
        add = self._strings.add
        keys = tuple((add(label), add(id_)) for label, id_ in self._snapshot.candidates(form))
        self[form] = keys
        return keys
