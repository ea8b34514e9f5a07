"""`spacy_catalog_ner.catalog_suggester.v1`: the catalog's candidates for ``spancat``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from spacy.tokens import Doc
from thinc.api import Ops, get_current_ops
from thinc.types import Ragged

from spacy_catalog_ner.doc.record import CANDIDATES

Suggester = Callable[..., Ragged]


def make_catalog_suggester(spans_key: str = CANDIDATES) -> Suggester:
    """Make a suggester for ``spancat`` that proposes the catalog's candidates and nothing else.

    Parameters
    ----------
    spans_key
        The group of ``doc.spans`` that ``catalog_matcher`` writes. In training, name the matcher
        under ``[training] annotating_components``.
    """
    return partial(suggest_candidates, spans_key=spans_key)


def suggest_candidates(docs: Iterable[Doc], *, spans_key: str, ops: Ops | None = None) -> Ragged:
    """Return the token offsets of every candidate span once, and the number of them in each Doc."""
    ops = ops or get_current_ops()
    spans: list[tuple[int, int]] = []
    lengths: list[int] = []
    for doc in docs:
        found = sorted({(span.start, span.end) for span in doc.spans.get(spans_key, ())})
        spans.extend(found)
        lengths.append(len(found))
    offsets: Any = ops.asarray(spans, dtype="i") if spans else ops.alloc2i(0, 2)
    return Ragged(offsets, ops.asarray1i(lengths))
