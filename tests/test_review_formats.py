"""Review in Prodigy and Label Studio: tasks go out, answers come back."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest
import test_cli
from conftest import write_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.generation.patterns import Pattern
from spacy_catalog_ner.generation.review.decisions import read_patterns
from spacy_catalog_ner.generation.review.formats import LABEL_STUDIO_CONFIG, read_label_studio

cli = test_cli.cli  # the fixture

PLAY = Pattern("play <SONG> by <ARTIST>", "en", seed="play hello by adele", cluster=3)
PUT_ON = Pattern("put on some <ARTIST>", "en", source="llm")
WHO = Pattern("¿quién canta <SONG>?", "es")
ADD = Pattern("add <SONG> to my list", "en")
PATTERNS = [PLAY, PUT_ON, WHO, ADD]


@pytest.fixture
def review(cli, tmp_path):
    """Run ``generate review`` and return the summary and the warnings."""
    patterns = write_rows(tmp_path / "patterns.jsonl", [pattern.to_row() for pattern in PATTERNS])

    def run(*options):
        result = cli("generate", "review", patterns, "-o", tmp_path / "decisions.jsonl", *options)
        assert result.code == 0, result.err
        return json.loads(result.out), result.err

    return run


def accepted(tmp_path) -> list[str]:
    return [one.text for one in read_patterns(tmp_path / "decisions.jsonl", Problems())[0]]


def rows(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


# Prodigy


def test_a_task_for_prodigy_has_placeholders_as_spans(review, tmp_path):
    summary, _ = review("--export", tmp_path / "tasks.jsonl")
    assert summary["exported"] == 4
    task = rows(tmp_path / "tasks.jsonl")[0]
    assert task == {
        "text": "play <SONG> by <ARTIST>",
        "spans": [
            {"start": 5, "end": 11, "label": "SONG"},
            {"start": 15, "end": 23, "label": "ARTIST"},
        ],
        "meta": {
            "id": PLAY.id,
            "lang": "en",
            "source": "written",
            "seed": "play hello by adele",
            "cluster": 3,
        },
    }


def test_answers_of_prodigy_are_taken(review, tmp_path):
    path = tmp_path / "tasks.jsonl"
    review("--export", path)
    play, put_on, who, add = rows(path)
    answered = [
        {**play, "answer": "accept", "text": "play <SONG> from <ARTIST>", "_task_hash": 1},
        {**put_on, "answer": "accept", "user_input": "put on a bit of <ARTIST>"},
        {**who, "answer": "accept"},
        {**add, "answer": "ignore"},
    ]
    summary, _ = review("--import", write_rows(path, answered), "--reviewer", "ana")
    assert summary["imported"] == 4
    assert (summary["accepted"], summary["edited"], summary["ignored"]) == (3, 2, 1)
    assert accepted(tmp_path) == [
        "play <SONG> from <ARTIST>",
        "put on a bit of <ARTIST>",
        "¿quién canta <SONG>?",
    ]
    assert rows(tmp_path / "decisions.jsonl")[0]["original"]["id"] == PLAY.id


def test_only_what_is_undecided_is_exported(review, tmp_path):
    path = tmp_path / "tasks.jsonl"
    review("--export", path)
    review("--import", write_rows(path, [{**rows(path)[0], "answer": "reject"}]))
    assert review("--export", path)[0]["exported"] == 3


def test_to_import_the_same_answers_again_changes_nothing(review, tmp_path):
    path = tmp_path / "tasks.jsonl"
    review("--export", path)
    write_rows(path, [{**row, "answer": "accept"} for row in rows(path)])
    review("--import", path)
    before = (tmp_path / "decisions.jsonl").read_bytes()
    review("--import", path)
    assert (tmp_path / "decisions.jsonl").read_bytes() == before


def test_tasks_that_cannot_be_taken_are_reported_and_the_others_are(review, tmp_path):
    path = tmp_path / "answered.jsonl"
    good = {"text": ADD.text, "meta": {"id": ADD.id}, "answer": "accept"}
    answered = [
        {**good, "meta": {"id": "0123456789ab"}},
        {**good, "meta": None},
        {**good, "answer": "perhaps"},
        {**good, "answer": ["accept"]},
        {"text": PLAY.text, "meta": {"id": PLAY.id}},
        {**good, "meta": {"id": PUT_ON.id}, "text": "put on some <CITY>"},
        good,
    ]
    write_rows(path, answered)
    with path.open("a") as stream:
        stream.write("{not JSON\n")
    summary, warnings = review("--import", path)
    assert summary["imported"] == 1
    assert summary["problems"] == {
        "unknown id": 1,
        "broken row": 4,
        "unanswered": 1,
        "broken edit": 1,
    }
    assert f"{path}:1: '0123456789ab' is no pattern of this file" in warnings
    assert f"{path}:6: unknown label <CITY>" in warnings
    assert accepted(tmp_path) == [ADD.text]


# Label Studio


def annotate(task, *results, **annotation) -> dict:
    """A task as Label Studio exports it."""
    return {"id": 17, **task, "annotations": [{"id": 9, "result": list(results), **annotation}]}


def choose(answer) -> dict:
    names = {"from_name": "answer", "to_name": "pattern", "type": "choices", "id": "a1"}
    return {**names, "value": {"choices": [answer]}}


def edit(text) -> dict:
    names = {"from_name": "edited", "to_name": "pattern", "type": "textarea", "id": "b2"}
    return {**names, "value": {"text": [text]}}


def write_json(path, data):
    path.write_text(json.dumps(data), encoding="utf8")
    return path


STUDIO = ("--format", "label-studio")


def test_the_labelling_configuration_names_what_is_read():
    view = ET.fromstring(LABEL_STUDIO_CONFIG)
    assert [(tag.tag, tag.get("name")) for tag in view] == [
        ("Text", "pattern"),
        ("Choices", "answer"),
        ("TextArea", "edited"),
    ]
    assert [choice.get("value") for choice in view[1]] == ["accept", "reject"]


def test_answers_of_label_studio_are_taken(review, tmp_path):
    path = tmp_path / "tasks.json"
    summary, shown = review("--export", path, *STUDIO)
    assert summary["exported"] == 4
    assert LABEL_STUDIO_CONFIG in shown
    play, put_on, who, add = json.loads(path.read_text(encoding="utf8"))
    assert play["data"]["text"] == PLAY.text
    answered = [
        annotate(play, choose("accept"), edit("play <SONG> from <ARTIST>")),
        annotate(put_on, choose("reject")),
        annotate(who, edit(WHO.text), choose("accept")),
        annotate(add, was_cancelled=True),
    ]
    summary, _ = review("--import", write_json(path, answered), *STUDIO)
    assert summary["imported"] == 4
    assert (summary["accepted"], summary["edited"]) == (2, 1)
    assert (summary["rejected"], summary["ignored"]) == (1, 1)
    assert accepted(tmp_path) == ["play <SONG> from <ARTIST>", WHO.text]


def test_of_several_annotations_the_first_that_was_not_cancelled_counts(review, tmp_path):
    task = {"data": {"id": PLAY.id}}
    answered = annotate(task, choose("accept"), was_cancelled=True)
    answered["annotations"] += annotate(task, choose("reject"))["annotations"]
    answered["annotations"] += annotate(task, choose("accept"))["annotations"]
    summary, _ = review("--import", write_json(tmp_path / "x.json", [answered]), *STUDIO)
    assert summary["rejected"] == 1


def test_tasks_of_label_studio_that_cannot_be_taken_are_reported(review, tmp_path):
    play = {"data": {"id": PLAY.id}}
    answered = [
        annotate({"data": {"id": "0123456789ab"}}, choose("accept")),
        annotate(play, choose("perhaps")),
        annotate(play, edit("play <SONG>")),
        annotate(play, choose("accept"), edit("play \ud800")),
        play,
        "no task",
        {"data": None},
        annotate({"data": {"id": WHO.id}}, choose("accept")),
    ]
    path = write_json(tmp_path / "answered.json", answered)
    summary, warnings = review("--import", path, *STUDIO)
    assert summary["imported"] == summary["accepted"] == 1
    problems = {"unknown id": 1, "broken row": 3, "unanswered": 2, "broken edit": 1}
    assert summary["problems"] == problems
    assert "task 2: expected the id of a pattern and accept or reject" in warnings


@pytest.mark.parametrize("content", ['{"data": {}}', "[{", "[" * 100_000, ""])
def test_a_file_that_is_no_export_is_one_error(cli, tmp_path, content):
    patterns = write_rows(tmp_path / "patterns.jsonl", [PLAY.to_row()])
    path = tmp_path / "answered.json"
    path.write_text(content)
    output = tmp_path / "decisions.jsonl"
    result = cli("generate", "review", patterns, "-o", output, "--import", path, *STUDIO)
    assert str(path) in result.error


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["data", "id", "annotations", "result", "from_name", "value", "choices", "text"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(tasks=st.lists(JSON, max_size=3))
def test_any_json_array_is_read_to_its_end(tmp_path_factory, tasks):
    path = write_json(tmp_path_factory.getbasetemp() / "any.json", tasks)
    problems = Problems()
    assert len(list(read_label_studio(path, problems))) + len(problems) == len(tasks)
