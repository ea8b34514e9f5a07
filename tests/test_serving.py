"""The service of docs/serving.md, under load, while its catalog changes."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import pytest
from conftest import REPOSITORY
from test_docs import read_blocks

from spacy_catalog_ner.catalog import Entry, compile_catalog

REQUESTS, CALLERS, RELOADS = 1000, 8, 10
TEXT = "play ardenfell and bellamora"
VERSIONS = {
    "ardenfell": [Entry("Ardenfell", "ARTIST")],
    "bellamora": [Entry("Bellamora", "ARTIST")],
}
SELECT_ALL = """
every = {"components.candidate_classifier.threshold": 0.0}
spacy.load("student", config=every).to_disk("student")
"""


class Service:
    """The page's app, run by uvicorn in a process of its own."""

    def __init__(self, folder):
        self.catalog = folder / "names.catalog"
        student, app = [
            block.text
            for block in read_blocks(REPOSITORY / "docs/serving.md")
            if block.run and ("to_disk" in block.text or "FastAPI(" in block.text)
        ]
        (folder / "app.py").write_text(app, encoding="utf8")
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run(
            [sys.executable, "-c", student + SELECT_ALL], cwd=folder, env=environment, check=True
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [*command, "--log-level", "warning"], cwd=folder, env=environment
        )

    def wait(self) -> None:
        for _ in range(600):
            assert self.process.poll() is None, "the service has ended"
            try:
                self.connect().connect()
            except ConnectionError:
                time.sleep(0.1)
            else:
                return
        raise TimeoutError("the service does not begin")

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def ask(self, method: str, path: str, body=None, connection=None) -> tuple[int, dict]:
        connection = connection or self.connect()
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())

    def find(self, text: str) -> list[str]:
        status, answer = self.ask("POST", "/entities", {"text": text})
        assert status == 200
        return [entity["text"] for entity in answer["entities"]]

    def use(self, name: str) -> str:
        """Compile a version of the catalog, have it loaded, and return what it is called."""
        compile_catalog(VERSIONS[name], self.catalog)
        status, answer = self.ask("POST", "/catalog/reload")
        assert status == 200
        return answer["catalog"]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("service"))
    try:
        service.wait()
        yield service
    finally:
        service.process.terminate()
        service.process.wait(timeout=30)


def call(service, count: int) -> list[tuple[float, int, dict]]:
    """Ask the same over and over on one connection; return seconds, status and answer of each."""
    connection, answers = service.connect(), []
    for _ in range(count):
        start = time.perf_counter()
        status, answer = service.ask("POST", "/entities", {"text": TEXT}, connection)
        answers.append((time.perf_counter() - start, status, answer))
    connection.close()
    return answers


def test_under_load_every_answer_is_of_one_version_of_a_catalog_that_is_reloaded(service):
    names = list(VERSIONS)
    catalogs = {service.use(name): name for name in names}
    answers: list[tuple[float, int, dict]] = []
    with ThreadPoolExecutor(CALLERS) as callers:
        running = callers.map(call, repeat(service), repeat(REQUESTS // CALLERS, CALLERS))
        for number in range(RELOADS):
            service.use(names[number % len(names)])
            time.sleep(0.1)
        for some in running:
            answers += some
    assert len(answers) == REQUESTS
    assert {status for _, status, _ in answers} == {200}
    assert {answer["catalog"] for _, _, answer in answers} == set(catalogs)
    for _, _, answer in answers:
        found = [entity["text"] for entity in answer["entities"]]
        assert found == [catalogs[answer["catalog"]]]
    seconds = sorted(second for second, _, _ in answers)
    p50, p99 = seconds[REQUESTS // 2], seconds[REQUESTS * 99 // 100]
    print(f"{CALLERS} callers: median {1000 * p50:.1f} ms, p99 {1000 * p99:.1f} ms")


def test_after_a_reload_it_finds_the_names_of_the_new_version_and_no_others(service):
    service.use("ardenfell")
    assert service.find(TEXT) == ["ardenfell"]
    version = service.use("bellamora")
    assert service.find(TEXT) == ["bellamora"]
    assert service.ask("GET", "/health") == (200, {"status": "ok", "catalog": version})


def test_an_entry_is_found_once_it_is_added(service):
    assert service.find("play corvanna") == []
    row = {"text": "Corvanna", "label": "CITY"}
    before = service.ask("GET", "/health")[1]["catalog"]
    status, answer = service.ask("POST", "/catalog/entries", {"entries": [row]})
    assert status == 200
    assert answer["catalog"] != before
    assert service.find("play corvanna") == ["corvanna"]


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/entities", {"text": "a" * 2001}, "at most 2000 characters"),
        ("/entities", {"words": "play"}, "Field required"),
        ("/catalog/entries", {"entries": [{"text": "Nameless"}]}, "label"),
    ],
)
def test_what_it_refuses_is_told_in_json(service, path, body, reason):
    status, answer = service.ask("POST", path, body)
    assert status == 422
    assert reason in json.dumps(answer["detail"])


def test_a_catalog_that_cannot_be_read_is_refused_and_the_present_one_stays(service):
    service.use("ardenfell")
    meta = service.catalog / "meta.json"
    saved = meta.read_bytes()
    meta.write_text("{}")
    try:
        status, answer = service.ask("POST", "/catalog/reload")
    finally:
        meta.write_bytes(saved)
    assert status == 422
    assert "meta.json" in answer["detail"]
    assert service.find(TEXT) == ["ardenfell"]
