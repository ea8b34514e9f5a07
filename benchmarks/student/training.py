"""Training a student in a process of its own, and what it says of every text.

Run as a script, it takes a `Training` as JSON. What is done is kept: a run that was stopped goes
on with the trainings that are left.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import spacy

from benchmarks.common.command import REPOSITORY
from benchmarks.common.thresholds import Row, Scored, read_answers
from benchmarks.student.sets import StudentSet
from spacy_catalog_ner.io.files import atomic_write

_CONFIGS = REPOSITORY / "configs"


@dataclass(frozen=True)
class Training:
    """One student.

    Attributes
    ----------
    folder
        Of the `StudentSet`.
    student
        ``grounded`` or ``plain``.
    train
        Part, or parts joined by "+", that it is trained on.
    tests
        Parts that it is asked about, the first to choose a threshold on.
    steps
        Updates, of about 500 tokens each.
    settings
        Further values of the config.
    """

    folder: str
    catalog: str
    student: str
    train: str
    tests: tuple[str, ...]
    seed: int
    steps: int
    settings: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """What its files are called."""
        settings = "".join(f",{key.rsplit('.', 1)[-1]}={value}" for key, value in self.settings)
        return f"{self.train},{self.student}{settings},{self.steps},{self.seed}"

    @property
    def made(self) -> StudentSet:
        """The set."""
        return StudentSet(Path(self.folder), Path(self.catalog))

    @property
    def model(self) -> Path:
        """The trained pipeline."""
        return Path(self.folder) / "trained" / self.name / "model-best"

    @property
    def answers(self) -> Path:
        """What it says of the texts, part by part."""
        return Path(self.folder) / "trained" / self.name / "answers.json"


def train_all(trainings: Sequence[Training], jobs: int) -> None:
    """Do the trainings that are not done, each on one core."""
    left = list(dict.fromkeys(each for each in trainings if not each.answers.exists()))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}

    def do(number: int) -> None:
        training = left[number]
        start = time.perf_counter()
        command = [sys.executable, "-m", "benchmarks.student.training"]
        command.append(json.dumps(asdict(training)))
        result = subprocess.run(command, env=environment, capture_output=True, text=True)
        if result.returncode:
            raise RuntimeError(f"{training.name}:\n{result.stdout[-2000:]}{result.stderr[-4000:]}")
        minutes = (time.perf_counter() - start) / 60
        print(f"{number + 1} of {len(left)}: {training.name}, {minutes:.1f} min", file=sys.stderr)

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(do, range(len(left))))


def train(training: Training) -> None:
    """Train with ``spacy train`` and answer."""
    made = training.made
    out = training.model.parent
    out.mkdir(parents=True, exist_ok=True)
    grounded = training.student == "grounded"
    config = _CONFIGS / ("student_grounded.cfg" if grounded else "student_ner.cfg")
    values: dict[str, Any] = {
        "paths.train": _join([made.docs(part) for part in training.train.split("+")], out),
        "paths.dev": made.docs(training.tests[0]),
        "system.seed": training.seed,
        "training.max_steps": training.steps,
        "training.eval_frequency": training.steps,
        "training.optimizer.learn_rate.warmup_steps": training.steps // 10,
        **dict(training.settings),
    }
    if grounded:
        values["paths.catalog"] = training.catalog
    trained = out / "trained"  # it is done: spaCy writes models before that, too
    if not trained.exists():
        command = [sys.executable, "-m", "spacy", "train", str(config), "-o", str(out)]
        for key, value in values.items():
            command += [f"--{key}", str(value)]
        subprocess.run(command, check=True)
        trained.touch()
    tests = {part: made.rows(part) for part in training.tests}
    answer(training, tests, training.answers)
    shutil.rmtree(out / "model-last", ignore_errors=True)  # the best one is kept


def answer(
    training: Training,
    tests: Mapping[str, Sequence[Row]],
    path: Path,
    *,
    names: Sequence[Row] = (),
    catalog: Path | None = None,
) -> dict[str, list[Scored]]:
    """Return what a trained student says of the texts of each test; it is kept in a file.

    These are entities with their confidences, also those below the threshold. A student that has a
    catalog takes another `catalog` first, and the `names` to those it has.
    """
    if not path.exists():
        nlp = spacy.load(training.model)
        if nlp.has_pipe("candidate_classifier"):
            nlp.get_pipe("candidate_classifier").threshold = 0.01
            if catalog is not None:
                nlp.get_pipe("catalog_matcher").reload(catalog)
            nlp.get_pipe("catalog_matcher").add_entries(names)
        answers = {
            part: [
                _entities(doc) for doc in nlp.pipe([row["text"] for row in rows], batch_size=128)
            ]
            for part, rows in tests.items()
        }
        with atomic_write(path) as stream:
            json.dump(answers, stream)
    return read_answers(path)


def _entities(doc: Any) -> Scored:
    if "entities" in doc.spans:
        spans, scores = list(doc.spans["entities"]), doc.spans["entities"].attrs.get("scores", [])
    else:  # the plain student, which gives no confidences
        spans, scores = list(doc.ents), [1.0] * len(doc.ents)
    return [
        (span.start_char, span.end_char, span.label_, round(float(score), 5))
        for span, score in zip(spans, scores, strict=True)
    ]


def _join(paths: list[Path], folder: Path) -> Path:
    """Return a file, or a folder of several, which spaCy reads all of."""
    if len(paths) == 1:
        return paths[0]
    joined = folder / "train"
    joined.mkdir(exist_ok=True)
    for path in paths:
        shutil.copy(path, joined)
    return joined


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    given["tests"] = tuple(given["tests"])
    given["settings"] = tuple(tuple(pair) for pair in given["settings"])
    train(Training(**given))
