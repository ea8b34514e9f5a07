"""Locks on outputs."""

from __future__ import annotations

import sys
import threading

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
