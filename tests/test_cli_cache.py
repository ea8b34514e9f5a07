"""``catalog-ner cache``: info and clear."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import test_cli

from spacy_catalog_ner.llm.response_cache import ResponseCache

cli = test_cli.cli  # the fixture


@pytest.fixture
def path(tmp_path) -> Path:
    """A cache with two answers of one model and one of another."""
    path = tmp_path / "responses.sqlite"
    cache = ResponseCache(path)
    for key, model in (("1", "gemma"), ("2", "gemma"), ("3", "gpt")):
        cache.put(key, model, {"text": "yes"})
    return path


def test_info_tells_what_is_stored(cli, path):
    result = cli("cache", "info", path)
    assert result.code == 0
    found = json.loads(result.out)
    assert found["rows"] == 3
    assert found["models"] == {"gemma": 2, "gpt": 1}
    assert found["bytes"] > 0
    oldest, newest = (datetime.fromisoformat(found[key]) for key in ("oldest", "newest"))
    assert oldest <= newest <= datetime.now(UTC)


def test_clear_deletes_everything(cli, path):
    result = cli("cache", "clear", path)
    assert result.code == 0
    assert "3 answers deleted" in result.err
    found = json.loads(cli("cache", "info", path).out)
    assert (found["rows"], found["models"], found["oldest"]) == (0, {}, None)


def test_clear_deletes_the_answers_of_one_model(cli, path):
    assert "2 answers deleted" in cli("cache", "clear", path, "--model", "gemma").err
    assert ResponseCache(path).info().models == {"gpt": 1}


def test_clear_gives_the_space_back(cli, path):
    cache = ResponseCache(path)
    for number in range(300):
        cache.put(f"long-{number}", "gemma", {"text": "x" * 1000})
    before = cache.info().bytes
    cli("cache", "clear", path)
    assert ResponseCache(path).info().bytes < before / 4


@pytest.mark.parametrize("command", ["info", "clear"])
def test_a_file_that_is_not_there_is_one_line_and_is_not_made(cli, tmp_path, command):
    path = tmp_path / "nothing.sqlite"
    assert f"{path}: no such file, expected a response cache" in cli("cache", command, path).error
    assert not path.exists()


def test_a_file_of_another_kind_is_one_line(cli, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("my notes " * 100)
    assert f"{path}: cannot be opened as a response cache" in cli("cache", "info", path).error
