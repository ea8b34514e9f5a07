"""What the tests of labelling share: components that fail as they are told, and short calls."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import spacy
from servers import LocalServer
from spacy.language import Language

from spacy_catalog_ner.doc.record import update_record
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.labelling import label_file

CUTS: set[str] = set()
"""Texts at which `mini_power_cut` cuts the power."""


@Language.component("mini_power_cut")
def power_cut(doc):
    """Stop the program as Ctrl+C would, at the texts of `CUTS`."""
    if doc.text in CUTS:
        raise KeyboardInterrupt
    return doc


@Language.component("mini_poison")
def poison(doc):
    """Fail at texts with "poison", as a component with a mistake would."""
    if "poison" in doc.text:
        raise ZeroDivisionError("by a\nzero")
    return doc


@Language.component("mini_fault")
def fault(doc):
    """Fail at texts with "poison", with an error that tells the user what to do."""
    if "poison" in doc.text:
        raise CatalogNERError(f"{doc.text}: not to be had; remove it")
    return doc


@Language.component("mini_silence")
def silence(doc):
    """Leave texts with "silence" without an answer, as a model that does not reply would."""
    usage = {"calls": 1, "prompt_tokens": 10}
    update_record(doc, usage=usage, failure="no\nreply" if "silence" in doc.text else None)
    return doc


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf8").split("\n") if line]


def label(nlp, source, target, **settings):
    return label_file(nlp, source, target, Problems(), progress=False, **settings)


def interrupt(nlp, source, target, **settings):
    with pytest.raises(KeyboardInterrupt):
        label(nlp, source, target, batch_size=2, **settings)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def make_teacher(catalog: Path, server: LocalServer, **model) -> Language:
    """A teacher whose model is a local server: four calls at once, and no patience."""
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher", config={"catalog": str(catalog)})
    settings = {"concurrency": 4, "max_retries": 0, **model}
    config = {
        "@llm_models": "spacy_catalog_ner.OpenAICompatible.v1",
        "model": "stand-in",
        "base_url": server.url,
        **settings,
    }
    task = {"@llm_tasks": "spacy_catalog_ner.SemanticFilter.v1"}
    nlp.add_pipe("llm_semantic_filter", config={"task": task, "model": config})
    nlp.add_pipe("constraint_post_processor")
    return nlp


def asked_about(server: LocalServer) -> list[str]:
    """The texts "play drake N" that a server was asked about, in order."""
    found = re.compile(r"play drake \d+")
    return [found.search(body["messages"][-1]["content"]).group() for body in server.bodies]
