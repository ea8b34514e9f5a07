"""``catalog-ner label``: exit codes, messages, and what a kill or a full disk leaves behind."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from contextlib import contextmanager

import pytest
import test_cli
from conftest import REPOSITORY, write_rows
from labelling import asked_about, files, label, make_teacher, read
from servers import LocalServer, affirm, status

from spacy_catalog_ner.doc.pipelines import load_pipeline

cli = test_cli.cli  # the fixtures
baseline = test_cli.baseline


def write_texts(path, count):
    return write_rows(path, [{"text": f"play drake {n}", "id": n} for n in range(count)])


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server


@pytest.fixture
def teacher(mini_catalog, server, tmp_path):
    """Write the config of a teacher, and give the options that name it."""

    def write(**model):
        path = tmp_path / "teacher.cfg"
        make_teacher(mini_catalog, server, **model).config.to_disk(path)
        return "--pipeline", path

    return write


@pytest.fixture
def prices(tmp_path):
    path = tmp_path / "prices.yml"
    path.write_text("stand-in: {input: 1000, output: 1000}\n", encoding="utf8")
    return "--prices", path


# Exit codes and messages


def test_dead_letters_are_named_and_labelled_again_by_the_same_command(cli, teacher, tmp_path):
    source, out = write_texts(tmp_path / "in.jsonl", 3), tmp_path / "out.jsonl"
    options = teacher(concurrency=1)
    with LocalServer(faults=[None, status(400)]) as server:
        result = cli("label", source, "-o", out, *options, *pointing_to(server))
        assert result.code == 0
        assert f"1 texts got no answer; they are in {tmp_path / 'out.failed.jsonl'}" in result.err
        more = tmp_path / "more.jsonl"
        failed = tmp_path / "out.failed.jsonl"
        assert cli("label", failed, "-o", more, *options, *pointing_to(server)).code == 0
    assert [row["id"] for row in (*read(out), *read(more))] == [0, 2, 1]


def pointing_to(server):
    return "--components.llm_semantic_filter.model.base_url", server.url


def test_a_run_in_which_no_text_was_answered_has_failed(cli, teacher, server, tmp_path):
    server.answer = lambda body: status(400)
    source, out = write_texts(tmp_path / "in.jsonl", 3), tmp_path / "out.jsonl"
    assert cli("label", source, "-o", out, *teacher()).code == 1
    assert files(tmp_path)[1:] == [
        "out.failed.jsonl",
        "out.jsonl",
        "out.summary.json",
        "teacher.cfg",
    ]


def test_a_model_that_cannot_be_reached_is_one_line_and_exit_code_1(cli, teacher, tmp_path):
    source, out = write_texts(tmp_path / "in.jsonl", 30), tmp_path / "out.jsonl"
    with LocalServer() as gone:
        pass
    for dry_run in ((), ("--dry-run",)):
        result = cli("label", source, "-o", out, *teacher(), *pointing_to(gone), *dry_run)
        assert result.code == 1
        assert "Traceback" not in result.err
        (error,) = [line for line in result.err.splitlines() if "Error: " in line]
        assert " in a row failed" in error


def test_a_spent_budget_is_said_and_no_failure(cli, teacher, prices, tmp_path):
    source, out = write_texts(tmp_path / "in.jsonl", 9), tmp_path / "out.jsonl"
    arguments = ["label", source, "-o", out, *teacher(), *prices, "--batch-size", 2, "--budget"]
    result = cli(*arguments, 0.2)
    assert result.code == 0
    assert json.loads(result.out)["stopped"] == "budget"
    assert "the budget is spent after 2 texts; the same command with a larger one" in result.err
    assert json.loads(cli(*arguments, 100).out)["texts"] == 9
    assert len(read(out)) == 9


def test_a_run_that_was_finished_is_said_and_no_failure(cli, teacher, server, tmp_path):
    source, out = write_texts(tmp_path / "in.jsonl", 3), tmp_path / "out.jsonl"
    arguments = ["label", source, "-o", out, *teacher()]
    first, again = cli(*arguments), cli(*arguments)
    assert (again.code, again.out) == (0, first.out)
    assert f"{out}: already done (3 texts)" in again.err
    assert len(server.bodies) == 3


def test_a_dry_run_prints_an_estimate_and_writes_nothing(cli, teacher, prices, server, tmp_path):
    source, out = write_texts(tmp_path / "in.jsonl", 100), tmp_path / "out.jsonl"
    options = teacher()
    before = files(tmp_path)
    result = cli("label", source, "-o", out, *options, *prices, "--dry-run", "--limit", 50)
    estimate = json.loads(result.out)
    assert (estimate["calls"], estimate["sample"]["texts"]) == (50, 20)
    assert estimate["cost"] == pytest.approx(50 * 0.107)
    assert files(tmp_path) == before
    assert len(asked_about(server)) == 20


def test_a_budget_without_prices_is_bad_usage(cli, teacher, tmp_path):
    source = write_texts(tmp_path / "in.jsonl", 1)
    result = cli("label", source, "-o", tmp_path / "out.jsonl", *teacher(), "--budget", 1)
    assert "--budget needs --prices" in result.error


def test_a_csv_file_is_labelled(cli, baseline, tmp_path):
    source = tmp_path / "in.csv"
    source.write_text('id,text\n1,"play hello, then stop"\n2,boston\n', encoding="utf8")
    assert cli("label", source, "-o", tmp_path / "out.jsonl", *baseline).code == 0
    assert [(row["id"], len(row["spans"])) for row in read(tmp_path / "out.jsonl")] == [
        ("1", 1),
        ("2", 2),
    ]


# Killed


def test_a_run_killed_at_three_moments_ends_with_the_same_bytes(mini_catalog, tmp_path):
    source, out = write_texts(tmp_path / "in.jsonl", 240), tmp_path / "out.jsonl"
    with LocalServer(answer=answer_most, delay=0.01) as server:
        nlp = make_teacher(mini_catalog, server)
        nlp.config.to_disk(tmp_path / "teacher.cfg")
        program = [sys.executable, REPOSITORY / "tests" / "killing.py", "7", f"{out}.part.json"]
        result = subprocess.run(
            [*program, tmp_path / "teacher.cfg", "label", source, "-o", out, "--batch-size", "8"],
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr
        asked = len(server.bodies)
        server.delay = 0
        label(nlp, source, tmp_path / "whole.jsonl")
    summary = json.loads(result.stdout)
    assert (summary["texts"], summary["failures"]) == (240, 12)
    for kind in ("jsonl", "failed.jsonl"):
        whole = (tmp_path / f"whole.{kind}").read_bytes()
        assert (tmp_path / f"out.{kind}").read_bytes() == whole
    assert [name for name in files(tmp_path) if "out." in name] == [
        "out.failed.jsonl",
        "out.jsonl",
        "out.summary.json",
    ]
    assert asked <= 240 + 3 * 8  # what was asked twice is at most the batch under way


def answer_most(body):
    """Answer as a server does that cannot take one text in twenty."""
    number = int(re.search(r"play drake (\d+)", body["messages"][-1]["content"]).group(1))
    return status(400) if number % 20 == 7 else affirm(body)


# A full disk


@pytest.fixture
def nlp(baseline):
    return load_pipeline(str(baseline[1]), {"paths.catalog": str(baseline[3])})


@contextmanager
def small_files():
    """Hold all files that are written to 50 kB, as a disk would that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_run_on_a_full_disk_is_one_line_and_goes_on_when_there_is_room(
    cli, nlp, baseline, tmp_path
):
    source, out = write_texts(tmp_path / "in.jsonl", 400), tmp_path / "out.jsonl"
    for _ in range(2):  # and again while it is still full
        with small_files():
            result = cli("label", source, "-o", out, *baseline, "--batch-size", 64)
        assert result.code == 1
        assert re.search(
            f"Error: {out}: File too large; [1-9]\\d* texts are done and kept, the same command"
            " goes on after them$",
            result.err,
        )
    assert cli("label", source, "-o", out, *baseline, "--batch-size", 64).code == 0
    label(nlp, source, tmp_path / "whole.jsonl")
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert files(tmp_path)[:3] == ["in.jsonl", "out.jsonl", "out.summary.json"]
