"""Clustering utterances: clusters, those that stand for them, and rare intents."""

from __future__ import annotations

import json

import numpy as np
import pytest
import test_cli
from conftest import write_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.exemplars.embedders import embed
from spacy_catalog_ner.generation.clusters import embedding_folder
from spacy_catalog_ner.generation.clusters.cluster_file import cluster_file
from spacy_catalog_ner.generation.clusters.clustering import cluster_embeddings
from spacy_catalog_ner.generation.clusters.embedding_folder import EmbeddingFolder
from spacy_catalog_ner.generation.clusters.representatives import NEAR_COPY
from spacy_catalog_ner.io.files import iter_jsonl

cli = test_cli.cli  # the fixture

CITIES = ("paris", "boston", "london", "rome", "berlin", "tokyo", "madrid", "oslo")
WEATHER = [f"what's the weather like in {city}" for city in CITIES]
ALARMS = [f"set an alarm for {hour} in the morning" for hour in ("six", "eight", "nine", "ten")]
ALARMS += [f"wake me up at {hour} tomorrow" for hour in ("five", "seven", "eleven")]
RARE = ["my sister needs a new passport", "who won the cricket match in sydney"]
TEXTS = [*WEATHER, *ALARMS, *RARE]


@pytest.fixture
def embedder(mini_embedder):
    return mini_embedder


@pytest.fixture
def cluster(mini_embedder, tmp_path):
    """Cluster texts: (rows written, summary)."""

    def run(texts, **options):
        source = write_rows(tmp_path / "in.jsonl", [{"text": text} for text in texts])
        problems = Problems()
        target = tmp_path / "out.jsonl"
        summary = cluster_file(source, target, mini_embedder, problems, lang="en", **options)
        return [row for _, row in iter_jsonl(target, problems)], summary

    return run


def test_similar_utterances_make_a_cluster(cluster):
    rows, summary = cluster(TEXTS)
    assert {row["cluster"] for row in rows[: len(WEATHER)]} == {0}
    assert {row["cluster"] for row in rows[len(WEATHER) : -len(RARE)]} == {1}
    assert [(item["cluster"], item["size"]) for item in summary["largest"]] == [(0, 8), (1, 7)]
    assert summary["largest"][0]["text"] in WEATHER


def test_what_belongs_to_no_cluster_is_kept_for_a_rare_intent(cluster):
    rows, summary = cluster(TEXTS)
    found = [row for row in rows if row["rare"]]
    assert [row["text"] for row in found] == RARE
    assert all(row["representative"] and row["cluster"] is None for row in found)
    assert summary["noise"] == summary["rare"] == 2


def test_at_most_so_many_rare_utterances_are_kept(cluster):
    rows, _ = cluster(TEXTS, rare=1)
    assert sum(row["rare"] for row in rows) == 1
    assert sum(row["cluster"] is None for row in rows) == 2


def test_a_cluster_has_three_representatives_that_are_no_copies(embedder):
    vectors = embed(embedder, TEXTS)
    clusters = cluster_embeddings(vectors)
    assert [len(chosen) for chosen in clusters.representatives] == [3, 3]
    for number, chosen in enumerate(clusters.representatives):
        assert all(clusters.numbers[text] == number for text in chosen)
        similarities = vectors[chosen] @ vectors[chosen].T
        assert similarities[np.triu_indices(3, 1)].max() < NEAR_COPY


def test_a_cluster_of_near_copies_has_one_representative():
    near, far = np.zeros((2, 9, 4), dtype=np.float32)
    near[:, 0], far[:, 1] = 1, 1
    for vectors in (near, far):
        vectors[:, 2] = np.linspace(0, 0.01, 9)
    vectors = np.concatenate([near, far])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert [len(chosen) for chosen in cluster_embeddings(vectors).representatives] == [1, 1]


def test_copies_share_a_cluster_and_count_as_one(cluster):
    texts = ["What's the weather like in  PARIS?", *TEXTS, *WEATHER]
    rows, summary = cluster(texts)
    assert summary["texts"] == len(texts)
    assert summary["distinct"] == len(TEXTS)
    assert {row["cluster"] for row in rows[-len(WEATHER) :]} == {0}
    assert not any(row["representative"] for row in rows[-len(WEATHER) :])


def test_rows_keep_what_they_had_and_their_order(cli, tmp_path):
    rows = [{"text": text, "meta": {"n": n}, "lang": "en-US"} for n, text in enumerate(TEXTS)]
    source = write_rows(tmp_path / "in.jsonl", rows)
    result = cli("generate", "cluster", source, "-o", tmp_path / "out.jsonl", "--rare", 1)
    assert result.code == 0, result.err
    written = [row for _, row in iter_jsonl(tmp_path / "out.jsonl", Problems())]
    assert [{key: row[key] for key in rows[0]} for row in written] == rows
    summary = json.loads(result.out)
    assert summary["clusters"] == 2
    assert set(summary["seconds"]) == {"read", "embed", "cluster", "write"}
    assert {path.name for path in tmp_path.iterdir()} == {"in.jsonl", "out.jsonl"}


@pytest.mark.parametrize("texts", [["play hello"], RARE * 3, WEATHER])
def test_too_few_similar_utterances_all_stand_for_themselves(cli, tmp_path, texts):
    source = write_rows(tmp_path / "in.jsonl", [{"text": text} for text in texts])
    result = cli("generate", "cluster", source, "-o", tmp_path / "out.jsonl")
    assert result.code == 0, result.err
    assert f"no cluster in {len(set(texts))} distinct utterances" in result.err
    assert json.loads(result.out)["rare"] == len(set(texts))


def test_broken_rows_and_other_languages_are_reported_with_their_lines(cli, tmp_path):
    source = tmp_path / "in.jsonl"
    rows = [{"text": "pon música", "lang": "es"}, {"text": " "}, *({"text": t} for t in TEXTS)]
    write_rows(source, rows)
    source.write_bytes(b'{"text": "caf\xe9"}\n' + source.read_bytes())
    result = cli("generate", "cluster", source, "-o", tmp_path / "out.jsonl")
    assert result.code == 0
    assert "in.jsonl:1: invalid UTF-8" in result.err
    assert "in.jsonl:2: lang 'es', expected 'en'; row skipped" in result.err
    assert 'in.jsonl:3: no "text"' in result.err
    assert json.loads(result.out)["texts"] == len(TEXTS)


def test_a_file_without_utterances_is_one_line_of_error(cluster, tmp_path):
    with pytest.raises(CatalogNERError, match=r"in\.jsonl: no utterance to cluster"):
        cluster([])
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_long_text_is_clustered_like_any_other(cluster):
    rows, _ = cluster([*TEXTS, "word " * 10_000])
    assert len(rows) == len(TEXTS) + 1


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 40), st.integers(2, 6), st.integers(1, 4), st.integers(0, 5), st.integers(0, 9)
)
def test_any_vectors_can_be_clustered(count, min_size, representatives, rare, seed):
    vectors = np.random.default_rng(seed).integers(0, 3, (count, 5)).astype(np.float32)
    vectors[:, 0] += 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    options = {"min_size": min_size, "representatives": representatives, "rare": rare}
    clusters = cluster_embeddings(vectors, **options)
    sizes = np.bincount(clusters.numbers[clusters.numbers >= 0])
    assert all(sizes >= min_size) and list(sizes) == sorted(sizes, reverse=True)
    assert len(sizes) == len(clusters.representatives)
    assert all(1 <= len(set(chosen)) <= representatives for chosen in clusters.representatives)
    assert len(set(clusters.rare)) == len(clusters.rare) <= rare
    assert all(clusters.numbers[text] == -1 for text in clusters.rare)


def test_a_cluster_of_one_is_refused():
    with pytest.raises(CatalogNERError, match="at least 2 texts a cluster, got 1"):
        cluster_embeddings(np.eye(3, dtype=np.float32), min_size=1)


def test_embeddings_stand_in_the_order_of_the_texts(embedder, tmp_path):
    texts = ["a much longer text than the others", "short", "of middling length"]
    found = EmbeddingFolder(tmp_path / "x.part").embed(texts, embedder)
    assert np.abs(found - embed(embedder, texts)).max() < 1e-5


def test_embeddings_of_other_texts_are_made_anew(embedder, tmp_path):
    folder = EmbeddingFolder(tmp_path / "x.part")
    folder.embed(["play hello"], embedder)
    again = folder.embed(["play thriller"], embedder)
    assert np.abs(again - embed(embedder, ["play thriller"])).max() < 1e-5


def test_a_folder_of_something_else_is_never_removed(tmp_path):
    (tmp_path / "out.part").mkdir()
    (tmp_path / "out.part" / "letter.txt").write_text("dear")
    with pytest.raises(CatalogNERError, match="holds something else"):
        EmbeddingFolder(tmp_path / "out.part")


def test_a_run_that_was_stopped_goes_on_and_gives_the_same_bytes(embedder, tmp_path, monkeypatch):
    monkeypatch.setattr(embedding_folder, "CHUNK", 3)
    source = write_rows(tmp_path / "in.jsonl", [{"text": text} for text in TEXTS])
    stopped, whole = tmp_path / "stopped.jsonl", tmp_path / "whole.jsonl"
    calls = []

    def embed_twice(embedder, texts):
        calls.append(texts)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return embed(embedder, texts)

    monkeypatch.setattr(embedding_folder, "embed", embed_twice)
    with pytest.raises(KeyboardInterrupt):
        cluster_file(source, stopped, embedder, Problems(), lang="en")
    assert not stopped.exists()
    cluster_file(source, stopped, embedder, Problems(), lang="en")
    assert len(calls) == 3 + -(-len(TEXTS) // 3) - 2
    cluster_file(source, whole, embedder, Problems(), lang="en")
    assert stopped.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob("*.part"))
