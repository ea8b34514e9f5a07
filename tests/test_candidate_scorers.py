"""`neighbour_vote` and `confidence_calibrator` in pipelines."""

from __future__ import annotations

import pytest
import spacy
from conftest import write_rows

from spacy_catalog_ner.calibration.calibrate import calibrate
from spacy_catalog_ner.calibration.confidence_calibrator import ConfidenceCalibrator
from spacy_catalog_ner.calibration.neighbour_vote import NeighbourVote
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.exemplars import ExemplarStore
from spacy_catalog_ner.exemplars.reading import read_exemplars
from spacy_catalog_ner.matching.catalog_matcher import CatalogMatcher

SONGS = ("hello", "thriller", "blinding lights")


def annotated() -> list[dict]:
    """Songs are meant where something is played, and not where somebody is greeted."""
    rows = []
    for name in SONGS:
        for text in (f"play {name}", f"please play {name} now", f"put {name} on"):
            start = text.index(name)
            span = {"start": start, "end": start + len(name), "label": "SONG"}
            rows.append({"text": text, "spans": [span]})
        for text in (f"{name} can you hear me", f"oh {name} to you too", f"what does {name} mean"):
            rows.append({"text": text, "spans": []})
    return rows


@pytest.fixture(scope="module")
def store(mini_catalog, mini_embedder, tmp_path_factory):
    path = write_rows(tmp_path_factory.mktemp("songs") / "songs.jsonl", annotated())
    matcher = CatalogMatcher(catalog=mini_catalog)
    folder = path.with_suffix("")
    exemplars = list(read_exemplars(path, matcher, "en", Problems()))
    ExemplarStore.build(exemplars, mini_embedder).to_disk(folder)
    return folder


@pytest.fixture(scope="module")
def retriever_nlp(mini_catalog, store):
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher", config={"catalog": str(mini_catalog)})
    nlp.add_pipe("dynamic_exemplar_retriever", config={"store": str(store), "k": 6})
    return nlp


@pytest.fixture(scope="module")
def calibration(retriever_nlp, tmp_path_factory):
    path = tmp_path_factory.mktemp("calibration") / "calibration"
    calibrate(retriever_nlp, progress=False).to_disk(path)
    return path


@pytest.fixture(params=["neighbour_vote", "confidence_calibrator"])
def scored_nlp(request, mini_catalog, store, calibration):
    """A pipeline that selects without an LLM."""
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher", config={"catalog": str(mini_catalog)})
    nlp.add_pipe("dynamic_exemplar_retriever", config={"store": str(store), "k": 6})
    settings = {
        "neighbour_vote": {"store": str(store)},
        "confidence_calibrator": {"calibration": str(calibration)},
    }
    nlp.add_pipe(request.param, name="scorer", config=settings[request.param])
    nlp.add_pipe("constraint_post_processor")
    return nlp


def test_candidates_are_selected_where_similar_texts_have_them(scored_nlp):
    assert [ent.text for ent in scored_nlp("could you play thriller").ents] == ["thriller"]
    assert not scored_nlp("thriller can you hear us").ents
    assert list(scored_nlp("what time is it").spans["selected"]) == []


def test_all_candidates_have_their_confidence(scored_nlp):
    doc = scored_nlp("play thriller")
    group = doc.spans["candidates"]
    scores = dict(zip((span.label_ for span in group), group.attrs["scores"], strict=True))
    assert set(scores) == {"SONG", "ALBUM"}
    assert scores["SONG"] > scores["ALBUM"]
    selected = doc.spans["selected"]
    assert selected.attrs["scores"] == [scores[span.label_] for span in selected]


def test_a_saved_pipeline_needs_no_file_but_its_own(scored_nlp, tmp_path):
    scored_nlp.to_disk(tmp_path / "pipeline")
    (tmp_path / "pipeline").rename(tmp_path / "moved")
    config = {"components": {"scorer": {"store": None, "calibration": None}}}
    factory = scored_nlp.get_pipe_meta("scorer").factory
    del config["components"]["scorer"]["calibration" if factory == "neighbour_vote" else "store"]
    moved = spacy.load(tmp_path / "moved", config=config)
    text = "could you play thriller"
    assert [e.text for e in moved(text).ents] == [e.text for e in scored_nlp(text).ents]


def test_two_processes_give_what_one_gives(scored_nlp):
    texts = ["play thriller", "hello can you hear me", "put hello on"]
    one = [[e.text for e in doc.ents] for doc in scored_nlp.pipe(texts)]
    assert [[e.text for e in d.ents] for d in scored_nlp.pipe(texts, n_process=2)] == one


def test_a_missing_matcher_is_named(store):
    nlp = spacy.blank("en")
    nlp.add_pipe("neighbour_vote", config={"store": str(store)})
    with pytest.raises(CatalogNERError, match='add "catalog_matcher" to the pipeline before it'):
        nlp("play hello")


@pytest.mark.parametrize(
    ("component", "command"),
    [(NeighbourVote(), "exemplars build"), (ConfidenceCalibrator(), "calibrate")],
)
def test_what_is_not_configured_says_how_to_make_it(component, command, nlp):
    with pytest.raises(CatalogNERError, match=f"catalog-ner {command}"):
        component(nlp("play hello"))


@pytest.mark.parametrize("make", [NeighbourVote, ConfidenceCalibrator])
def test_a_threshold_is_a_probability(make):
    with pytest.raises(CatalogNERError, match="threshold: expected a number from 0 to 1, got 2"):
        make(threshold=2)


def test_the_prior_alone_needs_no_retriever(mini_catalog, store):
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher", config={"catalog": str(mini_catalog)})
    nlp.add_pipe("neighbour_vote", config={"store": str(store), "neighbours": False})
    scores = nlp("play thriller").spans["candidates"].attrs["scores"]
    assert scores[0] != scores[1]


def test_a_text_that_the_llm_failed_on_is_left_as_it_is(retriever_nlp, calibration):
    doc = retriever_nlp("play thriller")
    doc._.catalog_ner["failure"] = "out of order"
    ConfidenceCalibrator(calibration=calibration)(doc)
    assert "selected" not in doc.spans


def test_verdicts_are_weighed_with_the_rest(retriever_nlp, calibration):
    from spacy_catalog_ner.calibration import Calibration
    from spacy_catalog_ner.calibration.logistic import LogisticModel

    opened = Calibration.from_disk(calibration)
    opened.judged = LogisticModel({"known": 0.5, "verdict": 1.0}, 0.0)
    scores = {}
    for verdict in (0.01, 0.99):
        doc = retriever_nlp("play hello")
        doc.spans["candidates"].attrs["verdicts"] = [verdict]
        ConfidenceCalibrator(calibration=opened)(doc)
        (scores[verdict],) = doc.spans["candidates"].attrs["scores"]
    assert scores[0.01] < scores[0.99]


def test_verdicts_that_a_calibration_knows_nothing_of_are_warned_of(retriever_nlp, calibration):
    doc = retriever_nlp("play hello")
    doc.spans["candidates"].attrs["verdicts"] = [0.9]
    with pytest.warns(UserWarning, match="verdicts are ignored"):
        ConfidenceCalibrator(calibration=calibration)(doc)


# Calibrating


def test_a_pipeline_without_a_retriever_cannot_be_calibrated(nlp):
    with pytest.raises(CatalogNERError, match="no dynamic_exemplar_retriever"):
        calibrate(nlp, progress=False)


def test_a_calibration_counts_what_it_was_fitted_on(retriever_nlp):
    report = calibrate(retriever_nlp, progress=False).report
    assert report.exemplars == len(annotated())
    assert report.candidates == 24  # thriller is a song and an album
    assert report.known.f1 > 0.5


def test_duplicates_are_left_out_together(mini_catalog, mini_embedder, store):
    """Ten copies of a text would otherwise say what is right in it."""
    copied = ExemplarStore.from_disk(store)
    copies = [copied.exemplars[0]] * 10 + copied.exemplars
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher", config={"catalog": str(mini_catalog)})
    nlp.add_pipe("dynamic_exemplar_retriever", config={"k": 6})
    retriever = nlp.get_pipe("dynamic_exemplar_retriever")
    retriever._store = ExemplarStore.build(copies, mini_embedder)
    assert calibrate(nlp, progress=False).report.exemplars == len(annotated())


def test_exemplars_that_are_held_out_are_not_known_to_a_calibration(retriever_nlp, tmp_path):
    held_out = tmp_path / "names.txt"
    held_out.write_text("hello", encoding="utf8")

    config = retriever_nlp.config.copy()
    config["components"]["dynamic_exemplar_retriever"]["held_out"] = str(held_out)
    known = calibrate(retriever_nlp, progress=False).report.exemplars
    calibration = calibrate(spacy.blank("en").from_config(config), progress=False)
    named = sum("hello" in row["text"] and bool(row["spans"]) for row in annotated())
    assert calibration.report.exemplars == known - named


def test_a_catalog_that_has_grown_can_be_calibrated(retriever_nlp):
    nlp = spacy.blank("en").from_config(retriever_nlp.config)
    nlp.get_pipe("catalog_matcher").add_entries([{"text": "please play", "label": "SONG"}])
    assert calibrate(nlp, progress=False).report.candidates == 27


def test_some_exemplars_are_shown_to_the_real_llm(mini_catalog, store):
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher", config={"catalog": str(mini_catalog)})
    nlp.add_pipe("dynamic_exemplar_retriever", config={"store": str(store), "k": 2})
    nlp.add_pipe("llm_semantic_filter")
    calibration = calibrate(nlp, verdicts=12, progress=False)
    assert calibration.report.asked.candidates >= 12
    assert calibration.judged is not None
