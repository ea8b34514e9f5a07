"""Two runs that write the same file: the second is told so."""

from __future__ import annotations

import time
from contextlib import suppress
from itertools import count
from threading import Thread

import pytest
from conftest import write_rows
from labelling import files, label

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.lock import Lock
from spacy_catalog_ner.labelling.checkpoint import Checkpoint


@pytest.fixture
def nlp(mini_matcher_nlp):
    return mini_matcher_nlp


@pytest.fixture
def texts(tmp_path):
    return write_rows(tmp_path / "texts.jsonl", [{"text": "play drake"}])


def test_two_runs_cannot_write_the_same_file(nlp, texts, tmp_path):
    """It is told before the state of the first is read, which is about to change."""
    with Checkpoint(tmp_path / "out.jsonl", "the first") as first:
        first.append([{"text": "a"}], [])
        with pytest.raises(CatalogNERError, match=r"out\.jsonl: another run is writing it"):
            label(nlp, texts, tmp_path / "out.jsonl")


def test_a_run_that_was_killed_keeps_no_lock(nlp, texts, tmp_path):
    (tmp_path / "out.jsonl.lock").touch()
    label(nlp, texts, tmp_path / "out.jsonl")
    assert files(tmp_path) == ["out.jsonl", "out.summary.json", "texts.jsonl"]


def test_a_lock_is_held_by_one_at_a_time(tmp_path):
    held, seen = count(), []

    def take():
        for _ in range(200):
            with suppress(CatalogNERError):
                lock = Lock(tmp_path / "out.jsonl.lock", "held")
                before = next(held)
                time.sleep(0)
                seen.append(next(held) - before)
                lock.release()

    threads = [Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(seen) == {1}
