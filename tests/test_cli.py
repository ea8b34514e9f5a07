"""The command line: help with examples, exit codes, and one line for a user's mistake."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from conftest import ENTRIES, REPOSITORY, write_rows

from spacy_catalog_ner.about import __version__
from spacy_catalog_ner.cli.main import app, main


def all_commands(group=None, path=()) -> list[tuple[str, ...]]:
    found = []
    for name, command in (group or typer.main.get_command(app)).commands.items():
        if hasattr(command, "commands"):
            found += all_commands(command, (*path, name))
        else:
            found.append((*path, name))
    return found


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that a user's mistake is answered with."""
        assert self.code == 2, self.err
        assert "Traceback" not in self.err
        lines = [line for line in self.err.splitlines() if line.startswith("Error: ")]
        assert len(lines) == 1, self.err
        assert self.err.splitlines()[-1] == lines[0]
        return lines[0]


@pytest.fixture
def cli(monkeypatch, capsys):
    """Run ``catalog-ner`` in this process, as the console script does."""
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["catalog-ner", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        captured = capsys.readouterr()
        return Result(exit_.value.code or 0, captured.out, captured.err)

    return run


@pytest.fixture
def baseline(mini_catalog):
    """Options of a pipeline that needs no model."""
    config = REPOSITORY / "configs" / "accept_all.cfg"
    return "--pipeline", config, "--paths.catalog", mini_catalog


@pytest.fixture
def texts(tmp_path) -> Path:
    return write_rows(tmp_path / "texts.jsonl", [{"text": "play drake"}, {"text": "what time"}])


# Help


@pytest.mark.parametrize("command", all_commands(), ids=" ".join)
def test_help_shows_an_example(cli, command):
    result = cli(*command, "--help")
    assert result.code == 0
    assert f"Example: catalog-ner {' '.join(command)}" in " ".join(result.out.split())


def test_the_version_is_shown(cli):
    assert cli("--version").out.strip() == __version__


@pytest.mark.parametrize("arguments", [["nonsense"], ["catalog", "compile"], ["label", "x.jsonl"]])
def test_wrong_usage_is_exit_code_2(cli, arguments):
    result = cli(*arguments)
    assert result.code == 2
    assert "Usage: " in result.err and "Traceback" not in result.err


# Fine


def test_compile_info_lookup(cli, tmp_path):
    source = write_rows(tmp_path / "entries.jsonl", ENTRIES)
    target = tmp_path / "my.catalog"
    assert cli("catalog", "compile", source, "-o", target).code == 0
    meta = json.loads(cli("catalog", "info", target, "--verify").out)
    assert meta["entries"] == len(ENTRIES)
    found = json.loads(cli("catalog", "lookup", target, "BOSTON").out)
    assert [entry["id"] for entry in found] == ["city/boston", "artist/boston"]


def test_label_prints_its_summary_as_json_on_stdout(cli, texts, baseline, tmp_path):
    result = cli("label", texts, "-o", tmp_path / "out.jsonl", *baseline)
    assert result.code == 0
    assert json.loads(result.out)["texts"] == 2


def test_report_writes_markdown_and_json(cli, mini_annotated, baseline, tmp_path):
    predictions = tmp_path / "all.jsonl"
    cli("label", mini_annotated, "-o", predictions, *baseline)
    target = tmp_path / "reports" / "mini"
    arguments = [f"accept-all={predictions}", f"gold={mini_annotated}"]
    assert cli("report", mini_annotated, *arguments, "-o", target).code == 0
    systems = json.loads(Path(f"{target}.json").read_text(encoding="utf8"))["systems"]
    assert systems["gold"]["micro"]["f1"] == 1
    assert systems["accept-all"]["micro"]["recall"] == 1
    assert systems["accept-all"]["micro"]["precision"] < 1
    text = Path(f"{target}.md").read_text(encoding="utf8")
    rows = [line for line in text.splitlines() if line.startswith(("| accept-all", "| gold |"))]
    assert len(rows) == 2


# Ran and failed: 1


def test_a_name_that_is_in_no_catalog_is_exit_code_1(cli, mini_catalog):
    result = cli("catalog", "lookup", mini_catalog, "nobody at all")
    assert result.code == 1
    assert json.loads(result.out) == []


# Bad input: 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["catalog", "compile", "nothing.jsonl", "-o", "x.catalog"],
        ["catalog", "info", "nothing.catalog"],
        ["corpus", "prepare", "nothing", "-o", "x", "--labels", "nothing.yml"],
        ["corpus", "columns", "nothing", "-o", "x"],
        ["exemplars", "build", "nothing.jsonl", "--catalog", "nothing.catalog", "-o", "x"],
        ["label", "nothing.jsonl", "-o", "x.jsonl", "--pipeline", "nothing.cfg"],
        ["convert", "nothing.jsonl", "-o", "x.spacy"],
        ["evaluate", "nothing.jsonl", "nothing.jsonl"],
        ["report", "nothing.jsonl", "a=nothing.jsonl", "-o", "x"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_a_missing_file_is_named(cli, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "nothing" in cli(*arguments).error
    assert list(tmp_path.iterdir()) == []


def test_a_missing_pipeline_is_named(cli, texts, tmp_path):
    result = cli("label", texts, "-o", tmp_path / "x.jsonl", "--pipeline", "no_such_package")
    assert "no_such_package" in result.error


def test_a_missing_catalog_is_named(cli, texts, baseline, tmp_path):
    arguments = [*baseline[:-1], tmp_path / "nothing.catalog"]
    result = cli("label", texts, "-o", tmp_path / "x.jsonl", *arguments)
    assert "nothing.catalog: no compiled catalog here" in result.error


def test_a_catalog_of_another_format_version_says_to_compile_again(cli, tmp_path):
    source = write_rows(tmp_path / "entries.jsonl", ENTRIES)
    target = tmp_path / "old.catalog"
    cli("catalog", "compile", source, "-o", target)
    meta = json.loads((target / "meta.json").read_text(encoding="utf8"))
    (target / "meta.json").write_text(json.dumps({**meta, "format_version": 99}))
    error = cli("catalog", "info", target).error
    assert "format version 99" in error and "compile the catalog again" in error


@pytest.mark.parametrize(
    ("override", "named"),
    [
        (["--components.constraint_post_processor.overlap", "sideways"], "overlap"),
        (["--components.catalog_matcher.nonsense", "1"], "nonsense"),
        (["--components.catalog_matcher.factory", "no_such_factory"], "no_such_factory"),
        (["--nonsense.key", "1"], "nonsense"),
        (["--nlp.lang", "klingon"], "klingon"),
        (["--paths.catalog"], "catalog_matcher"),
        (["--nonsense", "1"], "no such option --nonsense"),
        (["stray"], "unexpected argument 'stray'"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_broken_override_is_one_line(cli, texts, baseline, tmp_path, override, named):
    result = cli("label", texts, "-o", tmp_path / "x.jsonl", *baseline, *override)
    assert named in result.error


def test_a_system_without_a_name_is_refused(cli, mini_annotated, tmp_path):
    error = cli("report", mini_annotated, mini_annotated, "-o", tmp_path / "x").error
    assert "expected NAME=LABELLED.jsonl" in error


def test_a_file_without_entries_compiles_to_nothing(cli, tmp_path):
    (tmp_path / "empty.jsonl").touch()
    result = cli("catalog", "compile", tmp_path / "empty.jsonl", "-o", tmp_path / "x.catalog")
    assert "no catalog entry to compile" in result.error
    assert not (tmp_path / "x.catalog").exists()


def test_a_file_without_texts_is_refused_and_replaces_nothing(cli, baseline, tmp_path):
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "out.jsonl").write_text("earlier labels\n")
    result = cli("label", tmp_path / "empty.jsonl", "-o", tmp_path / "out.jsonl", *baseline)
    assert result.code == 2
    assert f"{tmp_path / 'empty.jsonl'}: no text in this file" in result.err
    assert "Traceback" not in result.err
    assert (tmp_path / "out.jsonl").read_text() == "earlier labels\n"


def test_a_misspelt_option_is_not_taken_for_a_setting(cli, tmp_path):
    row = '{"text": "play sade", "spans": []}\n'
    (tmp_path / "a.jsonl").write_text(row)
    result = cli("evaluate", tmp_path / "a.jsonl", tmp_path / "a.jsonl", "--outptu", "x.json")
    assert result.code == 2
    assert "--outptu" in result.err


def test_a_broken_gold_row_does_not_stop_an_evaluation(cli, baseline, tmp_path):
    gold = tmp_path / "gold.jsonl"
    gold.write_text('{"text": "no spans"}\n{"text": "play sade", "spans": []}\n')
    _, config, *settings = baseline
    result = cli("evaluate", config, gold, *settings)
    assert result.code == 0
    assert f"{gold}:1: " in result.err
    assert json.loads(result.out)["texts"] == 1


def test_the_console_script_is_the_same_program(mini_python):
    result = mini_python(
        "import subprocess, sys, pathlib;"
        "script = pathlib.Path(sys.executable).parent / 'catalog-ner';"
        "sys.exit(subprocess.run([script, 'catalog', 'info', 'nothing']).returncode)"
    )
    assert result.returncode == 2
    assert result.stderr.startswith("Error: nothing: no compiled catalog here")
    assert len(result.stderr.splitlines()) == 1
