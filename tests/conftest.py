"""Tiny fixtures that several test files share; most names start with ``mini_``."""

# ruff: noqa: E402
from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# A core for each process of ``-n``, before PyTorch and others count the cores as they are imported:
# threads that compete for one core mostly wait for each other.
worker = os.environ.get("PYTEST_XDIST_WORKER")
if worker and hasattr(os, "sched_setaffinity"):
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})

import pytest
import spacy
from matching import blank
from warm import warm_programs

from spacy_catalog_ner.catalog import Entry, compile_catalog, read_entries
from spacy_catalog_ner.errors import Place, Problems
from spacy_catalog_ner.exemplars import ExemplarStore, SentenceTransformerEmbedder
from spacy_catalog_ner.exemplars.reading import read_exemplars
from spacy_catalog_ner.io.row import Row
from spacy_catalog_ner.llm.models.llama_cpp import LlamaCpp
from spacy_catalog_ner.matching.catalog_matcher import CatalogMatcher

REPOSITORY = Path(__file__).parent.parent

ENTRIES = [
    {"text": "The Weeknd", "label": "ARTIST", "id": "artist/weeknd", "aliases": ["weeknd"]},
    {"text": "Adele", "label": "ARTIST", "id": "artist/adele"},
    {"text": "Drake", "label": "ARTIST", "id": "artist/drake"},
    {"text": "Boston", "label": "ARTIST", "id": "artist/boston", "weight": 2},
    {"text": "Boston", "label": "CITY", "id": "city/boston", "weight": 9},
    {"text": "Paris", "label": "CITY", "id": "city/paris"},
    {"text": "Hello", "label": "SONG", "id": "song/hello"},
    {"text": "Blinding Lights", "label": "SONG", "id": "song/blinding-lights"},
    {"text": "Thriller", "label": "SONG", "id": "song/thriller"},
    {"text": "Thriller", "label": "ALBUM", "id": "album/thriller"},
    {"text": "Up", "label": "MOVIE", "id": "movie/up"},
    {"text": "Dune", "label": "MOVIE", "id": "movie/dune"},
]

LABELS = {
    "ARTIST": "a singer or band",
    "CITY": "a city or town",
    "SONG": "the title of a song",
    "ALBUM": "the title of an album",
    "MOVIE": "the title of a film",
}

UTTERANCES = [
    ("play hello by adele", {"hello": "SONG", "adele": "ARTIST"}),
    ("hello can you turn it up", {}),
    ("put on blinding lights", {"blinding lights": "SONG"}),
    ("what's the weather in boston tomorrow", {"boston": "CITY"}),
    ("play more than a feeling by boston", {"boston": "ARTIST"}),
    ("book me a train to paris", {"paris": "CITY"}),
    ("i want to watch dune tonight", {"dune": "MOVIE"}),
    ("play the whole thriller album", {"thriller": "ALBUM"}),
]


@pytest.fixture(scope="session")
def programs(tmp_path_factory) -> Iterator[Path]:
    """A folder with `catalog-ner` and `python` that start at once, to put first in `PATH`."""
    with warm_programs(tmp_path_factory.mktemp("warm")) as folder:
        yield folder


LONG = ("test_project", "test_docs")
"""Files that take minutes."""


def pytest_collection_modifyitems(items):
    """Begin with the long files, so that no process of several is left with one at the end."""
    items.sort(key=lambda item: item.path.stem not in LONG)


def annotate(text: str, names: dict[str, str]) -> dict:
    """Make an annotated row; each name stands once in the text."""
    spans = [
        {"start": text.index(name), "end": text.index(name) + len(name), "label": label}
        for name, label in names.items()
    ]
    return {"text": text, "spans": spans}


def placed(*rows: dict) -> list[tuple[Place, Row]]:
    """Return rows as readers yield them, from ``in.jsonl``."""
    return [(Place("in.jsonl", n), Row.from_dict(row)) for n, row in enumerate(rows, start=1)]


def write_rows(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf8")
    return path


@pytest.fixture(scope="session")
def mini_catalog(tmp_path_factory) -> Path:
    """The folder of a compiled catalog of a dozen entries."""
    path = tmp_path_factory.mktemp("catalog") / "mini.catalog"
    compile_catalog((Entry.from_row(row) for row in ENTRIES), path)
    return path


@pytest.fixture(scope="session")
def mini_annotated(tmp_path_factory) -> Path:
    """Eight annotated utterances."""
    rows = [annotate(text, names) for text, names in UTTERANCES]
    return write_rows(tmp_path_factory.mktemp("annotated") / "mini.jsonl", rows)


@pytest.fixture(scope="session")
def mini_embedder() -> SentenceTransformerEmbedder:
    """The bundled MiniLM, loaded once for the whole session."""
    return SentenceTransformerEmbedder()


@pytest.fixture(scope="session")
def mini_store(mini_catalog, mini_annotated, mini_embedder) -> ExemplarStore:
    """An exemplar store of the eight utterances."""
    matcher = CatalogMatcher(catalog=mini_catalog)
    exemplars = list(read_exemplars(mini_annotated, matcher, "en", Problems()))
    return ExemplarStore.build(exemplars, mini_embedder)


@pytest.fixture(scope="session")
def mini_store_path(mini_store, tmp_path_factory) -> Path:
    """The same store on disk."""
    path = tmp_path_factory.mktemp("store") / "exemplars"
    mini_store.to_disk(path)
    return path


@pytest.fixture(scope="session")
def embedded_model() -> LlamaCpp:
    """The bundled Gemma, loaded once for the whole session, with room for a short prompt only."""
    return LlamaCpp(context_length=256, threads=1)


@pytest.fixture
def nlp(mini_catalog) -> spacy.language.Language:
    """A pipeline of nothing but the matcher, for the catalog above."""
    nlp = blank()
    nlp.add_pipe("catalog_matcher", config={"catalog": str(mini_catalog)})
    return nlp


@pytest.fixture
def mini_matcher_nlp(mini_catalog) -> spacy.language.Language:
    """A pipeline without any model: matcher, and constraints that accept every candidate."""
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher", config={"catalog": str(mini_catalog)})
    nlp.add_pipe("constraint_post_processor", config={"source": "candidates", "overlap": "longest"})
    return nlp


@pytest.fixture
def mini_read(tmp_path):
    """Write content to a file and read entries from it: (entries, problems)."""

    def run(name: str, content: str | bytes) -> tuple[list[Entry], Problems]:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf8"))
        problems = Problems()
        return list(read_entries(path, problems)), problems

    return run


@pytest.fixture
def mini_python(tmp_path):
    """Run code in a fresh Python process, in an empty folder."""

    def run(code: str, *options: str, **environment: str) -> subprocess.CompletedProcess:
        folder = tmp_path / "elsewhere"
        folder.mkdir(exist_ok=True)
        return subprocess.run(
            [sys.executable, *options, "-c", code],
            cwd=folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run
