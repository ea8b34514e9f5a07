"""Other names in training texts: the gold annotation goes with them."""

from __future__ import annotations

from collections import Counter
from itertools import chain, pairwise
from pathlib import Path

import pytest
import spacy
from conftest import annotate, placed
from hypothesis import given, settings
from hypothesis import strategies as st
from matching import blank
from spacy.tokens import Doc, Span
from spacy.training import Corpus, Example
from spacy.util import registry

from spacy_catalog_ner.catalog import Entry, compile_catalog
from spacy_catalog_ner.doc.record import char_key
from spacy_catalog_ner.doc.rows import make_doc
from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.formats import docbin
from spacy_catalog_ner.student.entity_swap import make_entity_swap

NLP = blank()


def example_of(row: dict, nlp=NLP) -> Example:
    gold = make_doc(nlp, row, Problems(), Place("memory", 1))
    return Example(nlp.make_doc(gold.text), gold)


def swap(catalog: Path, row: dict, times: int = 20, nlp=NLP) -> list[Doc]:
    """Return what the reference becomes each time that the example is changed."""
    example, augmenter = example_of(row), make_entity_swap(str(catalog), level=1)
    return [augmented.reference for _ in range(times) for augmented in augmenter(nlp, example)]


def names_in(docs: list[Doc], key: str = "entities") -> set[str]:
    return {span.text for doc in docs for span in doc.spans[key]}


@pytest.fixture
def compiled(tmp_path):
    """Compile a catalog of names of artists."""

    def make(*names: str) -> Path:
        path = tmp_path / "artists.catalog"
        compile_catalog([Entry(name, "ARTIST", id=f"id/{name}") for name in names], path)
        return path

    return make


# What changes


def test_an_entity_gets_every_other_name_of_its_label(mini_catalog):
    docs = swap(mini_catalog, annotate("play the song hello", {"hello": "SONG"}), times=50)
    assert {doc.text for doc in docs} == {
        "play the song blinding lights",
        "play the song thriller",
    }


def test_all_groups_and_ents_have_the_new_names_with_their_ids(mini_catalog):
    row = annotate("play hello by adele now", {"hello": "SONG", "adele": "ARTIST"})
    row["spans"][1]["id"] = "artist/adele"
    for doc in swap(mini_catalog, row):
        song, artist = doc.ents
        assert doc.text == f"play {song.text} by {artist.text} now"
        assert [song.label_, artist.label_] == ["SONG", "ARTIST"]
        assert song.kb_id_ == f"song/{song.text.replace(' ', '-')}"
        assert artist.kb_id_ != "artist/adele"
        for key in ("selected", "entities"):
            assert [(s.start, s.end, s.label, s.kb_id) for s in doc.spans[key]] == [
                (s.start, s.end, s.label, s.kb_id) for s in doc.ents
            ]


def test_the_text_to_annotate_is_the_new_one_without_its_annotation(mini_catalog):
    row = annotate("play hello", {"hello": "SONG"})
    row["candidates"] = [{**row["spans"][0], "score": 0.9}]
    example = example_of(row)
    (swapped,) = make_entity_swap(str(mini_catalog), level=1)(NLP, example)
    assert swapped.predicted.text == swapped.reference.text != "play hello"
    assert swapped.predicted is not swapped.reference
    assert not swapped.predicted.ents and not swapped.predicted.spans
    assert set(swapped.reference.spans) == {"selected", "entities"}


def test_names_are_written_as_the_text_is(mini_catalog):
    cased = swap(mini_catalog, annotate("Play Adele!", {"Adele": "ARTIST"}))
    assert names_in(cased) == {"The Weeknd", "Drake", "Boston"}
    for text, name in (("play adele!", "adele"), ("Play adele!", "adele"), ("play 1999", "1999")):
        docs = swap(mini_catalog, annotate(text, {name: "ARTIST"}))
        assert (
            {"the weeknd", "drake", "boston"}
            <= names_in(docs)
            <= {*("the weeknd", "drake", "boston", "adele")}
        )


def test_articles_before_names_agree(compiled):
    docs = swap(compiled("Queen", "The Who"), annotate("an Abba song", {"Abba": "ARTIST"}))
    assert {doc.text for doc in docs} == {"a Queen song", "The Who song"}
    assert names_in(docs) == {"Queen", "The Who"}


def test_an_entity_without_another_name_stays_among_those_that_change(mini_catalog):
    row = annotate("play up by adele on radio 4", {"adele": "ARTIST", "radio 4": "STATION"})
    row["spans"][1]["id"] = "station/4"
    for doc in swap(mini_catalog, row):
        artist, station = doc.ents
        assert artist.text != "adele"
        assert (station.text, station.kb_id_) == ("radio 4", "station/4")


def test_a_name_that_does_not_end_with_a_token_is_drawn_again(compiled):
    catalog = compiled("P!", "Drake")  # "P!/Madonna" is one token
    row = annotate("play Queen/Madonna", {"Queen": "ARTIST"})
    assert {doc.text for doc in swap(catalog, row)} == {"play Drake/Madonna"}
    assert {doc.text for doc in swap(compiled("P!", "M!"), row)} == {row["text"]}


def test_groups_and_ents_that_are_not_annotated_stay_so(mini_catalog):
    augmenter = make_entity_swap(str(mini_catalog), level=1)
    for key in ("ents", "selected"):
        gold = NLP.make_doc("play adele")
        span = Span(gold, 1, 2, label="ARTIST")
        if key == "ents":
            gold.ents = [span]
        else:
            gold.spans[key] = [span]
        (swapped,) = augmenter(NLP, Example(NLP.make_doc(gold.text), gold))
        doc = swapped.reference
        assert doc.text != gold.text
        assert [ent.label_ for ent in doc.ents] == ["ARTIST"] * (key == "ents")
        assert doc.has_annotation("ENT_IOB") == (key == "ents")
        assert list(doc.spans) == [key] * (key == "selected")


# What stays as it is


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("what time is it", {}),
        ("tune in to radio 4", {"radio 4": "STATION"}),
        ("play blinding lights", {"blinding lights": "SONG", "lights": "SONG"}),
        ("play the whole album", {"the whole": "SONG", "whole album": "ALBUM"}),
        ("play Thriller", {"Thriller": "ALBUM"}),  # the only name there is
    ],
)
def test_an_example_that_cannot_be_changed_is_the_same(mini_catalog, text, spans):
    row = annotate(text, spans)
    two_labels = [*row["spans"], *({**span, "label": "SONG"} for span in row["spans"])]
    for changed in (row, {**row, "spans": two_labels}):
        example = example_of(changed)
        (same,) = make_entity_swap(str(mini_catalog), level=1)(NLP, example)
        assert same is example


# Chance


def test_the_level_is_the_share_of_examples_that_change(mini_catalog):
    example = example_of(annotate("play adele", {"adele": "ARTIST"}))
    augmenter = make_entity_swap(str(mini_catalog), level=0.25)
    changed = Counter(next(augmenter(NLP, example)) is not example for _ in range(1000))
    assert 200 < changed[True] < 300


@pytest.mark.parametrize("level", [-0.1, 1.1, float("nan")])
def test_a_level_that_is_no_probability_is_refused(level):
    with pytest.raises(CatalogNERError, match="level: expected a number from 0 to 1"):
        make_entity_swap("any.catalog", level=level)


def test_the_catalog_is_opened_when_a_name_is_drawn(tmp_path):
    example = example_of(annotate("play adele", {"adele": "ARTIST"}))
    path = str(tmp_path / "missing.catalog")
    assert list(make_entity_swap(path, level=0)(NLP, example)) == [example]
    augmenter = make_entity_swap(path, level=1)
    with pytest.raises(CatalogNERError, match="no compiled catalog here"):
        next(augmenter(NLP, example))


# In training

ROWS = [
    annotate("play something by adele", {"adele": "ARTIST"}),
    annotate("play a song by boston", {"boston": "ARTIST"}),
    annotate("is it raining in boston", {"boston": "CITY"}),
    annotate("is it sunny in paris", {"paris": "CITY"}),
    annotate("what time is it", {}),
]

CONFIG = """
[paths]
catalog = {catalog}
train = {train}

[system]
seed = {seed}

[nlp]
lang = "en"
pipeline = ["ner"]

[components]

[components.ner]
factory = "ner"

[corpora]

[corpora.train]
@readers = "spacy.Corpus.v1"
path = ${paths.train}

[corpora.train.augmenter]
@augmenters = "spacy_catalog_ner.entity_swap.v1"
catalog = ${paths.catalog}
level = 0.8
seed = ${system.seed}

[corpora.dev]
@readers = "spacy.Corpus.v1"
path = ${paths.train}

[training]
train_corpus = "corpora.train"
dev_corpus = "corpora.dev"
seed = ${system.seed}
"""


@pytest.fixture
def config(mini_catalog, tmp_path):
    """Make a config of the corpus above with the augmenter."""
    path = tmp_path / "train.spacy"
    docbin.write(path, placed(*ROWS), NLP, Problems())

    def make(seed: int = 0) -> spacy.Config:
        text = CONFIG.replace("{catalog}", f'"{mini_catalog}"').replace("{train}", f'"{path}"')
        config = spacy.Config().from_str(text.replace("{seed}", str(seed)))
        return spacy.util.load_model_from_config(config, auto_fill=True).config

    return make


def read_corpus(config: spacy.Config) -> Corpus:
    return registry.resolve(config.interpolate()["corpora"])["train"]


def texts(corpus: Corpus) -> list[str]:
    return [example.text for example in corpus(NLP)]


def test_every_pass_has_other_names_and_the_same_seed_the_same_ones(config):
    passes = [
        [texts(corpus) for _ in range(3)]
        for corpus in (read_corpus(config(seed=seed)) for seed in (1, 1, 2))
    ]
    assert passes[0] == passes[1] != passes[2]
    assert len(set(map(tuple, passes[0]))) == 3
    for found in passes[0]:
        assert [text.split()[0] for text in found] == ["play", "play", "is", "is", "what"]


# Offsets

PIECES = st.one_of(
    st.sampled_from([" ", "  ", "\n", "don't", "AC/DC", "e\u0301", "İ", "👩‍🚀", "U.S.", "-", "'s"]),
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
)
XX = spacy.blank("xx")  # a language without rules of agreement: the words between names stay


@st.composite
def rows(draw):
    """Draw any text with entities, some of them overlapping, from a token to a token."""
    text = draw(st.lists(PIECES, min_size=1, max_size=20).map("".join).filter(str.strip))
    tokens = list(XX.make_doc(text))
    edges = st.lists(st.integers(0, len(tokens)), min_size=2, max_size=6, unique=True)
    bounds = sorted(draw(edges))
    places = list(zip(bounds[::2], bounds[1::2], strict=False))
    places += draw(st.just([]) | edges.map(lambda pair: [tuple(sorted(pair[:2]))]))
    labels = st.sampled_from(["ARTIST", "CITY", "UNKNOWN"])
    spans = [
        {
            "start": tokens[first].idx,
            "end": tokens[end - 1].idx + len(tokens[end - 1]),
            "label": draw(labels),
            "score": draw(st.sampled_from([0.25, 0.5])),
        }
        for first, end in places
    ]
    return {"text": text, "spans": spans}


ODD = [
    "AC/DC",
    "P!",
    "'N Sync",
    "İstanbul",
    "e\u0301",
    "Will.i.am",
    "नमस्ते 👩‍🚀",
    "U2's",
    "St.",
    "A-ha",
]


@pytest.fixture(scope="module")
def odd_catalog(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("odd") / "odd.catalog"
    compile_catalog([Entry(name, label) for name in ODD for label in ("ARTIST", "CITY")], path)
    return path


@settings(max_examples=200, deadline=None)
@given(row=rows(), seed=st.integers(0, 9))
def test_names_are_replaced_and_nothing_else(odd_catalog, row, seed):
    example = example_of(row, XX)
    (augmented,) = make_entity_swap(str(odd_catalog), level=1, seed=seed)(XX, example)
    old, new = example.reference, augmented.reference
    if overlap(old):
        assert augmented is example
        return
    assert between(old) == between(new)
    forms = {*ODD, *map(str.lower, ODD)}
    for key in ("selected", "entities"):
        before, after = old.spans[key], new.spans[key]
        assert after.attrs["scores"] == before.attrs["scores"]
        for was, now in zip(before, after, strict=True):
            assert now.label == was.label
            assert now.text == was.text or now.text in forms
    assert [places(new).index(char_key(ent)) for ent in new.ents] == [
        places(old).index(char_key(ent)) for ent in old.ents
    ]


def places(doc: Doc) -> list[tuple[int, int, str]]:
    return sorted(set(map(char_key, doc.spans["entities"])))


def overlap(doc: Doc) -> bool:
    return any(one[1] > other[0] for one, other in pairwise(places(doc)))


def between(doc: Doc) -> list[str]:
    """Return the text before, between and after the entities."""
    edges = [0, *chain.from_iterable(each[:2] for each in places(doc)), len(doc.text)]
    return [doc.text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
