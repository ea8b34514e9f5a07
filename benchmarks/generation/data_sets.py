"""The data sets that the project's workflow makes, and what is left at each step."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.io.annotated import read_texts
from spacy_catalog_ner.io.files import iter_jsonl, write_jsonl

_NEEDED = ("assets", "configs", "project.yml")


def measure_data_set(repository: Path, folder: Path, lang: str) -> tuple[Path, dict[str, Any]]:
    """Run the workflow ``dataset`` in a copy of what it needs.

    Returns
    -------
    copy
        Where it ran.
    found
        ``seconds``, ``counts`` after each step, patterns ``rejected`` by kind, and the ``card``.
    """
    folder.mkdir(parents=True)
    for name in _NEEDED:
        source = repository / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("*.catalog"))
        else:
            shutil.copy(source, folder / name)
    start = time.perf_counter()
    _run(folder, "python -m spacy project run dataset .", "--vars.lang", lang)
    seconds = time.perf_counter() - start
    made = folder / f"corpus/media-{lang}/dataset"
    card = json.loads((made / "sets/card.json").read_text(encoding="utf8"))
    sources = [folder / f"assets/media/{name}.{lang}.jsonl" for name in ("traffic", "exemplars")]
    answers = Counter(row["answer"] for row in _rows(made / "decisions.jsonl"))
    counts = {
        "traffic": sum(len(_rows(path)) for path in sources),
        **_count_steps(made),
        "accepted": answers["accept"],
        "rejected in review": answers["reject"],
        "patterns populated": card["population"]["patterns"],
        "utterances": sum(len(_rows(path)) for path in made.glob("sets/*.jsonl")),
    }
    found = {"seconds": seconds, "counts": counts, "rejected": _rejected(made), "card": card}
    return folder, found


def measure_massive(folder: Path, data: Path) -> dict[str, Any]:
    """Go as far as patterns from MASSIVE's training utterances, without their annotations.

    Names are those of the default assets, and they are found by the teacher; patterns are not
    reviewed.

    Parameters
    ----------
    folder
        A copy in which `measure_data_set` has run.
    data
        Folder with ``massive_en/train.jsonl.gz``.

    Returns
    -------
    dict
        ``counts`` after each step, and patterns ``rejected`` by kind.
    """
    made = folder / "corpus/massive"
    texts = [row.text for _, row in read_texts(data / "massive_en/train.jsonl.gz", Problems())]
    write_jsonl(made / "traffic.jsonl", ({"text": text, "lang": "en"} for text in texts))
    for name in ("exemplars", "calibrate"):
        _run(folder, f"python -m spacy project run {name} .")
    _run(folder, "catalog-ner generate detect corpus/massive/traffic.jsonl"
         " -o corpus/massive/conversational.jsonl --lang en")  # fmt: skip
    sets = "corpus/media-en"
    _run(folder, "catalog-ner label corpus/massive/conversational.jsonl"
         " -o corpus/massive/labelled.jsonl --pipeline configs/teacher.cfg"
         " --paths.catalog assets/media.catalog --paths.labels configs/labels/media.yml"
         f" --paths.exemplars {sets}/exemplars --paths.calibration {sets}/calibration"
         f" --paths.cache {sets}/responses.sqlite")  # fmt: skip
    _run(folder, "catalog-ner generate cluster corpus/massive/labelled.jsonl"
         " -o corpus/massive/clustered.jsonl --lang en")  # fmt: skip
    _run(folder, "catalog-ner generate patterns corpus/massive/clustered.jsonl"
         " -o corpus/massive/patterns.jsonl --labels configs/labels/media.yml"
         " --catalog assets/media.catalog --lang en")  # fmt: skip
    named = sum(bool(row["spans"]) for row in _rows(made / "labelled.jsonl"))
    counts = {"traffic": len(texts), **_count_steps(made)}
    counts = {"traffic": counts.pop("traffic"), "with names found": named, **counts}
    return {"counts": counts, "rejected": _rejected(made)}


def _count_steps(made: Path) -> dict[str, int]:
    clustered = _rows(made / "clustered.jsonl")
    return {
        "conversational": len(_rows(made / "conversational.jsonl")),
        "clusters": len({row["cluster"] for row in clustered} - {None}),
        "rare": sum(row["rare"] for row in clustered),
        "patterns": len(_rows(made / "patterns.jsonl")),
        "patterns rejected": len(_rows(made / "patterns.rejected.jsonl")),
    }


def _rejected(made: Path) -> dict[str, int]:
    kinds = Counter(row["reason"] for row in _rows(made / "patterns.rejected.jsonl"))
    return dict(kinds.most_common())


def _rows(path: Path) -> list[dict[str, Any]]:
    return [row for _, row in iter_jsonl(path, Problems())]


def _run(folder: Path, command: str, *more: str) -> None:
    words = [*command.split(), *more]
    if words[0] == "python":
        words[0] = sys.executable
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        words, cwd=folder, env={**os.environ, "PATH": scripts}, capture_output=True, text=True
    )
    if result.returncode:
        raise CatalogNERError(f"{command}: {result.stderr.strip() or result.stdout[-2000:]}")
