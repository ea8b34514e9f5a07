"""How well and how fast conversational utterances are told from commands.

On the labelled utterances of the assets, and on a labelled sample of MASSIVE, of which only the
labels are kept here, by utterance id, in ``labels/massive_conversational.json``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.generation.traffic.detection import ConversationDetector
from spacy_catalog_ner.io.files import iter_jsonl

LABELS = Path(__file__).parent / "labels/massive_conversational.json"
LANGUAGES = ("en", "es")
REPETITIONS = 5
_FEW = 10_000  # texts: the assets alone are classified in a few milliseconds
_SAMPLES = 10_000
_SEED = 0


def measure_detection(assets: Path, data: Path | None) -> dict[str, Any]:
    """Measure precision, recall and throughput of the detectors of the package.

    Parameters
    ----------
    assets
        Folder with ``conversational/LANG.jsonl`` and ``conversational/unseen.LANG.jsonl``.
    data
        Folder with ``massive_en/train.jsonl.gz`` and ``test.jsonl.gz``; without it, nothing is
        measured on MASSIVE.

    Returns
    -------
    dict
        ``assets``: by language and by ``dev``, ``test`` and ``unseen``, what `score` gives.
        ``massive``: what `measure_massive` gives; None without data.
        ``throughput``: by language, what `measure_throughput` gives: in English on all of
        MASSIVE's train texts (left out without data), in Spanish on the texts of the assets over
        and over, 10,000 in all.

    Raises
    ------
    CatalogNERError
        If a file is missing or has broken rows, or a labelled text of MASSIVE is not in its test
        set.
    """
    detectors = {lang: ConversationDetector.load(lang) for lang in LANGUAGES}
    sets = {lang: _read_sets(assets / "conversational", lang) for lang in LANGUAGES}
    spanish = [row["text"] for rows in sets["es"].values() for row in rows]
    texts = {"es": list(islice(cycle(spanish), _FEW))}
    massive = None
    if data is not None:
        texts["en"] = [row["text"] for row in _read(data / "massive_en/train.jsonl.gz")]
        massive = measure_massive(detectors["en"], data / "massive_en/test.jsonl.gz", LABELS)
    return {
        "assets": {
            lang: {name: score(detectors[lang], rows) for name, rows in sets[lang].items()}
            for lang in LANGUAGES
        },
        "massive": massive,
        "throughput": {
            lang: measure_throughput(detectors[lang], texts[lang])
            for lang in LANGUAGES
            if lang in texts
        },
    }


def score(detector: ConversationDetector, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Compare the verdicts on some rows with their ``conversational``.

    Returns
    -------
    dict
        ``utterances``, ``conversational`` (how many of them are), ``taken`` (by the detector),
        ``right`` (taken and conversational), ``precision`` and ``recall``, 0 where undefined.
    """
    taken = [_takes(detector, row["text"]) for row in rows]
    labels = [row["conversational"] for row in rows]
    right = sum(t and c for t, c in zip(taken, labels, strict=True))
    return {
        "utterances": len(rows),
        "conversational": sum(labels),
        "taken": sum(taken),
        "right": right,
        "precision": round(right / max(sum(taken), 1), 4),
        "recall": round(right / max(sum(labels), 1), 4),
    }


def measure_massive(detector: ConversationDetector, path: Path, labels: Path) -> dict[str, Any]:
    """Estimate precision and recall on a whole set of which a sample is labelled.

    The sample was drawn from two strata: the utterances that the detector took then, and those
    it left. Each labelled text stands for (size of its stratum / labelled texts of the stratum)
    utterances (Horvitz and Thompson 1952, A Generalization of Sampling Without Replacement From a
    Finite Universe). The verdicts are today's: a text that changed sides keeps its weight.

    Nearly all of the weight is on the texts that were left, so that recall hangs on the few
    among them that are conversational: give it with its interval.

    Parameters
    ----------
    path
        The set, rows with ``text`` and ``meta.id``.
    labels
        JSON with ``taken`` and ``left``, the sizes of the strata, and ``labels``: by id,
        ``taken`` (the stratum) and ``conversational``.

    Returns
    -------
    dict
        ``precision`` and ``recall``, estimates for the whole set, each with its ``_interval``: 95 %
        percentile bootstrap with 10,000 resamples, each stratum resampled by itself and as if
        drawn from endlessly many utterances. ``strata``: by ``taken`` and ``left`` the
        ``utterances`` in the set, how many of them are ``labelled``, how many of these are
        ``conversational``, and how many of those the detector takes today, ``right``. ``changed``:
        labelled texts with another verdict than when they were drawn. ``taken``: utterances of
        the set taken today.

    Raises
    ------
    CatalogNERError
        If a labelled text is not in the set.
    """
    known = json.loads(labels.read_text(encoding="utf8"))
    texts = {row["meta"]["id"]: row["text"] for row in _read(path)}
    missing = sorted(known["labels"].keys() - texts.keys())
    if missing:
        raise CatalogNERError(
            f"{path}: expected the utterances that {labels.name} has labels of, but {len(missing)}"
            f" are not there, as id {missing[0]}: give the test set of MASSIVE 1.1, en-US"
        )
    verdicts = {key: _takes(detector, text) for key, text in texts.items()}
    cells = _count(known["labels"], verdicts)
    totals = np.array([known["taken"], known["left"]])
    figures = _estimate(cells[None], totals)[0]
    bounds = _bounds(cells, totals)
    return {
        "precision": round(float(figures[0]), 4),
        "precision_interval": bounds[0],
        "recall": round(float(figures[1]), 4),
        "recall_interval": bounds[1],
        "strata": {
            name: {
                "utterances": known[name],
                "labelled": int(row.sum()),
                "conversational": int(row[0] + row[2]),
                "right": int(row[0]),
            }
            for name, row in zip(("taken", "left"), cells, strict=True)
        },
        "changed": sum(row["taken"] != verdicts[key] for key, row in known["labels"].items()),
        "taken": sum(verdicts.values()),
    }


def measure_throughput(detector: ConversationDetector, texts: Sequence[str]) -> dict[str, Any]:
    """Classify some texts five times, one by one in one process.

    Returns
    -------
    dict
        ``texts``; ``wall_s`` and ``cpu_s``, the median of the wall-clock and of the CPU seconds;
        ``wall_per_s`` and ``cpu_per_s``, utterances per second of each.
    """
    runs = []
    for _ in range(REPETITIONS):
        wall, cpu = time.perf_counter(), time.process_time()
        for text in texts:
            _takes(detector, text)
        runs.append((time.perf_counter() - wall, time.process_time() - cpu))
    wall_s, cpu_s = (median(column) for column in zip(*runs, strict=True))
    return {
        "texts": len(texts),
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "wall_per_s": round(len(texts) / wall_s),
        "cpu_per_s": round(len(texts) / cpu_s),
    }


def _takes(detector: ConversationDetector, text: str) -> bool:
    return detector.accepts(detector(text))


def _read(path: Path) -> list[dict[str, Any]]:
    """Return all rows of a file; one that is left out would change the figures."""
    problems = Problems()
    rows = [row for _, row in iter_jsonl(path, problems)]
    if problems:
        raise CatalogNERError(f"{problems.messages[0]}: expected no broken rows; mend the file")
    return rows


def _read_sets(folder: Path, lang: str) -> dict[str, list[dict[str, Any]]]:
    """Return the labelled rows of a language by set."""
    rows = _read(folder / f"{lang}.jsonl")
    sets = {name: [row for row in rows if row["meta"]["split"] == name] for name in ("dev", "test")}
    return {**sets, "unseen": _read(folder / f"unseen.{lang}.jsonl")}


def _count(labels: dict[str, dict[str, bool]], verdicts: dict[str, bool]) -> np.ndarray:
    """Count by stratum (taken, left): right, spurious, missed, rightly left."""
    cells = np.zeros((2, 4), dtype=np.int64)
    for key, row in labels.items():
        cell = (0 if verdicts[key] else 2) + (0 if row["conversational"] else 1)
        cells[0 if row["taken"] else 1, cell] += 1
    return cells


def _estimate(cells: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Return precision and recall, (..., 2), of counts (..., strata, 4); 0 where undefined."""
    weights = totals / np.maximum(cells.sum(axis=-1), 1)
    right, spurious, missed, _ = np.moveaxis((cells * weights[..., None]).sum(axis=-2), -1, 0)
    whole = np.stack([right + spurious, right + missed], axis=-1)
    return np.divide(right[..., None], whole, out=np.zeros_like(whole), where=whole > 0)


def _bounds(cells: np.ndarray, totals: np.ndarray) -> list[list[float]]:
    """Return the intervals of precision and recall.

    Texts of one cell are interchangeable: how many of a resample fall into each is multinomial.
    """
    random = np.random.default_rng(_SEED)
    drawn = [random.multinomial(row.sum(), row / max(row.sum(), 1), size=_SAMPLES) for row in cells]
    figures = _estimate(np.stack(drawn, axis=1), totals)
    return np.percentile(figures, [2.5, 97.5], axis=0).T.round(4).tolist()
