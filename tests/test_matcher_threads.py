"""Threads that match while others change the names: each document sees all of a change or none."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from matching import blank, candidates, matching, name, texts
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_catalog_ner.catalog import Entry, compile_catalog
from spacy_catalog_ner.matching.catalog_matcher import CatalogMatcher

NAMES = [f"name{number}" for number in range(40)]
TEXT = " ".join(NAMES)


@pytest.fixture(autouse=True)
def frequent_switches():
    """Let Python go from thread to thread a thousand times as often as it does by itself."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def folders(tmp_path) -> dict[str, str]:
    """Two catalogs of the same names, A and B, each with a label of its own."""
    return {
        label: str(compile_catalog([Entry(n, label) for n in NAMES], tmp_path / label).path)
        for label in ("A", "B")
    }


def while_matching(change: Callable[[], None], match: Callable[[], Iterator[Doc]]) -> list[Doc]:
    """Match in one thread, again and again, while another changes the names."""

    def match_on() -> list[Doc]:
        docs = []
        while not over.is_set() or not docs:
            docs += match()
        return docs

    over = threading.Event()
    with ThreadPoolExecutor() as pool:
        docs = pool.submit(match_on)
        try:
            pool.submit(change).result()
        finally:
            over.set()
        return docs.result()


def one_by_one(nlp: Language) -> Callable[[], Iterator[Doc]]:
    return lambda: iter([nlp(TEXT)])


def in_a_stream(nlp: Language) -> Callable[[], Iterator[Doc]]:
    return lambda: nlp.pipe([TEXT] * 40)


ways = pytest.mark.parametrize("way", [one_by_one, in_a_stream])


@ways
def test_while_a_catalog_is_reloaded_each_document_is_all_of_the_old_or_all_of_the_new(
    folders, way
):
    def reload():
        for _ in range(50):
            matcher.reload(folders["B"])
            matcher.reload(folders["A"])

    nlp = matching(catalog=folders["A"])
    matcher = nlp.get_pipe("catalog_matcher")
    docs = while_matching(reload, way(nlp))
    seen = {tuple(label for _, label, _ in candidates(doc)) for doc in docs}
    assert seen <= {("A",) * len(NAMES), ("B",) * len(NAMES)}


@ways
def test_while_names_are_added_and_removed_each_document_has_all_of_them_or_none(way):
    def change():
        for _ in range(50):
            matcher.add_entries([Entry(n, "X", "1") for n in NAMES])
            matcher.remove_entries([{"id": "1"}])

    nlp = matching(name("other"))
    matcher = nlp.get_pipe("catalog_matcher")
    docs = while_matching(change, way(nlp))
    assert {tuple(texts(doc)) for doc in docs} <= {(), tuple(NAMES)}


def test_changes_that_several_threads_make_at_once_are_all_made(folders):
    def add(number):
        matcher.add_entries([Entry(f"added{number}", "X")])
        matcher.remove_entries([{"text": NAMES[number]}])
        if number % 5 == 0:
            matcher.reload(folders["B"])

    matcher = CatalogMatcher(catalog=folders["A"])
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(30)))
    added = [f"added{number}" for number in range(30)]
    doc = matcher(blank().make_doc(" ".join(NAMES + added)))
    assert texts(doc) == NAMES[30:] + added


def test_threads_that_meet_new_tokens_at_once_read_them_alike(folders):
    """Half of the words end in a mark that is a token of its own."""

    def match(seed: int) -> list[list[str]]:
        found = []
        for number in range(60):
            words = [f"new{number}", "\u0301", f"word{number + seed % 2}", "name7", f"x{number}"]
            doc = Doc(vocab, words=words, spaces=[False, True, True, True, False])
            found.append(texts(matcher(doc)))
        return found

    matcher = CatalogMatcher(catalog=folders["A"])
    matcher.add_entries([Entry(f"new{number}\u0301", "X") for number in range(60)])
    vocab = blank().vocab
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(match, range(8)))
    expected = [[f"new{number}\u0301", "name7"] for number in range(60)]
    assert results == [expected] * 8


def test_threads_may_bring_documents_of_different_vocabs(tmp_path):
    def match(vocab: Vocab) -> list[bool]:
        found = []
        for start in range(0, 280, 5):
            some = names[start : start + 20]
            expected = [(n, f"label of {n}", f"id of {n}") for n in some]
            found.append(candidates(matcher(Doc(vocab, words=some))) == expected)
        return found

    names = [f"vocab{number}" for number in range(300)]
    entries = [Entry(n, f"label of {n}", f"id of {n}") for n in names]
    matcher = CatalogMatcher(catalog=compile_catalog(entries, tmp_path / "c").path)
    with ThreadPoolExecutor(4) as pool:
        for right in pool.map(match, [Vocab() for _ in range(4)]):
            assert all(right)


def test_a_catalog_is_opened_once_by_threads_that_start_at_once(folders, monkeypatch):
    opened = []
    real = CatalogMatcher._set_catalog
    monkeypatch.setattr(
        CatalogMatcher, "_set_catalog", lambda self, c: (opened.append(c), real(self, c))
    )
    matcher = CatalogMatcher(catalog=folders["A"])
    with ThreadPoolExecutor(8) as pool:
        docs = list(pool.map(lambda _: matcher(blank().make_doc(TEXT)), range(8)))
    assert len(opened) == 1
    assert all(texts(doc) == NAMES for doc in docs)
