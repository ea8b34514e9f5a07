"""What the documentation shows works: its blocks run and print what it says, its commands exist.

The blocks of a file are taken in order, in a folder with a copy of what the repository shows. A
file's Python runs in one process. A shell block runs if all its commands are among `RUN`: of the
others each must exist. A `text` block right after a block that runs is what that one prints, but
for progress bars; a line of three dots stands for any lines. A block after the comment
``<!-- not run -->`` is shown only.
"""

from __future__ import annotations

import doctest
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import typer
from conftest import REPOSITORY
from weasel.util.config import load_project_config

from spacy_catalog_ner.cli.main import app

FILES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
RUN = [
    "catalog-ner agreement",
    "catalog-ner cache",
    "catalog-ner calibrate",
    "catalog-ner catalog",
    "catalog-ner convert",
    "catalog-ner evaluate",
    "catalog-ner exemplars",
    "catalog-ner generate",
    "catalog-ner label",
    "catalog-ner report",
    "cat",
    "echo",
    "gzip",
    "mkdir",
    "python -m spacy assemble",
    "python -m spacy evaluate",
    "python -m spacy find-threshold",
    "python -m spacy package",
    "python -m spacy train",
]
SHELL = ("bash", "sh", "shell", "console")
NOT_RUN = "<!-- not run"
_BLOCK = re.compile(r"^( *)```(\w+)[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_HERE_DOCUMENT = re.compile(r"(<<'?(\w+)'?[^\n]*\n).*?^\2$", re.MULTILINE | re.DOTALL)
_PROGRESS = re.compile(r"\r[^\n]*\n?")
_MARK = "\x1e"  # between the outputs of two blocks


@dataclass
class Block:
    language: str
    line: int
    text: str
    output: str = ""  # what the page says it prints
    run: bool = field(init=False)

    def __post_init__(self) -> None:
        self.run = self.language == "python"


def read_blocks(path: Path) -> list[Block]:
    source = path.read_text(encoding="utf8")
    blocks: list[Block] = []
    end = 0
    for match in _BLOCK.finditer(source):
        before, language, text = source[end : match.start()], match[2].lower(), match[3]
        end = match.end()
        text = textwrap.dedent(text)
        if language == "text" and blocks and not before.strip():
            blocks[-1].output = text
            continue
        block = Block(language, source.count("\n", 0, match.start()) + 2, text)
        if language in SHELL:
            block.text = re.sub(r"^\$ ", "", text, flags=re.MULTILINE)
        if before.rstrip().rsplit("\n", 1)[-1].strip().startswith(NOT_RUN):
            block.run = False
        elif language in SHELL:
            block.run = runs(block, path)
        blocks.append(block)
    return blocks


def runs(block: Block, path: Path) -> bool:
    """Tell whether a shell block is one that is run."""
    wanted = [program.split() for program in RUN]
    known = [
        any(words[: len(program)] == program for program in wanted)
        for words in read_commands(block)
    ]
    assert all(known) or not any(known), f"{path.name}:{block.line}: split what runs from the rest"
    return all(known)


def read_commands(block: Block) -> list[list[str]]:
    """Split the commands of a shell block into words, without here documents and comments."""
    commands = []
    text = _HERE_DOCUMENT.sub(r"\1", block.text).replace("\\\n", " ")
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
        lexer.whitespace_split = True
        command: list[str] = []
        for word in (*lexer, ";"):
            if word.strip(";&|"):
                if command or not re.fullmatch(r"\w+=.*", word):  # a variable of the environment
                    command.append(word)
            elif command:
                commands.append(command)
                command = []
    return commands


def shown_commands(program: str) -> list[tuple[str, list[str]]]:
    return [
        (f"{path.name}:{block.line}", words)
        for path in FILES
        for block in read_blocks(path)
        if block.language in SHELL
        for words in read_commands(block)
        if " ".join(words).startswith(program)
    ]


def name(value) -> str:
    return value.name if isinstance(value, Path) else ""


@pytest.fixture
def workplace(tmp_path) -> Path:
    """A copy of what the documentation refers to, free to write into."""
    for item in ("assets", "configs"):
        shutil.copytree(
            REPOSITORY / item, tmp_path / item, ignore=shutil.ignore_patterns("*.catalog")
        )
    for item in ("project.yml", "README.md"):
        shutil.copy(REPOSITORY / item, tmp_path)
    return tmp_path


@pytest.mark.parametrize("path", [p for p in FILES if any(b.run for b in read_blocks(p))], ids=name)
def test_the_blocks_of_a_page_run_and_print_what_it_says(path, workplace, programs):
    blocks = [block for block in read_blocks(path) if block.run]
    steps = [(block.language == "python", block.line, block.text) for block in blocks]
    script = workplace / "run_steps.py"
    script.write_text(
        textwrap.dedent(f"""
        import subprocess

        namespace = {{"__name__": "__main__"}}
        for is_python, line, step in {steps!r}:
            if is_python:  # empty lines before it, so that an error names the page's line
                exec(compile("\\n" * (line - 1) + step, {str(path)!r}, "exec"), namespace)
            else:
                subprocess.run(["bash", "-euo", "pipefail", "-c", step], check=True)
            print({_MARK!r}, end="", flush=True)
        """),
        encoding="utf8",
    )
    search = [str(programs), sysconfig.get_path("scripts"), os.environ["PATH"]]
    result = subprocess.run(
        [sys.executable, "-u", script.name],
        cwd=workplace,
        env={**os.environ, "PATH": os.pathsep.join(search), "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=600,
    )
    # Decoded here: reading as text would make line ends of the carriage returns of progress bars.
    *outputs, rest = _PROGRESS.sub("", result.stdout.decode("utf8")).split(_MARK)
    assert result.returncode == 0, rest
    checker = doctest.OutputChecker()
    for block, output in zip(blocks, outputs, strict=True):
        if block.output and not checker.check_output(block.output, output, doctest.ELLIPSIS):
            assert output == block.output, f"{path.name}:{block.line} prints something else"


def test_every_command_shown_exists():
    shown = shown_commands("catalog-ner ")
    assert shown, "no page shows a command"
    for where, words in shown:
        command = typer.main.get_command(app)
        for word in words[1:]:
            if not hasattr(command, "commands"):
                break
            if not word.startswith("-"):
                assert word in command.commands, f"{where}: no command {word}"
                command = command.commands[word]


def test_every_project_command_and_variable_shown_exists():
    project = load_project_config(REPOSITORY)
    known = {*project["workflows"], *(command["name"] for command in project["commands"])}
    for where, words in shown_commands("python -m spacy project run"):
        assert words[5] in known, f"{where}: no command {words[5]}"
        for option in (word for word in words if word.startswith("--vars.")):
            variable = option.removeprefix("--vars.").split("=")[0]
            assert variable in project["vars"], f"{where}: no variable {variable}"


def test_every_file_linked_to_exists():
    for path in FILES:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf8")):
            if "://" not in target and not target.startswith("mailto:"):
                assert (path.parent / target).exists(), f"{path.name} links to {target}"


@pytest.mark.parametrize(
    ("page", "results", "section"),
    [
        ("catalogs", "catalog", "Speed and memory"),
        ("evaluation", "evaluation", "Speed and memory"),
        ("datasets", "generation", "How good it is, and how fast"),
        ("serving", "serving", "Speed"),
    ],
    ids=name,
)
def test_the_figures_shown_are_those_measured(page, results, section):
    text = (REPOSITORY / f"docs/{page}.md").read_text(encoding="utf8")
    _, figures = text.split(f"\n## {section}\n")
    shown = re.findall(r"^\| (.+?) \| (.+?) \|", figures, re.MULTILINE)[1:]  # without the head
    report = json.loads((REPOSITORY / f"benchmarks/results/{results}.json").read_text("utf8"))
    measured = [(line["what"].removeprefix("- "), line["figure"]) for line in report["table"]]
    assert shown and set(shown) <= set(measured)


@pytest.mark.parametrize("page", ["teacher", "student"])
def test_the_tables_of_a_page_are_those_measured(page):
    tables = (REPOSITORY / f"benchmarks/results/{page}.md").read_text(encoding="utf8")
    text = (REPOSITORY / f"docs/{page}.md").read_text(encoding="utf8")
    _, *shown = text.split("\n## How good ")[1].split("\n### ")
    assert shown
    assert all(table.strip() in tables for table in shown)
