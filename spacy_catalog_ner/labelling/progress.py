"""How far a run is, on stderr."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from tqdm import tqdm

from spacy_catalog_ner.labelling.prices import Price
from spacy_catalog_ner.labelling.summary import Summary


class Progress:
    """A bar with rate, time left, failures, tokens and, where there is a price, cost.

    How many texts are to come is not known before they are read. At most there is one in every
    line that is left.

    Parameters
    ----------
    name
        Of the input.
    lines
        How many it has.
    limit
        Texts to label at most; all if 0.
    summary
        The counts so far.
    price
        Of the model's tokens.
    hidden
        Show nothing.
    """

    def __init__(
        self,
        name: str,
        lines: int,
        limit: int,
        summary: Summary,
        price: Price | None,
        *,
        hidden: bool,
    ) -> None:
        self._lines = lines
        self._limit = limit
        self._summary = summary
        self._price = price
        self._bar = tqdm(
            desc=name,
            unit="text",
            initial=summary.texts,
            total=min(lines, limit or lines),
            disable=hidden,
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()

    def advance(self) -> None:
        """Count a text that is done."""
        self._bar.update()

    def update(self, line: int) -> None:
        """Show the counts, now that all texts up to a line of the input are done."""
        texts = self._summary.texts
        expected = texts + self._lines - line
        self._bar.total = min(expected, self._limit or expected)
        figures: dict[str, Any] = {}
        usage = self._summary.usage
        tokens = usage["prompt_tokens"] + usage["cached_tokens"] + usage["output_tokens"]
        if tokens:
            figures["tokens"] = tqdm.format_sizeof(tokens)
        if self._price is not None:
            figures["cost"] = f"{self._price.cost(usage):.4f}"
        if self._summary.failures:
            figures["failed"] = self._summary.failures
        self._bar.set_postfix(figures, refresh=False)
        self._bar.update(texts - self._bar.n)  # with those that failed

    def finish(self) -> None:
        """Show that no text is left, though lines may be that have none."""
        self.update(self._lines)


def say_done(target: Path, texts: int, *, hidden: bool) -> None:
    """Say that a run has ended before, and how it can be made again."""
    if not hidden:
        message = f"{target}: already done ({texts} texts); name another output to label again"
        print(message, file=sys.stderr)
