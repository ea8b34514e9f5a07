"""The systems compared: baselines, the LLM in each form, and what is built on its verdicts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

from spacy.tokens import Doc, SpanGroup

from benchmarks.common.thresholds import Row, Scored, best_threshold
from benchmarks.teacher.runs import (
    SHOWN,
    extraction,
    make_pipeline,
    run,
    selection,
    time_one_by_one,
)
from benchmarks.teacher.sets import TeacherSet
from spacy_catalog_ner.calibration.calibrate import calibrate
from spacy_catalog_ner.calibration.confidence_calibrator import ConfidenceCalibrator
from spacy_catalog_ner.calibration.neighbour_vote import NeighbourVote
from spacy_catalog_ner.constraints.constraint_post_processor import ConstraintPostProcessor
from spacy_catalog_ner.doc.record import CANDIDATES, ENTITIES, SELECTED
from spacy_catalog_ner.evaluation import evaluate_rows
from spacy_catalog_ner.exemplars import ExemplarStore


@dataclass
class System:
    """What a system says of the development and the test texts.

    Attributes
    ----------
    dev
        Where there is one, a threshold is chosen on it.
    """

    name: str
    test: list[Scored]
    dev: list[Scored] | None = None
    seconds: float = 0.0
    usage: dict[str, float] = field(default_factory=dict)


class Systems:
    """Makes all systems for one set and one exemplar store.

    Parameters
    ----------
    sets
        The set.
    store
        Name of the exemplar store.
    folder
        Where answers of the LLM are kept.
    verdicts
        How many exemplars a calibration asks the LLM about.
    seed
        Of their choice.
    """

    def __init__(
        self, sets: TeacherSet, store: str, folder: Path, verdicts: int, seed: int
    ) -> None:
        self.sets = sets
        self.store = store
        self.folder = folder
        self.verdicts = verdicts
        self.seed = seed
        self._seconds: dict[str, float] = {}
        self._exemplars = ExemplarStore.from_disk(sets.stores[store])
        retriever = make_pipeline(sets, store, None)
        self._docs, seconds = {}, {}
        for part in ("dev", "test"):
            start = time.perf_counter()
            texts = [row["text"] for row in getattr(sets, part)]
            self._docs[part] = list(retriever.pipe(texts, batch_size=32))
            seconds[part] = (time.perf_counter() - start) / len(texts)
        self._retrieval = seconds["test"]

    def accept_all(self) -> System:
        """Select every candidate."""
        return self._score("accept-all", [_accept])

    def prior(self) -> System:
        """Select the longest match whose name was mostly right before."""
        vote = NeighbourVote(store=self._exemplars, neighbours=False, threshold=0)
        return self._score("longest match with prior", [vote], overlap="longest")

    def vote(self) -> System:
        """Select by neighbours and prior."""
        vote = NeighbourVote(store=self._exemplars, threshold=0)
        return self._score("neighbour vote", [vote])

    def extract(self, strategy: str = "dynamic") -> System:
        """Let the LLM write the entities, as shown by similar exemplars or by random ones (ICL)."""
        name, key = ("ICL+DER", "icl") if strategy == "dynamic" else ("ICL", f"icl-{strategy}")
        retrieval = {"k": SHOWN, "strategy": strategy}
        return self._ask(name, extraction(), retrieval, key, dev=False)

    def select(self, k: int, answer: str = "verdicts", strategy: str = "dynamic") -> System:
        """Let the LLM select, as shown by similar exemplars (SF+DER) or by random ones (SF)."""
        name, key = f"SF+DER, k = {k}", f"{answer}-{k}"
        if strategy != "dynamic":
            name, key = "SF", f"{key}-{strategy}"
        elif k == 0:
            name = "SF, k = 0"
        if answer != "verdicts":
            name += f", {answer}"
        retrieval = {"k": k, "strategy": strategy}
        return self._ask(name, selection(answer), retrieval, key, dev=answer == "verdicts")

    def constrained(self) -> System:
        """SF+DER and constraints."""
        return self._judged("SF+DER+constraints", [], overlap="confident")

    def calibrated(self, overlap: str = "allow") -> System:
        """SF+DER and calibration, and constraints if `overlap` is not allowed."""
        name = "SF+DER+calibration" + ("" if overlap == "allow" else "+constraints")
        return self._judged(name, [self._calibrator()], overlap)

    def known(self) -> System:
        """Calibration and constraints, without the LLM."""
        return self._score(
            "calibration+constraints, no LLM", [self._calibrator()], overlap="confident"
        )

    def _calibrator(self) -> ConfidenceCalibrator:
        """Fit a calibration, or open the one that was fitted before."""
        path = self.folder / f"{self.store}.calibration"
        if not path.exists():
            cache = str(self.folder / "responses.sqlite")
            nlp = make_pipeline(self.sets, self.store, selection(), cache=cache)
            calibrate(nlp, verdicts=self.verdicts, seed=self.seed).to_disk(path)
        return ConfidenceCalibrator(calibration=path, threshold=0)

    def _ask(self, name: str, task: Row, retrieval: Row, key: str, dev: bool) -> System:
        parts = ("dev", "test") if dev else ("test",)
        answers = {part: self._answers(key, task, retrieval, part) for part in parts}
        if key not in self._seconds:
            self._seconds[key] = time_one_by_one(self.sets, self.store, task, retrieval)
        found = {
            part: [self._scored(part, number, row, dev) for number, row in enumerate(rows)]
            for part, rows in answers.items()
        }
        return System(
            name,
            found["test"],
            found.get("dev"),
            self._seconds[key],
            _usage(answers["test"]),
        )

    def _answers(self, key: str, task: Row, retrieval: Row, part: str) -> list[Row]:
        # Where no exemplar is shown, the store does not matter
        path = self.folder / f"{self.store if retrieval['k'] else 'none'}-{key}.{part}.jsonl"
        return run(self.sets, self.store, task, retrieval, getattr(self.sets, part), path)

    def _scored(self, part: str, number: int, row: Row, has_confidences: bool) -> Scored:
        if not has_confidences or row["verdicts"] is None:
            return [(*span, 1.0) for span in row["selected"]]
        group = self._docs[part][number].spans[CANDIDATES]
        by_key = {
            (span.start_char, span.end_char, span.label_): verdict
            for span, verdict in zip(group, row["verdicts"], strict=True)
        }
        return [(*key, verdict) for key, verdict in by_key.items() if verdict is not None]

    def _judged(self, name: str, components: list[Callable[[Doc], Doc]], overlap: str) -> System:
        key = f"verdicts-{SHOWN}"
        asked = self.select(SHOWN)
        verdicts = {
            part: self._answers(key, selection(), {"k": SHOWN}, part) for part in ("dev", "test")
        }
        system = self._score(name, components or [_select], overlap, verdicts)
        system.seconds += asked.seconds - self._retrieval
        system.usage = asked.usage
        return system

    def _score(
        self,
        name: str,
        components: Sequence[Callable[[Doc], Doc]],
        overlap: str = "allow",
        verdicts: dict[str, list[Row]] | None = None,
    ) -> System:
        found = {}
        rules = ConstraintPostProcessor(overlap=overlap)
        for part, docs in self._docs.items():
            start = time.perf_counter()
            found[part] = []
            for number, doc in enumerate(docs):
                said = verdicts[part][number]["verdicts"] if verdicts else None
                doc.spans[CANDIDATES].attrs["verdicts"] = said
                for component in (*components, rules):
                    doc = component(doc)
                found[part].append(_entities(doc))
            seconds = (time.perf_counter() - start) / len(docs)
        return System(name, found["test"], found["dev"], self._retrieval + seconds)


def _accept(doc: Doc) -> Doc:
    doc.spans[SELECTED] = SpanGroup(doc, name=SELECTED, spans=list(doc.spans[CANDIDATES]))
    return doc


def _select(doc: Doc) -> Doc:
    doc = _accept(doc)
    group = doc.spans[CANDIDATES]
    said = group.attrs["verdicts"] or [None] * len(group)
    doc.spans[SELECTED].attrs["scores"] = [verdict or 0.0 for verdict in said]
    return doc


def _entities(doc: Doc) -> Scored:
    group = doc.spans[ENTITIES]
    scores = group.attrs.get("scores") or [1.0] * len(group)
    return [
        (span.start_char, span.end_char, span.label_, score)
        for span, score in zip(group, scores, strict=True)
    ]


def _usage(rows: list[Row]) -> dict[str, float]:
    return {key: mean(row["usage"][key] for row in rows) for key in rows[0]["usage"]}


def measure(system: System, sets: TeacherSet) -> Row:
    """Return the figures of a system on the test texts, its threshold chosen on the others."""
    threshold = 0.0 if system.dev is None else best_threshold(system.dev, sets.dev)
    micro = evaluate_rows(_rows(system.test, sets.test, threshold), sets.test).micro
    return {
        "system": system.name,
        "threshold": round(threshold, 4),
        **{key: getattr(micro, key) for key in ("precision", "recall", "f1")},
        "interval": micro.intervals.f1,
        "seconds": round(system.seconds, 4),
        **{key: round(value, 1) for key, value in system.usage.items()},
    }


def _rows(found: list[Scored], gold: list[Row], threshold: float) -> list[Row]:
    return [
        {
            "text": row["text"],
            "spans": [
                {"start": start, "end": end, "label": label}
                for start, end, label, score in spans
                if score >= threshold
            ],
        }
        for spans, row in zip(found, gold, strict=True)
    ]
