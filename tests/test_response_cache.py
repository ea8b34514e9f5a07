"""The response cache: what it keeps apart, several processes at once, disks and files that fail."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import threading
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from asking import EXEMPLARS, ask, ids, verdicts
from servers import TOO_LONG, LocalServer, affirm

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.llm.models.openai_compatible import OpenAICompatible
from spacy_catalog_ner.llm.prompt import Reply, Request, Usage
from spacy_catalog_ner.llm.response_cache import ResponseCache

ANSWER = {"confidences": [0.25, 1.0], "text": "", "cuts": 0}


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "responses.sqlite"


def test_the_file_is_made_when_needed_and_answers_are_found_by_their_key(tmp_path):
    path = tmp_path / "cache" / "of" / "responses.sqlite"
    cache = ResponseCache(path)
    assert not path.exists()
    cache.put("one", "a model", ANSWER)
    assert cache.get("two") is None
    assert ResponseCache(path).get("one") == ANSWER


# What makes an answer another one


CHANGES = {
    "static": "Decide.\n",
    "context": "Text: play adele\n",
    "questions": ("adele = ARTIST?",),
    "closing": "Now:",
    "schema": None,
    "max_tokens": 7,
    "answers": ("sí", "no"),
}


def test_a_request_that_differs_in_anything_is_asked(path):
    with LocalServer() as server:
        model = OpenAICompatible("m", base_url=server.url, cache=path)
        ask(model, verdicts())
        for part, value in CHANGES.items():
            assert not ask(model, replace(verdicts(), **{part: value})).usage.cache_hits, part


def test_a_model_that_differs_in_anything_is_asked_but_not_for_its_pace(path):
    with LocalServer() as server:
        same = {"model": "m", "base_url": server.url, "cache": path}
        ask(OpenAICompatible(**same), ids())
        for settings in (
            {"model": "another"},
            {"temperature": 0.5},
            {"structured": False},
            {"log_probabilities": False},
            {"api": "completions"},
        ):
            other = OpenAICompatible(**{**same, **settings})
            assert not ask(other, ids()).usage.cache_hits, settings
        again = OpenAICompatible(**same, concurrency=2, timeout=5, max_retries=1)
        assert ask(again, ids()).usage == Usage(cache_hits=1)


def test_another_server_is_asked(path):
    for _ in range(2):
        with LocalServer() as server:
            ask(OpenAICompatible("m", base_url=server.url, cache=path), ids())
            assert len(server.bodies) == 1


def test_a_failure_is_not_stored(path):
    with LocalServer() as server:
        gone = server.url
    model = OpenAICompatible("m", base_url=gone, cache=path, max_retries=0)
    assert ask(model, ids()).error
    assert ask(model, ids()).usage.cache_hits == 0
    assert ResponseCache(path).info().rows == 0


def test_a_request_that_had_to_be_shortened_is_found_without_a_call(path):
    def answer(body):
        shown = body["messages"][-1]["content"].count(EXEMPLARS)
        return TOO_LONG["openai"] if shown > 2 else affirm(body)

    with LocalServer(answer) as server:
        model = OpenAICompatible("m", base_url=server.url, cache=path)
        first = ask(model, verdicts(exemplars=8))
        calls = len(server.bodies)
        again = ask(model, verdicts(exemplars=8))
        assert len(server.bodies) == calls
    assert again.request == first.request
    assert again == replace(first, usage=Usage(cache_hits=1))


# Several at once


def write_many(path: Path, name: str, start) -> None:
    start.wait()
    cache = ResponseCache(path)
    for number in range(200):
        cache.put(f"{name}-{number}", name, ANSWER)


def test_processes_that_start_together_lose_nothing(path):
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    names = ["a", "b"]
    processes = [context.Process(target=write_many, args=(path, name, start)) for name in names]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    assert ResponseCache(path).info().models == dict.fromkeys(names, 200)


def test_threads_lose_nothing(path):
    cache = ResponseCache(path)

    def write(name: str) -> None:
        for number in range(100):
            cache.put(f"{name}-{number}", "m", ANSWER)
            assert cache.get(f"{name}-{number}") == ANSWER

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.info().rows == 400


def test_a_forked_process_opens_the_file_for_itself_and_may_be_killed(path):
    cache = ResponseCache(path)
    cache.put("parent", "m", ANSWER)
    child = os.fork()
    if child == 0:
        cache.put("child", "m", ANSWER)
        os.kill(os.getpid(), 9 if cache.get("parent") == ANSWER else 6)
    assert os.waitpid(child, 0)[1] == 9
    assert cache.get("child") == cache.get("parent") == ANSWER


# What fails


def one_line_of(path: Path) -> str:
    with pytest.raises(CatalogNERError) as error:
        ResponseCache(path).get("one")
    message = str(error.value)
    assert message.startswith(f"{path}: cannot be opened as a response cache (")
    assert "\n" not in message
    return message


def test_a_file_of_something_else_is_refused_and_left_alone(path):
    path.write_text("my notes, at least as long as the head of a database " * 10)
    before = path.read_bytes()
    assert "not a database" in one_line_of(path)
    assert path.read_bytes() == before


def test_a_database_of_something_else_is_refused_and_left_alone(path):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE responses (mine TEXT)")
    database.close()
    before = path.read_bytes()
    assert "it holds something else" in one_line_of(path)
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_refused():
    one_line_of(Path("/proc/responses.sqlite"))


def test_a_full_disk_is_one_line_at_the_start_and_one_warning_later(mini_python):
    result = mini_python("""
import resource, signal, sys, warnings
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.llm.response_cache import ResponseCache

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit = lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
cache = ResponseCache("responses.sqlite")
limit(0)
try:
    cache.put("one", "m", {})
except CatalogNERError as err:
    print(err)
limit(resource.RLIM_INFINITY)
cache.put("one", "m", {"text": "kept"})
limit(200_000)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for number in range(300):
        cache.put(str(number), "m", {"text": "x" * 1000})
    print(cache.get("one"), cache.get("299"))
print(len(caught), caught[0].message)
limit(resource.RLIM_INFINITY)
cache.put("299", "m", {"text": "there is room again"})
print(cache.get("299"))
""")
    refused, *lines = result.stdout.splitlines()
    assert refused.startswith("responses.sqlite: cannot be opened as a response cache ("), result
    assert lines[0] == "{'text': 'kept'} None", result.stderr
    assert lines[1].startswith("1 responses.sqlite: the response cache could not be written to (")
    assert lines[2] == "{'text': 'there is room again'}"


def test_a_file_that_is_damaged_later_costs_a_warning_and_is_asked_again(path):
    def check(model, expected: int) -> Reply:
        reply = ask(model, request)
        assert not reply.error
        assert len(server.bodies) == expected
        return reply

    request: Request = ids()
    with LocalServer() as server:
        check(OpenAICompatible("m", base_url=server.url, cache=path), 1)
        database = sqlite3.connect(path)
        database.execute("UPDATE responses SET answer = 'no JSON'")
        database.commit()
        database.close()
        damaged = OpenAICompatible("m", base_url=server.url, cache=path)
        with pytest.warns(UserWarning, match="the response cache could not be read"):
            check(damaged, 2)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert check(damaged, 2).usage == Usage(cache_hits=1)  # what was asked is stored anew
