"""`project.yml`: that every step finds what it needs, and (slow) all of it on very little data."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import srsly
from conftest import REPOSITORY
from weasel.util.config import load_project_config

from spacy_catalog_ner.reporting.markdown import escape_markdown

GENERATED = ("corpus/", "training/", "packages/", "reports/")
PROJECT = load_project_config(REPOSITORY)
COMMANDS = {command["name"]: command for command in PROJECT["commands"]}
# What nobody can find in the repository: the folder that the one who runs `benchmark` has
SUPPLIED = {PROJECT["vars"]["conll"]}


def produced(path: str, outputs: set[str]) -> bool:
    """Say whether `path` is an output or lies in one."""
    return any(path == output or path.startswith(f"{output}/") for output in outputs)


def test_every_dependency_is_in_the_repository_or_made_by_an_earlier_command():
    outputs = {asset["dest"] for asset in PROJECT["assets"]} | SUPPLIED
    for name in [*PROJECT["workflows"]["all"], *COMMANDS]:
        for path in COMMANDS[name].get("deps", ()):
            in_repository = not path.startswith(GENERATED) and (REPOSITORY / path).exists()
            assert in_repository or produced(path, outputs), f"{name} needs {path}"
        outputs.update(COMMANDS[name]["outputs"])
    outputs = [path for command in COMMANDS.values() for path in command["outputs"]]
    assert len(outputs) == len(set(outputs)), "two commands write the same file"


# All of it, small

SMALL = {
    "dataset_size": 500,
    "traffic_limit": 4,
    "test_limit": 6,
    "exemplar_limit": 30,
    "dev_limit": 8,
    "verdicts": 10,
    "max_steps": 6,
    "conll_steps": 6,
}
RUNNING = re.compile(r"^=+ ([\w-]+) =+$", re.MULTILINE)


def python_path(folder: Path) -> str:
    return os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))


def run_project(
    folder: Path, programs: Path, workflow: str = "all", **variables: object
) -> tuple[set[str], str]:
    """Run a workflow and return the commands that ran, and all output."""
    command = [sys.executable, "-m", "spacy", "project", "run", workflow, "."]
    for name, value in {**SMALL, **variables}.items():
        command += [f"--vars.{name}", str(value)]
    search = [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
    path = os.pathsep.join(search)
    result = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": python_path(folder), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1200,
    )
    assert result.returncode == 0, result.stdout[-5000:]
    output = re.sub(r"\x1b\[[0-9;]*m", "", result.stdout)
    started = RUNNING.findall(output)
    skipped = set(re.findall(r"Skipping '([\w-]+)': nothing changed", output))
    assert set(started) | skipped == set(PROJECT["workflows"][workflow])
    return set(started) - skipped, output


def copy_repository(folder: Path) -> Path:
    """Copy the repository, without what commands and tools made in it."""
    left_out = (*(name.rstrip("/") for name in GENERATED), ".git", "project.lock", "*.catalog")
    caches = (".*_cache", "__pycache__", "*.egg-info", "build", "dist", ".venv", ".hypothesis")
    shutil.copytree(REPOSITORY, folder, ignore=shutil.ignore_patterns(*left_out, *caches))
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory, programs) -> Path:
    """A copy of the repository in which everything has run once."""
    folder = copy_repository(tmp_path_factory.mktemp("project") / "copy")
    ran, _ = run_project(folder, programs)
    assert ran == set(PROJECT["workflows"]["all"])
    return folder


@pytest.mark.slow
def test_the_report_compares_the_four_systems_and_only_what_changed_runs_again(project, programs):
    table = (project / "reports" / "media-en.md").read_text(encoding="utf8")
    systems = re.findall(r"^\| ([\w-]+) \| \d\.\d+ \|", table, re.MULTILINE)
    assert systems == ["accept-all", "teacher", "student-ner", "student-grounded"]
    assert "6 held-out utterances" in table
    ran, output = run_project(project, programs)
    assert ran == set(), output
    config = project / "configs" / "accept_all.cfg"
    text = config.read_text(encoding="utf8")
    config.write_text(text.replace('overlap = "allow"', 'overlap = "longest"'))
    ran, output = run_project(project, programs)
    assert ran == {"predict-baseline", "report"}, output


@pytest.fixture(scope="module")
def installed(project, tmp_path_factory) -> Path:
    """The folder that the wheel of the student was installed to."""
    (wheel,) = project.glob("packages/*/dist/*.whl")
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(target), str(wheel)], check=True, timeout=300)
    return target


@pytest.mark.slow
def test_the_packaged_student_finds_names_anywhere_offline(installed, tmp_path):
    code = """
import json, socket

def refuse(*arguments):
    raise OSError("no network here")

socket.socket.connect = refuse
import spacy

nlp = spacy.load("en_media_student")
nlp.get_pipe("catalog_matcher").add_entries([{"text": "Zanzibarella", "label": "ARTIST"}])
docs = nlp.pipe(["play blinding lights", "play zanzibarella"])
print(json.dumps([[[s.text, s.label_] for s in doc.spans["candidates"]] for doc in docs]))
assert all("entities" in doc.spans for doc in nlp.pipe(["play blinding lights"]))
"""
    environment = {**os.environ, "PYTHONPATH": python_path(installed), "HF_HUB_OFFLINE": "1"}
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    known, new = json.loads(result.stdout.splitlines()[-1])
    assert ["blinding lights", "SONG"] in known
    assert ["zanzibarella", "ARTIST"] in new


@pytest.mark.slow
def test_the_packaged_student_brings_its_model_card_and_licence_notes(project, installed):
    (model,) = installed.glob("en_media_student/en_media_student-*")
    card = (model / "README.md").read_text(encoding="utf8")
    result = srsly.read_json(project / "reports/media-en.grounded.json")
    for label, score in result["per_label"].items():
        row = (
            rf"^\| {re.escape(escape_markdown(label))} \| {score['f1']:.3f} \|.* {gold(score)} \|$"
        )
        assert re.search(row, card, re.MULTILINE), label
    assert "| exemplars.jsonl | 30 |" in card and "| labelled.jsonl | 4 |" in card
    assert "no traffic of a real assistant" in card
    licences = (model / "LICENSES_SOURCES").read_text(encoding="utf8")
    named = re.findall("^# (.+)$", licences, re.MULTILINE)
    assert named == ["all-MiniLM-L6-v2", "GeoNames", "Gemma 3 270M", "Media and places data"]
    meta = srsly.read_json(model / "meta.json")
    assert meta["performance"]["ents_f"] == result["micro"]["f1"]
    assert (meta["name"], meta["version"]) == ("media_student", "0.1.0")
    (metadata,) = installed.glob("en_media_student-*.dist-info/METADATA")
    assert card.strip() in metadata.read_text(encoding="utf8")


def gold(score: dict) -> int:
    return score["tp"] + score["fn"]


@pytest.mark.slow
def test_a_data_set_is_made_of_what_people_accepted(project, programs):
    ran, _ = run_project(project, programs, "dataset")
    assert ran == {"detect", "cluster", "patterns", "review", "populate"}
    made = project / "corpus/media-en/dataset"
    card = srsly.read_json(made / "sets/card.json")
    assert card["population"]["patterns"] >= 400
    assert card["population"]["patterns_nobody_has_reviewed"] == 0
    assert card["validation"]["problems"] == {}
    assert (
        sum(len(path.read_text("utf8").splitlines()) for path in made.glob("sets/*.jsonl")) == 500
    )


# Column files of the user's

COLUMNS = {
    "train.conll": """\
-DOCSTART- -X- -X- O

Oslo NNP I-NP I-LOC
beat VBD I-VP O
Reading NNP I-NP I-ORG
in IN I-PP O
Reading NNP I-NP I-LOC
. . O O

Ann NNP I-NP I-PER
Lee NNP I-NP I-PER
left VBD I-VP O
Lima NNP I-NP I-LOC
""",
    "dev.conll": "Lima NNP B-NP B-LOC\nbeat VBD B-VP O\nOslo NNP B-NP B-ORG\n",
    "test.conll": "Ann NNP B-NP B-PER\nleft VBD B-VP O\nQuito NNP B-NP B-LOC\n",
}


@pytest.mark.slow
def test_column_files_from_anywhere_are_a_benchmark(tmp_path, programs):
    columns = tmp_path / "mine"
    columns.mkdir()
    for name, text in COLUMNS.items():
        (columns / name).write_text(text)
    folder = copy_repository(tmp_path / "copy")
    ran, _ = run_project(folder, programs, "benchmark", conll=columns, conll_name="news")
    assert ran == set(PROJECT["workflows"]["benchmark"])
    table = (folder / "reports" / "news-en.md").read_text(encoding="utf8")
    systems = re.findall(r"^\| ([\w-]+) \| \d\.\d+ \|", table, re.MULTILINE)
    assert systems == ["accept-all", "student-ner", "student-grounded"]
    assert "Corpus news (en), an oracle catalog made of the gold spans of all splits" in table
    assert "The catalog holds 100.0% of the gold entities" in table
