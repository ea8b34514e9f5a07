"""Locks on outputs."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import suppress
from itertools import count

import pytest

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.lock import Lock


def test_a_lock_that_is_held_is_refused_and_waited_for(tmp_path):
    first = Lock(tmp_path / "lock", "held")
    with pytest.raises(CatalogNERError, match="held"):
        Lock(tmp_path / "lock", "held")
    threading.Timer(0.1, first.release).start()
    with Lock(tmp_path / "lock", "held", wait=10):
        assert (tmp_path / "lock").exists()
    assert list(tmp_path.iterdir()) == []


def test_without_fcntl_nothing_is_locked(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with Lock(tmp_path / "lock", "held"), Lock(tmp_path / "lock", "held"):
        pass


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

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(seen) == {1}
