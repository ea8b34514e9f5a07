"""Running a pipeline over a file of texts, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.util import minibatch

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.labelling.batches import MANY, SEVERAL, run_batch
from spacy_catalog_ner.labelling.checkpoint import Checkpoint, failed_path, summary_path
from spacy_catalog_ner.labelling.errors import LabellingStoppedError
from spacy_catalog_ner.labelling.fingerprint import fingerprint
from spacy_catalog_ner.labelling.models import choose_batch_size, name_models
from spacy_catalog_ner.labelling.prices import Price
from spacy_catalog_ner.labelling.progress import Progress, say_done
from spacy_catalog_ner.labelling.rows import answered_row, failed_row
from spacy_catalog_ner.labelling.sources import Row, count_lines, read_source
from spacy_catalog_ner.labelling.summary import Summary


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
) -> dict[str, Any]:
    """Write one row with spans for every text of `source`.

    Rows are written a batch at a time to ``TARGET.part``, see `Checkpoint`. If that is found, made
    by the same pipeline from the same input, the run goes on after it, and the result has the same
    bytes as if it had never stopped. A run that has ended is not done again, unless no text got an
    answer. Texts without one go to ``TARGET.failed.jsonl`` (with ``.jsonl`` of the target left
    out), with the reason as ``failure``; that file can be labelled in its turn. A summary goes to
    ``TARGET.summary.json``.

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
    dict
        The summary, see `Summary.result`, the names of the ``models`` that were asked, and the
        run's ``fingerprint``.

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
    _check_names(source, target)
    if budget is not None and price is None:
        raise CatalogNERError("a budget needs the price of the model's tokens")
    rows = _read_rows(source, problems)
    lines = count_lines(source)
    with Checkpoint(target, fingerprint(nlp, source)) as checkpoint:
        if checkpoint.result is not None and _is_done(checkpoint.result, target, limit):
            say_done(target, checkpoint.result["texts"], hidden=not progress)
            return checkpoint.result
        summary = Summary(**(checkpoint.summary or {}))
        _check_limit(checkpoint.part, summary.texts, limit)
        run = _Run(nlp, checkpoint, summary, price)
        todo = islice(rows, summary.texts, limit or None)
        batches = minibatch(todo, batch_size or choose_batch_size(nlp))
        try:
            with Progress(source.name, lines, limit, summary, price, hidden=not progress) as bar:
                stopped = "budget" if run.label(batches, budget, bar) else None
            if stopped is None and limit and summary.texts == limit:
                stopped = "limit"
            result = summary.result(price, problems.counts, stopped)
            return checkpoint.publish({**result, "models": name_models(nlp)})
        except (CatalogNERError, OSError) as err:
            raise run.stopped(err) from err


def _check_names(source: Path, target: Path) -> None:
    if target.suffix != ".jsonl":
        raise CatalogNERError(f"{target}: expected the name of a .jsonl file to write")
    written = (target, failed_path(target), summary_path(target))
    if source.resolve() in [path.resolve() for path in written]:
        raise CatalogNERError(
            f"{source}: would be overwritten by its own output; name another file than {target}"
        )


def _is_done(result: dict[str, Any], target: Path, limit: int) -> bool:
    """Tell if a run that has ended has labelled all that is wanted now."""
    if result["stopped"] is None:
        _check_limit(target, result["texts"], limit)
        return True
    return bool(result["texts"] == limit)


def _check_limit(path: Path, texts: int, limit: int) -> None:
    if limit and texts > limit:
        raise CatalogNERError(f"{path}: has {texts} texts already, more than the limit of {limit}")


def _read_rows(source: Path, problems: Problems) -> Iterator[tuple[int, Row]]:
    """Read on from the first text, so that a file without any is told before a file is made."""
    rows = read_source(source, problems)
    first = next(rows, None)
    if first is None:
        raise CatalogNERError(f"{source}: no text in this file")
    return chain([first], rows)


@dataclass
class _Run:
    """A run that is under way."""

    nlp: Language
    checkpoint: Checkpoint
    summary: Summary
    price: Price | None

    def label(
        self, batches: Iterator[list[tuple[int, Row]]], budget: float | None, bar: Progress
    ) -> bool:
        """Label batches up to the last, or until the budget is spent; tell if it was that."""
        for number, batch in enumerate(batches):
            if budget is not None and self._cost() >= budget:
                return True
            start = time.perf_counter()
            rows, failed = self._label_batch([row for _, row in batch], bar)
            self.summary.add_time(time.perf_counter() - start, len(batch), first=number == 0)
            self.checkpoint.append(rows, failed, self.summary.to_state())
            bar.update(batch[-1][0])
        bar.finish()
        return False

    def _label_batch(self, batch: list[Row], bar: Progress) -> tuple[list[Row], list[Row]]:
        texts = [row["text"] for row in batch]
        # Else a run whose last two texts fail could not be ended
        several = MANY if self.summary.failures < self.summary.texts else SEVERAL
        done = run_batch(self.nlp, texts, bar.advance, several=several)
        if not (self.summary.texts or done.docs) and len(batch) >= MANY:
            raise CatalogNERError(
                f"all of the first {len(batch)} texts failed, the first with {done.failure(0)}"
            )
        rows, failed = [], []
        for place, row in enumerate(batch):
            reason = done.failure(place)
            if reason:
                failed.append(failed_row(row, reason))
                self.summary.add_failed()
            else:
                rows.append(answered_row(done.docs[place], row))
                self.summary.add_labelled(done.docs[place])
        self.summary.add_usage(done.usage)
        return rows, failed

    def _cost(self) -> float:
        return 0.0 if self.price is None else self.price.cost(self.summary.usage)

    def stopped(self, error: Exception) -> LabellingStoppedError:
        """Say why the run could not go on and how it can."""
        texts = (self.checkpoint.summary or {}).get("texts", 0)
        reason = str(error)
        if isinstance(error, OSError):
            reason = f"{self.checkpoint.target}: {error.strerror or error}"
        if texts:
            reason += f"; {texts} texts are done and kept, the same command goes on after them"
        return LabellingStoppedError(reason)
