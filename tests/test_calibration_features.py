"""What exemplars say of a candidate: counts, votes of neighbours, rivals."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_catalog_ner.calibration import Tallies
from spacy_catalog_ner.calibration.features import FEATURES, make_features, vote_and_prior
from spacy_catalog_ner.calibration.tallies import tally_keys
from spacy_catalog_ner.exemplars import Candidate, Exemplar


def candidate(text: str, name: str, label: str) -> Candidate:
    start = text.index(name)
    return Candidate(start, start + len(name), name, label)


def exemplar(text: str, *items: tuple[str, str, bool]) -> Exemplar:
    found = [candidate(text, name, label) for name, label, _ in items]
    return Exemplar(text, found, [c for c, item in zip(found, items, strict=True) if item[2]])


HELLO = exemplar("play hello by adele", ("hello", "SONG", True), ("adele", "ARTIST", True))
GREETING = exemplar("hello can you hear me", ("hello", "SONG", False))
BOSTON = exemplar("fly to boston", ("boston", "CITY", True), ("boston", "ARTIST", False))
TALLIES = Tallies([HELLO, GREETING, BOSTON])


def describe(text: str, *items: tuple[str, str], neighbours=(), left_out=()) -> list[dict]:
    found = [candidate(text, *item) for item in items]
    rows = make_features(text, found, list(neighbours), TALLIES, left_out)
    return [dict(zip(FEATURES, row, strict=True)) for row in rows]


def neighbour(source: Exemplar, score: float) -> dict:
    return source.to_dict(score)


def test_tallies_count_the_right_ones_and_all():
    assert len(TALLIES) == 5
    assert TALLIES.get("name_label", "hello\nSONG") == (1, 2)
    assert TALLIES.get("name", "boston") == (1, 2)
    assert TALLIES.get("label", "ARTIST") == (1, 2)
    assert TALLIES.get("left", "to\nCITY") == (1, 1)
    assert TALLIES.get("right", "\nCITY") == (1, 1)
    assert TALLIES.get("name_label", "nobody\nARTIST") == (0, 0)
    assert Tallies().share == 0.5


def test_names_and_words_are_compared_in_normal_form():
    (keys,) = tally_keys("Fly To BOSTON", [candidate("Fly To BOSTON", "BOSTON", "CITY")])
    assert keys["name_label"] == "boston\nCITY"
    assert keys["both"] == "to\n\nCITY"


def test_bytes_and_pickle_bring_the_counts():
    for copy in (Tallies.from_bytes(TALLIES.to_bytes()), pickle.loads(pickle.dumps(TALLIES))):
        assert copy.get("name_label", "hello\nSONG") == (1, 2)
        assert len(copy) == 5


def test_a_name_that_was_right_before_has_the_higher_prior():
    adele, hello = describe("hello adele", ("adele", "ARTIST"), ("hello", "SONG"))
    assert adele["prior"] > hello["prior"]
    assert hello["seen with label"] == pytest.approx(math.log(3))


def test_words_around_a_name_count_for_names_never_seen():
    after_by, after_of = (
        describe("by sade of sade", ("sade", "ARTIST")),
        describe("of sade", ("sade", "ARTIST")),
    )
    assert after_by[0]["left word"] > after_of[0]["left word"]


def test_neighbours_vote_by_their_similarity():
    near = [neighbour(HELLO, 0.9), neighbour(GREETING, 0.3)]
    far = [neighbour(HELLO, 0.3), neighbour(GREETING, 0.9)]
    up, down = (
        describe("play thriller", ("thriller", "SONG"), neighbours=votes)[0]["neighbour vote"]
        for votes in (near, far)
    )
    assert up > 0 > down


def test_without_neighbours_the_prior_stands_for_their_vote():
    (row,) = describe("play hello", ("hello", "SONG"))
    assert row["neighbour vote"] == row["prior"]


def test_an_exemplar_is_left_out_of_what_is_known_of_it():
    (row,) = describe(GREETING.text, ("hello", "SONG"), left_out=[GREETING])
    assert row["seen with label"] == pytest.approx(math.log(2))
    assert row["prior"] > describe("hello there", ("hello", "SONG"))[0]["prior"]


def test_a_name_added_since_is_no_trouble_for_leaving_out():
    (hello, now) = describe(GREETING.text, ("hello", "SONG"), ("can", "SONG"), left_out=[GREETING])
    assert now["seen with label"] == 0
    assert hello["seen with label"] == pytest.approx(math.log(2))


def test_rivals_are_those_of_the_same_span_and_those_that_overlap():
    text = "new york city"
    rows = describe(text, ("new york city", "SONG"), ("new york", "CITY"), ("new york", "ARTIST"))
    song, city, artist = rows
    assert (song["same span candidates"], song["overlapping candidates"]) == (0, 2)
    assert (city["same span candidates"], city["overlapping candidates"]) == (1, 1)
    assert (song["inside"], city["inside"], artist["inside"]) == (0, 1, 1)
    assert (city["rank"], artist["rank"]) == (0, pytest.approx(math.log(2)))
    assert (song["words"], city["words"]) == (3, 2)


def test_no_candidates_give_no_rows():
    assert make_features("hello", [], [], TALLIES).shape == (0, len(FEATURES))


@settings(max_examples=50)
@given(
    st.text(min_size=1, max_size=30).flatmap(
        lambda text: st.tuples(
            st.just(text),
            st.lists(
                st.tuples(st.integers(0, len(text) - 1), st.integers(1, 10), st.sampled_from("AB")),
                max_size=4,
            ),
        )
    )
)
def test_whatever_the_text_features_are_finite(drawn):
    text, places = drawn
    found = [Candidate(s, min(s + n, len(text)), text[s : s + n], label) for s, n, label in places]
    rows = make_features(text, found, [neighbour(HELLO, 0.5)], TALLIES)
    assert rows.shape == (len(found), len(FEATURES))
    assert np.isfinite(rows).all()
    assert all(math.isfinite(vote_and_prior(row)) for row in rows)


@given(
    st.lists(
        st.tuples(st.integers(0, 11), st.integers(1, 12), st.sampled_from("XYZ")),
        max_size=12,
        unique=True,
    )
)
def test_rivals_and_adjacent_words_are_found_wherever_candidates_lie(places):
    text = "a bb c, dd e"
    found = [
        Candidate(start, min(start + length, len(text)), "", label)
        for start, length, label in places
    ]
    rows = make_features(text, found, [], TALLIES)
    for row, item in zip(rows, found, strict=True):
        near = [o for o in found if o.start < item.end and o.end > item.start]
        same = [o for o in near if (o.start, o.end) == (item.start, item.end)]
        assert row[FEATURES.index("same span candidates")] == len(same) - 1
        assert row[FEATURES.index("overlapping candidates")] == len(near) - len(same)
    ends, starts = {"a": 1, "bb": 4, "c": 6, ",": 7, "dd": 10, "e": 12}, {"a": 0, "bb": 2, "c": 5}
    starts |= {",": 6, "dd": 8, "e": 11}
    for keys, item in zip(tally_keys(text, found), found, strict=True):
        before = [word for word, end in ends.items() if end <= item.start]
        after = [word for word, start in starts.items() if start >= item.end]
        assert keys["left"] == f"{before[-1] if before else ''}\n{item.label}"
        assert keys["right"] == f"{after[0] if after else ''}\n{item.label}"
