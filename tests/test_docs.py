"""What the documentation shows works: its Python runs, its commands exist.

The blocks of a file are taken in order. Python runs in a copy of the repository, in one process
for each file; so do the ``catalog-ner catalog`` commands between it, which need no model. Other
commands are not run, but must exist. A block after the comment ``<!-- not run -->`` is shown only.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import REPOSITORY
from weasel.util.config import load_project_config

FILES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
NOT_RUN = "<!-- not run"
_BLOCK = re.compile(r"^( *)```(\w+)[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


@dataclass
class Block:
    language: str
    line: int
    text: str
    run: bool


def read_blocks(path: Path) -> list[Block]:
    source = path.read_text(encoding="utf8")
    blocks = []
    for match in _BLOCK.finditer(source):
        before = source[: match.start()]
        last = before.rstrip().rsplit("\n", 1)[-1]
        blocks.append(
            Block(
                language=match[2].lower(),
                line=before.count("\n") + 2,
                text=textwrap.dedent(match[3]),
                run=not last.strip().startswith(NOT_RUN),
            )
        )
    return blocks


def read_commands(block: Block) -> list[list[str]]:
    """Split the commands of a shell block into words: joined lines, ``&&``, ``$ `` and comments."""
    commands = []
    for line in block.text.replace("\\\n", " ").splitlines():
        for part in re.split(r"&&|\|\||;|\|", line.removeprefix("$ ")):
            words = shlex.split(part, comments=True)
            while words and re.fullmatch(r"\w+=\S*", words[0]):  # variables of the environment
                words.pop(0)
            if words:
                commands.append(words)
    return commands


def shown_commands(program: str) -> list[tuple[str, list[str]]]:
    return [
        (f"{path.name}:{block.line}", words)
        for path in FILES
        for block in read_blocks(path)
        if block.language in ("bash", "sh", "shell", "console")
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


@pytest.mark.parametrize(
    "path", [p for p in FILES if any(b.language == "python" for b in read_blocks(p))], ids=name
)
def test_the_python_of_a_page_runs(path, workplace):
    steps = []
    for block in read_blocks(path):
        if not block.run:
            continue
        if block.language == "python":
            steps.append(("python", block.line, block.text))
        elif block.language in ("bash", "sh", "shell", "console"):
            commands = [words[1:] for words in read_commands(block)]
            wanted = [words for words in commands if words[:1] == ["catalog"]]
            steps.extend(("catalog-ner", block.line, words) for words in wanted)
    script = workplace / "run_steps.py"
    script.write_text(
        textwrap.dedent(f"""
        import subprocess, sys

        namespace = {{"__name__": "__main__"}}
        for kind, line, step in {steps!r}:
            if kind == "python":  # empty lines before it, so that an error names the page's line
                code = compile("\\n" * (line - 1) + step, {str(path)!r}, "exec")
                exec(code, namespace)
            else:
                command = [sys.executable, "-m", "spacy_catalog_ner.cli.main", *step]
                subprocess.run(command, check=True)
        """),
        encoding="utf8",
    )
    result = subprocess.run(
        [sys.executable, script.name], cwd=workplace, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr


def test_every_command_shown_exists():
    leading = {}
    for where, words in shown_commands("catalog-ner "):
        # `catalog-ner catalog compile x.jsonl`: words up to the first that is no plain word
        plain = []
        for word in words[1:3]:
            if not re.fullmatch(r"[a-z][a-z-]*", word):
                break
            plain.append(word)
        leading.setdefault(tuple(plain), where)
    assert leading, "no page shows a command"
    code = f"""
import sys
import typer
from spacy_catalog_ner.cli.main import app

for words in {list(leading)!r}:
    group = typer.main.get_command(app)
    path = []
    for word in words:
        if not hasattr(group, "commands"):
            break
        group = group.commands[word]
        path.append(word)
    try:
        app([*path, "--help"], standalone_mode=False)
    except SystemExit as end:
        assert not end.code, words
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, f"{leading}\n{result.stderr}"


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
