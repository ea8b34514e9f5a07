"""Running a pipeline over texts: over a file, resumably, or over rows in memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar, cast

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import minibatch
from tqdm import tqdm

from spacy_catalog_ner.doc.rows import doc_to_row
from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.io.row import Row
from spacy_catalog_ner.labelling.batches import MANY, SEVERAL, run_batch
from spacy_catalog_ner.labelling.checkpoint import Checkpoint, failed_path, summary_path
from spacy_catalog_ner.labelling.models import Price, choose_batch_size, fingerprint, name_models
from spacy_catalog_ner.labelling.sources import count_lines, read_source
from spacy_catalog_ner.labelling.summary import Summary


class LabellingStoppedError(CatalogNERError):
    """A run could not go on; what is done is kept, and the same command goes on after it."""


R = TypeVar("R", Row, dict[str, Any])


def label_rows(nlp: Language, rows: Sequence[R], progress: bool = True) -> Iterator[R]:
    """Yield each row with the spans that a pipeline finds.

    Parameters
    ----------
    nlp
        The pipeline.
    rows
        Rows with a text, all of them `Row` or all of them dicts as JSONL has them.
    progress
        Show a progress bar on stderr.

    Yields
    ------
    Row or dict
        The row, of the type that was given; where there is no answer to its text, without spans
        and with the reason as ``failure`` in its record, ``catalog_ner``.

    Raises
    ------
    CatalogNERError
        If a component raised one at every text of a batch (at two of them, or eight once any text
        was answered).
    ModelUnavailableError
        If the pipeline's model cannot be reached.
    """
    several = SEVERAL
    with tqdm(total=len(rows), unit="text", disable=not progress) as bar:
        for batch in minibatch(rows, choose_batch_size(nlp)):
            originals = [_original_row(Row.from_dict(row)) for row in batch]
            done = run_batch(nlp, [row.text for row in originals], bar.update, several=several)
            several = MANY if done.docs else several
            for number, (row, result) in enumerate(zip(batch, originals, strict=True)):
                reason = done.failure(number)
                if reason:
                    result.spans = []
                    result.keys["catalog_ner"] = {"failure": reason}
                else:
                    result = _answered_row(done.docs[number], result)
                yield cast(R, result if isinstance(row, Row) else result.to_dict())


def _original_row(row: Row) -> Row:
    """Return a copy of a row without the reason why it got no answer before."""
    keys = {key: value for key, value in row.keys.items() if key != "failure"}
    return Row(row.text, row.spans, keys)


def _answered_row(doc: Doc, row: Row) -> Row:
    """Return a row with what the pipeline made of its text.

    What the model counted is left out: it depends on the cache, and the same text labelled again
    should give the same row.
    """
    result = doc_to_row(doc, row)
    record = result.keys.get("catalog_ner")
    if record:
        kept = {key: value for key, value in record.items() if key not in ("usage", "failure")}
        result.keys["catalog_ner"] = kept
    return result


def label_file(
    nlp: Language,
    source: str | Path,
    target: str | Path,
    problems: Problems,
    *,
    limit: int = 0,
    batch_size: int | None = None,
    price: Price | None = None,
    budget: float | None = None,
    progress: bool = True,
) -> Summary:
    """Write one row with spans for every text of a file.

    Rows are written a batch at a time to ``TARGET.part``, see `Checkpoint`. If that is found, made
    by the same pipeline from the same input, the run goes on after it, and the result has the same
    bytes as if it had never stopped. A run that has ended is not done again, unless no text got an
    answer. Texts without an answer go to ``TARGET.failed.jsonl`` (with ``.jsonl`` of the target
    left out), with the reason as ``failure``; that file can be labelled in its turn. A summary goes
    to ``TARGET.summary.json``.

    Parameters
    ----------
    nlp
        The pipeline.
    source
        Texts, see `read_source`; ``failure`` and the keys that pipelines make are not kept.
    target
        JSONL to write.
    problems
        Receives rows that are skipped.
    limit
        Label at most so many texts; all if 0. A run with a larger limit goes on after them.
    batch_size
        Texts a batch: the most that an interruption can lose. See `choose_batch_size` for None.
    price
        Price of the model's tokens.
    budget
        Start no batch once so much is spent, in the currency of `price`. What is done is written
        to `target`; a run with a larger budget goes on after it.
    progress
        Show a progress bar on stderr, or that there is nothing left to do.

    Returns
    -------
    Summary
        What the run did.

    Raises
    ------
    CatalogNERError
        If there is no text in `source`, `target` is no other JSONL file or there is a run of
        another kind under way, or a budget is given without a price.
    LabellingStoppedError
        If the model cannot be reached, the disk is full, or a component raised a CatalogNERError
        at every text of a batch (at two of them, or eight once any text was answered) or anything
        else at the first eight. All batches done are kept.
    """
    source, target = Path(source), Path(target)
    if target.suffix != ".jsonl":
        raise CatalogNERError(f"{target}: expected the name of a .jsonl file to write")
    written = (target, failed_path(target), summary_path(target))
    if source.resolve() in map(Path.resolve, written):
        raise CatalogNERError(
            f"{source}: would be overwritten by its own output; name another file than {target}"
        )
    if budget is not None and price is None:
        raise CatalogNERError("a budget needs the price of the model's tokens")
    rows = read_source(source, problems)
    first = next(rows, None)  # before a file is made
    if first is None:
        raise CatalogNERError(f"{source}: no text in this file")
    lines = count_lines(source)
    identity = fingerprint(nlp, source)
    with Checkpoint(target, identity) as checkpoint:
        done = checkpoint.result
        if done is not None and done.stopped is not None and done.texts != limit:
            done = None
        texts = checkpoint.texts if done is None else done.texts
        if limit and texts > limit:
            raise CatalogNERError(
                f"{target}: has {texts} texts already, more than the limit of {limit}"
            )
        if done is not None:
            if progress:
                message = f"already done ({texts} texts); name another output to label again"
                print(f"{target}: {message}", file=sys.stderr)
            return done
        todo = islice(chain([first], rows), texts, limit or None)
        batches = minibatch(todo, batch_size or choose_batch_size(nlp))
        total = min(lines, limit or lines)
        bar = tqdm(desc=source.name, unit="text", initial=texts, total=total, disable=not progress)
        run = _Run(nlp, checkpoint, price, bar, lines, limit)
        try:
            with bar:
                stopped = "budget" if run.label(batches, budget) else None
            if stopped is None and limit and checkpoint.texts == limit:
                stopped = "limit"
            models = name_models(nlp)
            result = checkpoint.counts.summarise(price, problems.counts, stopped, models, identity)
            checkpoint.publish(result)
            return result
        except (CatalogNERError, OSError) as err:
            reason = f"{target}: {err.strerror or err}" if isinstance(err, OSError) else str(err)
            if checkpoint.texts:
                done_texts = f"{checkpoint.texts} texts are done and kept"
                reason += f"; {done_texts}, the same command goes on after them"
            raise LabellingStoppedError(reason) from err


@dataclass
class _Run:
    """A run that is under way."""

    nlp: Language
    checkpoint: Checkpoint
    price: Price | None
    bar: tqdm[Any]
    lines: int
    limit: int

    def label(self, batches: Iterable[list[tuple[Place, Row]]], budget: float | None) -> bool:
        """Label all batches, or until the budget is spent; tell whether it was spent."""
        counts = self.checkpoint.counts
        for number, batch in enumerate(batches):
            if budget is not None and self.price and self.price.cost(counts.usage) >= budget:
                return True
            start = time.perf_counter()
            rows, failed = self._label_batch([_original_row(row) for _, row in batch])
            seconds = time.perf_counter() - start
            counts.seconds += seconds
            if number:
                counts.timed_texts += len(batch)
                counts.timed_seconds += seconds
            self.checkpoint.append(rows, failed)
            self._show(self.lines - batch[-1][0].line)
        self._show(0)
        return False

    def _label_batch(self, batch: list[Row]) -> tuple[list[Row], list[Row]]:
        counts = self.checkpoint.counts
        # Else a run whose last two texts fail could not be ended
        several = MANY if counts.failures < counts.texts else SEVERAL
        texts = [row.text for row in batch]
        done = run_batch(self.nlp, texts, self.bar.update, several=several)
        if not (counts.texts or done.docs) and len(batch) >= MANY:
            raise CatalogNERError(
                f"all of the first {len(batch)} texts failed, the first with {done.failure(0)}"
            )
        rows, failed = [], []
        for number, row in enumerate(batch):
            reason = done.failure(number)
            if reason:
                row.keys["failure"] = reason
                failed.append(row)
            else:
                rows.append(_answered_row(done.docs[number], row))
                counts.add_labelled(done.docs[number])
        counts.texts += len(batch)
        counts.failures += len(failed)
        counts.usage += done.usage
        return rows, failed

    def _show(self, lines_left: int) -> None:
        """Show the counts after a batch; each line that is left may be a text."""
        counts = self.checkpoint.counts
        expected = counts.texts + lines_left
        self.bar.total = min(expected, self.limit or expected)
        figures: dict[str, Any] = {}
        usage = counts.usage
        tokens = usage.prompt_tokens + usage.cached_tokens + usage.output_tokens
        if tokens:
            figures["tokens"] = tqdm.format_sizeof(tokens)
        if self.price is not None:
            figures["cost"] = f"{self.price.cost(usage):.4f}"
        if counts.failures:
            figures["failed"] = counts.failures
        self.bar.set_postfix(figures, refresh=False)
        self.bar.update(counts.texts - self.bar.n)  # with those that failed
