"""Agreement of two annotators: kappa of tokens, F1 of spans, and what they differ in."""

from __future__ import annotations

import json

import pytest
import test_cli
from conftest import annotate, write_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_catalog_ner.cli.common import make_tokenizer
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.evaluation.agreement import cohen_kappa, measure_agreement

cli = test_cli.cli  # the fixture

PLAY = "play thriller by the weeknd"
FIRST = annotate(PLAY, {"thriller": "SONG", "the weeknd": "ARTIST"})
SECOND = annotate(PLAY, {"thriller": "ALBUM", "weeknd": "ARTIST"})
NOTHING = {"text": "what time is it", "spans": []}


def words(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of the words of a text with single spaces."""
    starts = [0, *(place + 1 for place, char in enumerate(text) if char == " ")]
    return [(start, start + len(text[start:].split(" ")[0])) for start in starts]


def agree(a: list[dict], b: list[dict], problems: Problems | None = None) -> dict:
    return measure_agreement(a, b, words, problems).to_dict()


# Kappa


def test_kappa_of_a_worked_example():
    # 50 proposals, two readers: both yes 20, both no 15, first yes alone 5, second yes alone 10.
    # p_o = 35/50 = 0.7; p_e = 25/50 * 30/50 + 25/50 * 20/50 = 0.5; (0.7 - 0.5) / (1 - 0.5) = 0.4
    ratings = [("yes", "yes")] * 20 + [("no", "no")] * 15 + [("yes", "no")] * 5
    assert cohen_kappa(ratings + [("no", "yes")] * 10) == 0.4


def test_kappa_counts_tokens_by_the_labels_they_have():
    # play, thriller, by, the, weeknd; the first: none, SONG, none, ARTIST, ARTIST;
    # the second: none, ALBUM, none, none, ARTIST. They agree on three of five.
    # p_e = (2/5 * 3/5) + (2/5 * 1/5) = 0.32; (0.6 - 0.32) / (1 - 0.32) = 0.4118
    result = agree([FIRST], [SECOND])
    assert (result["tokens"], result["token_agreement"]) == (5, 0.6)
    assert result["kappa"] == 0.4118
    assert "note" not in result


def test_a_token_in_two_spans_agrees_with_the_same_two_in_another_order():
    one = annotate(PLAY, {"thriller": "SONG", "thriller by": "ALBUM"})
    other = {**one, "spans": one["spans"][::-1]}
    assert agree([one], [other])["kappa"] == 1


def test_kappa_is_undefined_where_there_is_one_category_only():
    result = agree([NOTHING], [NOTHING])
    assert result["kappa"] is None
    assert result["token_agreement"] == 1
    assert result["spans"] == {"both": 0, "only_a": 0, "only_b": 0, "f1": None}
    assert "kappa is undefined: both put all tokens into the same category" in result["note"]


@settings(max_examples=50, deadline=None)
@given(
    ratings=st.lists(
        st.tuples(st.sampled_from(["", "A", "A B"]), st.sampled_from(["", "A", "A B"])),
        min_size=1,
        max_size=30,
    ).filter(lambda ratings: len({category for pair in ratings for category in pair}) > 1)
)
def test_kappa_is_the_one_of_scikit_learn(ratings):
    metrics = pytest.importorskip("sklearn.metrics")
    one, other = zip(*ratings, strict=True)
    assert cohen_kappa(ratings) == pytest.approx(metrics.cohen_kappa_score(one, other), abs=1e-4)


# Spans


def test_the_same_annotation_agrees_in_everything():
    result = agree([FIRST, NOTHING], [NOTHING, FIRST])
    assert result["kappa"] == result["spans"]["f1"] == 1
    assert result["spans"] == {"both": 2, "only_a": 0, "only_b": 0, "f1": 1}
    assert result["disagreements"] == []


def test_spans_are_counted_per_label():
    result = agree([FIRST, FIRST], [SECOND, FIRST])
    assert result["spans"] == {"both": 2, "only_a": 2, "only_b": 2, "f1": 0.5}
    per_label = {
        label: (score["both"], score["only_a"], score["only_b"])
        for label, score in result["per_label"].items()
    }
    assert per_label == {"ALBUM": (0, 0, 1), "ARTIST": (1, 1, 1), "SONG": (1, 1, 0)}


def test_each_label_has_its_own_kappa():
    # Of five tokens the first has ARTIST on two, the second on one of them.
    # p_o = 0.8; p_e = 2/5 * 1/5 + 3/5 * 4/5 = 0.56; (0.8 - 0.56) / (1 - 0.56) = 0.5455
    assert agree([FIRST], [SECOND])["per_label"]["ARTIST"]["kappa"] == 0.5455


@settings(max_examples=40, deadline=None)
@given(
    sides=st.lists(
        st.lists(
            st.builds(
                lambda start, size, label: {"start": start, "end": start + size, "label": label},
                st.integers(0, 20),
                st.integers(1, 6),
                st.sampled_from(["A", "B"]),
            ),
            max_size=4,
        ),
        min_size=2,
        max_size=2,
    )
)
def test_agreement_is_the_same_in_both_directions(sides):
    one, other = ({"text": PLAY, "spans": spans} for spans in sides)
    there, back = agree([one], [other]), agree([other], [one])
    for measure in ("kappa", "token_agreement"):
        assert there[measure] == back[measure]
    assert there["spans"]["f1"] == back["spans"]["f1"]
    assert sum(there["kinds"].values()) == len(there["disagreements"])


# What to talk about


def test_disagreements_say_what_each_has():
    found = agree([FIRST], [SECOND])["disagreements"]
    assert [(row["kind"], row["a"]["text"], row["b"]["text"]) for row in found] == [
        ("type", "thriller", "thriller"),
        ("boundary", "the weeknd", "weeknd"),
    ]
    assert found[0] == {
        "text": PLAY,
        "kind": "type",
        "a": {"text": "thriller", "label": "SONG", "start": 5, "end": 13},
        "b": {"text": "thriller", "label": "ALBUM", "start": 5, "end": 13},
    }


def test_what_one_alone_has_is_said_to_be_so():
    nothing = {**FIRST, "spans": []}
    result = agree([FIRST, nothing], [nothing, SECOND])
    assert result["kinds"] == {
        "type": 0,
        "boundary": 0,
        "type and boundary": 0,
        "only in a": 2,
        "only in b": 2,
    }
    assert [row["a"] is None for row in result["disagreements"]] == [False, False, True, True]


# Texts


def test_spans_and_rows_given_twice_are_reported_and_count_once():
    problems = Problems()
    row = {**NOTHING, "spans": [{"start": 0, "end": 4, "label": "A"}] * 2, "id": "a"}
    result = agree([row, row], [row], problems)
    assert (result["texts"], result["spans"]["both"]) == (1, 1)
    assert problems.counts == {"duplicated id": 1, "duplicated span": 2}


def test_the_same_id_for_other_texts_is_reported_on_both_sides():
    problems = Problems()
    one, other = {**FIRST, "id": "a"}, {**NOTHING, "id": "b"}
    agree([one, other], [one, {**FIRST, "id": "b"}], problems)
    assert problems.messages == [
        "a:2: the other annotator has no 'what time is it' with the id 'b'; row left out",
        f"b:2: the other annotator has no {PLAY!r} with the id 'b'; row left out",
    ]


def test_a_text_of_one_side_is_reported_and_no_disagreement():
    problems = Problems()
    result = agree([NOTHING, FIRST], [FIRST, SECOND], problems)
    assert (result["texts"], result["kappa"]) == (1, 1)
    assert problems.messages == [
        "a:1: the other annotator has no 'what time is it'; row left out",
        f"b:2: the other annotator has no {PLAY!r}; row left out",
    ]


def test_no_text_in_common_is_an_error():
    with pytest.raises(CatalogNERError, match="a and b have no text in common: 1 and 1 rows"):
        agree([FIRST], [NOTHING])


# The command


def test_the_command_prints_everything_as_json(cli, tmp_path):
    files = [write_rows(tmp_path / name, [row]) for name, row in (("a", FIRST), ("b", SECOND))]
    result = cli("agreement", *files)
    assert result.code == 0
    assert (
        json.loads(result.out)
        == measure_agreement([FIRST], [SECOND], make_tokenizer("en")).to_dict()
    )


def test_the_command_writes_the_disagreements_apart(cli, tmp_path):
    files = [write_rows(tmp_path / name, [row]) for name, row in (("a", FIRST), ("b", SECOND))]
    target = tmp_path / "talk.jsonl"
    result = cli("agreement", *files, "-o", target)
    assert f"{target}: 2 disagreements to talk about" in result.err
    assert "disagreements" not in json.loads(result.out)
    rows = [json.loads(line) for line in target.read_text(encoding="utf8").splitlines()]
    assert [row["kind"] for row in rows] == ["type", "boundary"]


def test_the_command_splits_tokens_as_the_language_does(cli, tmp_path):
    row = annotate("joue l'hymne à l'amour", {"l'hymne à l'amour": "SONG"})
    source = write_rows(tmp_path / "a.jsonl", [row])
    tokens = {
        lang: json.loads(cli("agreement", source, source, "--lang", lang).out)["tokens"]
        for lang in ("en", "fr")
    }
    assert tokens == {"en": 4, "fr": 6}


def test_the_command_names_the_file_of_a_text_that_the_other_lacks(cli, tmp_path):
    one = write_rows(tmp_path / "one.jsonl", [FIRST, NOTHING])
    other = write_rows(tmp_path / "other.jsonl", [SECOND])
    result = cli("agreement", one, other)
    assert result.code == 0
    assert f"{one}:2: the other annotator has no 'what time is it'" in result.err


def test_the_command_says_what_is_wrong_with_rows_before_it_fails(cli, tmp_path):
    source = write_rows(tmp_path / "a.jsonl", [{"text": PLAY}])
    result = cli("agreement", source, source)
    assert f'{source}:1: no "spans" list; row skipped' in result.err
    assert "have no text in common" in result.error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.jsonl", "nothing.jsonl"], "nothing.jsonl: no such file"),
        (["a.jsonl", "a.conll"], "a.conll: expected annotated texts (.jsonl,"),
        (["a.jsonl", "b.jsonl"], "a.jsonl and b.jsonl have no text in common"),
        (["a.jsonl", "a.jsonl", "--lang", "klingon"], "--lang klingon"),
    ],
    ids=["missing", "format", "other texts", "language"],
)
def test_bad_input_of_the_command_is_one_line(cli, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "a.jsonl", [FIRST])
    write_rows(tmp_path / "b.jsonl", [NOTHING])
    (tmp_path / "a.conll").write_text("play O\n")
    assert message in cli("agreement", *arguments).error
