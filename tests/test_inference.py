"""A student made faster after loading: 8-bit weights and ONNX Runtime."""

from __future__ import annotations

import logging
import sys

import numpy as np
import pytest
import spacy
from spacy.training import Example
from spacy.util import fix_random_seed
from test_candidate_classifier import NAMES, SENTENCES, make_example

from spacy_catalog_ner.errors import CatalogNERError, MissingExtraError
from spacy_catalog_ner.student.speed.faster import quantize, to_onnx

TEXTS = [text for text, _ in SENTENCES] + ["play paris and then london by boston " * 30]
WAYS = {
    "8 bits": (quantize, 0.1),
    "onnx": (to_onnx, 1e-4),
    "onnx, 8 bits": (lambda nlp: to_onnx(nlp, int8=True), 0.1),
}

TRANSFORMER = {
    "name": {"@misc": "spacy_catalog_ner.backbone.v1"},
    "tokenizer_config": {"use_fast": True},
    "get_spans": {
        "@span_getters": "spacy-transformers.strided_spans.v1",
        "window": 128,
        "stride": 96,
    },
}
POOLING = {"@layers": "reduce_mean.v1"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A grounded student with MiniLM, trained a little."""
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher").add_entries(NAMES)
    tok2vec = {
        "@architectures": "spacy-transformers.Tok2VecTransformer.v3",
        "pooling": POOLING,
        **TRANSFORMER,
    }
    model = {"@architectures": "spacy_catalog_ner.CandidateClassifier.v1", "tok2vec": tok2vec}
    nlp.add_pipe("candidate_classifier", config={"model": model})
    nlp.add_pipe("constraint_post_processor")
    fix_random_seed(0)
    examples = [make_example(nlp, *sentence) for sentence in SENTENCES]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(5):
        nlp.update(examples, sgd=optimizer, annotates=["catalog_matcher"])
    path = tmp_path_factory.mktemp("student") / "model"
    nlp.to_disk(path)
    return path


def confidences(nlp, texts=TEXTS) -> np.ndarray:
    docs = nlp.pipe(texts)
    return np.array([score for doc in docs for score in doc.spans["candidates"].attrs["scores"]])


@pytest.fixture(scope="module")
def before(folder) -> np.ndarray:
    return confidences(spacy.load(folder))


@pytest.mark.parametrize(("make", "tolerance"), WAYS.values(), ids=WAYS)
def test_a_faster_student_is_as_sure_but_can_be_neither_trained_nor_saved_nor_made_faster(
    folder, before, make, tolerance, tmp_path, caplog
):
    logging.disable(logging.INFO)  # a setting of the application, which stays
    try:
        nlp = make(spacy.load(folder))
        assert logging.root.manager.disable == logging.INFO
    finally:
        logging.disable(logging.NOTSET)
    assert not caplog.records
    after = confidences(nlp)
    assert len(before) > len(TEXTS)
    assert np.abs(after - before).max() < tolerance
    sure = np.abs(before - 0.5) > tolerance
    assert ((after >= 0.5) == (before >= 0.5))[sure].all()

    example = make_example(nlp, *SENTENCES[0])
    with pytest.raises(CatalogNERError, match="cannot be trained: train it before"):
        nlp.update([example], annotates=["catalog_matcher"])
    for save in (nlp.to_bytes, lambda: nlp.to_disk(tmp_path / "model")):
        with pytest.raises(CatalogNERError, match="cannot be saved: save it before"):
            save()
    with pytest.raises(CatalogNERError, match="made faster already"):
        make(nlp)


def test_a_transformer_component_is_replaced_too():
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy-transformers.TransformerModel.v3", **TRANSFORMER}
    nlp.add_pipe("transformer", config={"model": model})
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": POOLING,
    }
    nlp.add_pipe("ner", config={"model": {"tok2vec": listener}})
    doc = nlp.make_doc("play paris")
    nlp.initialize(lambda: [Example.from_dict(doc, {"entities": [(5, 10, "CITY")]})])

    def vectors():
        return nlp("is it raining in paris")._.trf_data.model_output.last_hidden_state

    before = vectors()
    quantize(nlp)
    after = vectors()
    similarity = (before * after).sum() / np.linalg.norm(before) / np.linalg.norm(after)
    assert similarity > 0.95
    assert not np.array_equal(before, after)


def test_onnx_runtime_works_in_several_processes(folder):
    nlp = to_onnx(spacy.load(folder), threads=2)
    here = [doc.spans["candidates"].attrs["scores"] for doc in nlp.pipe(TEXTS, batch_size=4)]
    there = nlp.pipe(TEXTS, batch_size=4, n_process=2)
    for doc, scores in zip(there, here, strict=True):
        assert doc.spans["candidates"].attrs["scores"] == pytest.approx(scores, abs=1e-4)


def test_a_pipeline_without_a_transformer_is_named():
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    with pytest.raises(CatalogNERError, match="no transformer; its components are: sentencizer"):
        quantize(nlp)


def test_a_number_of_threads_that_is_none_is_refused():
    with pytest.raises(CatalogNERError, match="threads: expected a whole number of at least 1"):
        to_onnx(spacy.blank("en"), threads=0)


@pytest.mark.parametrize(
    ("make", "package", "extra"),
    [(to_onnx, "onnxruntime", "onnx"), (to_onnx, "onnx", "onnx"), (quantize, "torch", "transf")],
)
def test_without_the_extra_it_says_what_to_install(monkeypatch, make, package, extra):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"spacy-catalog-ner\[{extra}"):
        make(spacy.blank("en"))
