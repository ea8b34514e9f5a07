"""Asking the LLM about every text of a set, each answer kept, so that a run can go on later."""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import mean
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

from benchmarks.teacher.sets import TeacherSet
from spacy_catalog_ner.doc.record import CANDIDATES, SELECTED

Row = dict[str, Any]
SHOWN = 5  # exemplars, as in configs/teacher.cfg
_TIMED = 20


def make_pipeline(
    sets: TeacherSet, store: str, task: Row | None, retrieval: Row | None = None, **model: Any
) -> Language:
    """Make matcher and retriever and, where there is a task, the LLM.

    `retrieval` has settings of the retriever, ``k`` and ``strategy``.
    """
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher", config={"catalog": str(sets.catalog)})
    nlp.add_pipe(
        "dynamic_exemplar_retriever",
        config={"store": str(sets.stores[store]), "k": SHOWN, **(retrieval or {})},
    )
    if task is not None:
        task = {"labels": str(sets.labels_path), **task}
        model = {"@llm_models": "spacy_catalog_ner.LlamaCpp.v1", **model}
        nlp.add_pipe("llm_semantic_filter", config={"task": task, "model": model})
    return nlp


def selection(answer: str = "verdicts") -> Row:
    """Return the config of the task that selects; it keeps all verdicts."""
    task = {"@llm_tasks": "spacy_catalog_ner.SemanticFilter.v1", "answer": answer}
    return {**task, "threshold": 0.0} if answer == "verdicts" else task


def extraction() -> Row:
    """Return the config of the generative baseline."""
    return {"@llm_tasks": "spacy_catalog_ner.DirectExtraction.v1"}


def run(
    sets: TeacherSet, store: str, task: Row, retrieval: Row, rows: list[Row], path: Path
) -> list[Row]:
    """Return what the LLM said of every text, asking about those that `path` does not have yet.

    Returns
    -------
    list
        For each text ``selected`` spans, ``verdicts`` (of all candidates, in their order, or
        None), ``usage`` and ``failure``.
    """
    done = _read(path)
    if len(done) < len(rows):
        nlp = _warm(sets, store, task, retrieval)
        with path.open("a", encoding="utf8") as stream:
            waiting = rows[len(done) :]
            for row in tqdm(waiting, desc=path.stem, unit="text", mininterval=10):
                done.append(_answer(nlp(row["text"])))
                stream.write(json.dumps(done[-1]) + "\n")
                stream.flush()
    return done[: len(rows)]


def time_one_by_one(sets: TeacherSet, store: str, task: Row, retrieval: Row) -> float:
    """Return the mean seconds that a test text takes, matching and retrieval included.

    It is measured apart from the answers, which may come from several runs on a busy machine.
    """
    nlp = _warm(sets, store, task, retrieval)
    seconds = []
    for row in sets.test[:_TIMED]:
        start = time.perf_counter()
        nlp(row["text"])
        seconds.append(time.perf_counter() - start)
    return mean(seconds)


def _warm(sets: TeacherSet, store: str, task: Row, retrieval: Row) -> Language:
    """Make a pipeline that has loaded its models and read the static part of the prompt."""
    nlp = make_pipeline(sets, store, task, retrieval)
    text = sets.dev[0]["text"]
    nlp(text)
    nlp(f"{text} and this")
    return nlp


def _read(path: Path) -> list[Row]:
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf8").splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):  # the run was killed while it wrote
        path.write_text("".join(lines[:-1]), encoding="utf8")
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _answer(doc: Doc) -> Row:
    record = doc._.catalog_ner
    spans = [[span.start_char, span.end_char, span.label_] for span in doc.spans[SELECTED]]
    verdicts = doc.spans[CANDIDATES].attrs.get("verdicts")
    return {
        "selected": spans,
        "verdicts": None
        if verdicts is None
        else [None if v is None else round(v, 6) for v in verdicts],
        "usage": record["usage"],
        "failure": record["failure"],
    }
