"""Embedders: the bundled MiniLM, and a GGUF model run by llama.cpp."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.exemplars import GGUFEmbedder, SentenceTransformerEmbedder
from spacy_catalog_ner.exemplars.embedders import BUNDLED_MODEL, make_embedder, name_of
from spacy_catalog_ner.llm.models.llama_cpp import bundled_gguf


@pytest.fixture(scope="module")
def gguf_embedder() -> GGUFEmbedder:
    """The bundled Gemma, a model made to generate."""
    return GGUFEmbedder(bundled_gguf())


@pytest.fixture(params=["mini_embedder", "gguf_embedder"])
def embedder(request):
    return request.getfixturevalue(request.param)


def test_rows_have_length_1(embedder):
    vectors = embedder(["play hello by adele", "", "what time is it"])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


def test_similar_texts_have_similar_vectors(embedder):
    one, other, far = embedder(["play hello by adele", "play a song by adele", "is it cold out"])
    assert one @ other > one @ far


def test_a_text_has_the_same_vector_in_any_company(embedder):
    alone = embedder(["play hello"])[0]
    among_others = embedder(["what is the weather like in paris", "play hello"])[1]
    assert alone @ among_others > 0.9999


def test_of_a_text_longer_than_the_context_the_beginning_is_embedded(gguf_embedder):
    (vector,) = gguf_embedder(["word " * 600])
    assert np.isfinite(vector).all()


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("models/gemma.gguf", GGUFEmbedder),
        (BUNDLED_MODEL, SentenceTransformerEmbedder),
        ("google/embeddinggemma-300m", SentenceTransformerEmbedder),
    ],
)
def test_the_name_of_an_embedder_makes_it_again(model, kind):
    embedder = make_embedder(model)
    assert isinstance(embedder, kind)
    assert name_of(embedder) == model


def test_an_embedder_is_pickled_without_its_model(embedder):
    embedder(["play hello"])
    data = pickle.dumps(embedder)
    assert len(data) < 1000
    assert name_of(pickle.loads(data)) == name_of(embedder)


def test_a_sentence_transformer_that_does_not_exist_is_one_line(tmp_path):
    with pytest.raises(CatalogNERError, match="cannot load the embedder") as error:
        SentenceTransformerEmbedder(str(tmp_path / "nothing"))(["play hello"])
    assert "\n" not in str(error.value)


def test_a_gguf_file_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(CatalogNERError, match=r"no\.gguf: no such file, expected a GGUF model"):
        GGUFEmbedder(tmp_path / "no.gguf")(["play hello"])


def test_a_file_that_is_no_model_is_named(tmp_path):
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF, but no more")
    with pytest.raises(CatalogNERError, match=r"broken\.gguf: llama\.cpp cannot load it"):
        GGUFEmbedder(path)(["play hello"])
