"""Running a pipeline over a file of texts, so that a run that was killed goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

from spacy.language import Language
from spacy.util import minibatch
from tqdm import tqdm

from spacy_catalog_ner.about import __version__
from spacy_catalog_ner.annotations import read_texts
from spacy_catalog_ner.doc_rows import doc_to_row
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.files import dump_row, write_json


def label_file(
    nlp: Language,
    source: str | Path,
    target: str | Path,
    problems: Problems,
    *,
    limit: int = 0,
    batch_size: int = 8,
    progress: bool = True,
) -> dict[str, Any]:
    """Write one row with spans for every text of `source`.

    Rows are appended to ``TARGET.part`` a batch at a time and synced to disk; when all are there
    the file is renamed. If a matching ``.part`` file is found, made by the same pipeline from the
    same input, the run goes on after its last complete row.

    Parameters
    ----------
    nlp
        The pipeline.
    source
        JSONL with ``text``; other keys but ``spans`` are kept.
    target
        JSONL to write. A summary goes to ``TARGET`` with the suffix ``.summary.json``.
    problems
        Receives rows that are skipped.
    limit
        Label at most so many texts; all if 0.
    batch_size
        Texts a batch: the most that an interruption can lose.
    progress
        Show a progress bar on stderr.

    Returns
    -------
    dict
        The summary: texts, candidates, entities, violations by kind, failures, tokens, seconds.

    Raises
    ------
    CatalogNERError
        If there is no text in `source`, or `target` is no other JSONL file.
    """
    source, target = Path(source), Path(target)
    if target.suffix != ".jsonl" or target.resolve() == source.resolve():
        raise CatalogNERError(f"{target}: expected another file than the input, named *.jsonl")
    total = sum(1 for _ in islice(read_texts(source, Problems()), limit or None))
    if not total:
        raise CatalogNERError(f"{source}: no text in this file")
    target.parent.mkdir(parents=True, exist_ok=True)
    run = _Run(target, fingerprint(nlp, source, limit))
    summary = run.resume()
    done = summary["texts"]
    rows = islice((row for _, row in read_texts(source, problems)), done, limit or None)
    with (
        run.part.open("a", encoding="utf8") as stream,
        tqdm(
            total=total, initial=done, unit="text", desc=f"{source.name}", disable=not progress
        ) as bar,
    ):
        warm = False
        for batch in minibatch(rows, batch_size):
            batch = list(batch)
            if not warm:  # models are loaded at first use, which is not a cost of labelling
                nlp(batch[0]["text"])
                warm = True
            _label_batch(nlp, batch, stream, summary, bar)
            run.save(summary)
    summary["skipped"] = dict(sorted(problems.counts.items()))
    summary["seconds_per_text"] = summary["seconds"] / summary["texts"] if summary["texts"] else 0.0
    write_json(summary_path(target), summary)
    run.finish()
    return summary


def _label_batch(
    nlp: Language,
    batch: list[dict[str, Any]],
    stream: IO[str],
    summary: dict[str, Any],
    bar: Any,
) -> None:
    start = time.perf_counter()
    lines = []
    docs = nlp.pipe((row["text"] for row in batch), batch_size=len(batch))
    for row, doc in zip(batch, docs, strict=True):
        result = doc_to_row(doc, {key: value for key, value in row.items() if key != "spans"})
        lines.append(dump_row(result))
        _count(summary, result)
        bar.update()
    summary["seconds"] += time.perf_counter() - start
    stream.writelines(lines)
    stream.flush()
    os.fsync(stream.fileno())


def _count(summary: dict[str, Any], row: dict[str, Any]) -> None:
    record = row.get("catalog_ner") or {}
    summary["texts"] += 1
    summary["candidates"] += len(row.get("candidates", ()))
    summary["entities"] += len(row["spans"])
    summary["failures"] += bool(record.get("failure"))
    for name in ("violations", "usage"):
        counts = Counter(summary[name])
        counts.update(record.get(name) or {})
        summary[name] = dict(sorted(counts.items()))


def summary_path(target: Path) -> Path:
    """Return where the summary of a labelled file is."""
    return target.with_suffix(".summary.json")


def fingerprint(nlp: Language, source: Path, limit: int) -> str:
    """Return a hash that differs when the same run would give another output."""
    digest = hashlib.sha256(source.read_bytes())
    digest.update(nlp.config.to_str().encode("utf8"))
    digest.update(str(limit).encode("utf8"))
    digest.update(__version__.encode("utf8"))
    for _, component in nlp.pipeline:
        version = getattr(component, "content_version", None)
        if version is not None:  # cheaper than all of a large catalog
            digest.update(version.encode("utf8"))
        elif hasattr(component, "to_bytes"):
            digest.update(component.to_bytes())
    return digest.hexdigest()


class _Run:
    """The files of a run that is under way."""

    def __init__(self, target: Path, fingerprint: str) -> None:
        self.target = target
        self.part = target.with_name(f"{target.name}.part")
        self.state = target.with_name(f"{target.name}.part.json")
        self.fingerprint = fingerprint

    def resume(self) -> dict[str, Any]:
        """Cut the part file back to its last saved row and return the summary up to there."""
        summary: dict[str, Any] = {
            "texts": 0,
            "candidates": 0,
            "entities": 0,
            "failures": 0,
            "violations": {},
            "usage": {},
            "seconds": 0.0,
        }
        size = 0
        if self.part.is_file() and self.state.is_file():
            try:
                state = json.loads(self.state.read_text(encoding="utf8"))
            except ValueError:  # cut off by a full disk, say: start again
                state = {"fingerprint": ""}
            saved = state["fingerprint"] == self.fingerprint
            if saved and self.part.stat().st_size >= state["bytes"]:
                summary, size = state["summary"], state["bytes"]
        with self.part.open("ab") as stream:
            stream.truncate(size)
        return summary

    def save(self, summary: dict[str, Any]) -> None:
        """Remember that all rows written so far are complete."""
        state = {
            "fingerprint": self.fingerprint,
            "bytes": self.part.stat().st_size,
            "summary": summary,
        }
        write_json(self.state, state)

    def finish(self) -> None:
        """Give the finished file its name."""
        self.part.replace(self.target)
        self.state.unlink(missing_ok=True)


def label_rows(
    nlp: Language, rows: list[dict[str, Any]], progress: bool = True
) -> Iterator[dict[str, Any]]:
    """Yield each row with the spans that a pipeline finds, in memory."""
    docs = nlp.pipe((row["text"] for row in rows), batch_size=8)
    labelled = zip(rows, docs, strict=True)
    for row, doc in tqdm(labelled, total=len(rows), unit="text", disable=not progress):
        yield doc_to_row(doc, {key: value for key, value in row.items() if key != "spans"})
