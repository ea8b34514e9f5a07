"""Label Studio: tasks are read in whatever their offsets count, and written as it imports them."""

from __future__ import annotations

import json

import pytest
from conftest import annotate, placed

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.formats import label_studio

TEXT = "Drake plays Boston"


def region(start, end, text, *labels) -> dict:
    """One result as Label Studio exports it."""
    value = {"start": start, "end": end, "labels": list(labels)}
    if text is not None:
        value["text"] = text
    names = {"id": "gew3t9fgkg", "from_name": "label", "to_name": "text", "type": "labels"}
    return {"value": value, **names, "origin": "manual"}


def task(text, *results, **annotation) -> dict:
    """One task with one annotation as Label Studio exports it."""
    return {
        "id": 17,
        "annotations": [
            {"id": 9, "completed_by": 1, "result": list(results), "was_cancelled": False}
            | {"ground_truth": False, "lead_time": 4.2, "task": 17, **annotation}
        ],
        "data": {"text": text},
        "predictions": [],
        "meta": {},
        "project": 3,
    }


DRAKE = region(0, 5, "Drake", "ARTIST")
BOSTON = region(12, 18, "Boston", "CITY")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "export.json"


def read(path, tasks, **options) -> tuple[list[dict], Problems]:
    content = tasks if isinstance(tasks, str) else json.dumps(tasks, indent=1)
    path.write_text(content, encoding="utf8")
    problems = Problems()
    return [row.to_dict() for _, row in label_studio.read(path, problems, **options)], problems


def spans(row) -> list[tuple]:
    return [(span["start"], span["end"], span["label"]) for span in row["spans"]]


def test_an_export_is_read(path):
    rows, problems = read(path, [task(TEXT, DRAKE, BOSTON), task("play")])
    assert rows == [
        annotate(TEXT, {"Drake": "ARTIST", "Boston": "CITY"}),
        {"text": "play", "spans": []},
    ]
    assert len(problems) == 0


def test_several_labels_of_a_span_are_several_spans(path):
    rows, _ = read(path, [task(TEXT, region(12, 18, "Boston", "CITY", "ARTIST"))])
    assert spans(rows[0]) == [(12, 18, "CITY"), (12, 18, "ARTIST")]


def test_of_several_annotations_the_first_not_cancelled_is_taken(path):
    row = task(TEXT, DRAKE, was_cancelled=True)
    row["annotations"] += task(TEXT, BOSTON)["annotations"] + task(TEXT, DRAKE)["annotations"]
    rows, problems = read(path, [row])
    assert spans(rows[0]) == [(12, 18, "CITY")]
    assert problems.counts == {"cancelled annotation": 1, "further annotation": 1}
    assert problems.messages[0] == f"{path}:2: task 17: a cancelled annotation is left out"


@pytest.mark.parametrize(
    "annotations", [[], [{"result": [], "was_cancelled": True}], None, [{"result": 5}], [7]]
)
def test_a_task_that_is_not_annotated_is_named_and_skipped(path, annotations):
    rows, problems = read(path, [{**task(TEXT), "annotations": annotations}])
    assert rows == []
    assert problems.counts["no annotation"] == 1
    assert problems.messages[-1] == f"{path}:2: task 17: not annotated; task skipped"


EMOJI = "🎵🎵 play Adele 👩‍🚀 in Boston"


def utf16(text, word) -> tuple[int, int]:
    """Offsets as JavaScript counts them."""
    start = len(text[: text.index(word)].encode("utf-16-le")) // 2
    return start, start + len(word.encode("utf-16-le")) // 2


def test_offsets_of_old_exports_are_utf16_and_told_by_the_text_of_the_spans(path):
    names = {"Adele": "ARTIST", "👩‍🚀": "EMOJI", "Boston": "CITY"}
    regions = [region(*utf16(EMOJI, name), name, label) for name, label in names.items()]
    rows, problems = read(path, [task(EMOJI, *regions)])
    assert rows == [annotate(EMOJI, names)]
    assert problems.messages == [f"{path}:2: offsets are UTF-16 code units; converted"]


def test_offsets_of_new_exports_are_code_points(path):
    start = EMOJI.index("Boston")
    rows, problems = read(path, [task(EMOJI, region(start, start + 6, "Boston", "CITY"))])
    assert rows == [annotate(EMOJI, {"Boston": "CITY"})]
    assert len(problems) == 0


def test_the_unit_is_told_by_all_spans_of_a_text_together(path):
    # In code points the first "a" would be the second, and look right
    text = "😀aaa Boston"
    regions = [region(2, 3, "a", "X"), region(*utf16(text, "Boston"), "Boston", "CITY")]
    rows, _ = read(path, [task(text, *regions)])
    assert spans(rows[0]) == [(1, 2, "X"), (5, 11, "CITY")]


def test_a_line_end_of_two_characters_may_be_counted_as_one(path):
    text = "Drake plays\r\nBoston\r\n🎵 Paris"
    regions = [region(12, 18, "Boston", "CITY"), region(22, 27, "Paris", "CITY")]
    rows, problems = read(path, [task(text, *regions)])
    assert [text[start:end] for start, end, _ in spans(rows[0])] == ["Boston", "Paris"]
    assert problems.counts == {"other offsets": 1}


def test_white_space_in_the_text_of_a_span_may_differ(path):
    text = "Drake\nplays  Boston"
    rows, problems = read(path, [task(text, region(0, 19, r"Drake\nplays Boston", "X"))])
    assert spans(rows[0]) == [(0, 19, "X")]
    assert len(problems) == 0


def test_a_span_whose_text_is_not_there_is_named_and_left_out(path):
    rows, problems = read(path, [task(TEXT, region(1, 6, "Drake", "ARTIST"), BOSTON)])
    assert spans(rows[0]) == [(12, 18, "CITY")]
    assert problems.messages == [f"{path}:2: 'Drake' is not at 1..6; span skipped"]


def test_offsets_without_a_text_to_check_them_by_are_code_points_and_reported(path):
    rows, problems = read(path, [task(EMOJI, region(8, 13, None, "ARTIST"))])
    assert EMOJI[slice(*spans(rows[0])[0][:2])] == "Adele"
    assert problems.counts == {"unchecked offsets": 1}
    rows, problems = read(path, [task(TEXT, region(0, 5, None, "ARTIST"))])
    assert spans(rows[0]) == [(0, 5, "ARTIST")]
    assert len(problems) == 0


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        ({"type": "choices", "value": {"choices": ["yes"]}}, "other result"),
        ({"type": "relation", "from_id": "a", "to_id": "b"}, "other result"),
        (None, "other result"),
        ({"type": "labels", "value": {"labels": ["X"]}}, "broken span"),
        ({"type": "labels", "value": {"start": "0", "end": "5", "labels": ["X"]}}, "broken span"),
        (region(0, 5, "Drake"), "broken span"),
        (region(0, 5, "Drake", 7), "broken span"),
        (region(0, 50, None, "X"), "other surface"),
        (region(-3, 2, None, "X"), "other surface"),
        (region(5, 5, "", "X"), "span out of range"),
        (region(0, 5, "Drake", "SINGER"), "unknown label"),
    ],
)
def test_a_result_that_is_no_span_is_counted_and_left_out(path, result, kind):
    rows, problems = read(path, [task(TEXT, result, BOSTON)], labels={"CITY", "X"})
    assert spans(rows[0]) == [(12, 18, "CITY")]
    assert problems.counts == {kind: 1}
    assert problems.messages[0].startswith(f"{path}:2: ")


@pytest.mark.parametrize(
    "broken",
    [
        {"data": {"image": "x.png"}, "annotations": []},
        {"data": {"text": " "}, "annotations": []},
        {"annotations": []},
        [],
        5,
        {"data": {"text": "half \ud83d"}, "annotations": []},
        task(TEXT, {**DRAKE, "meta": {"entity_id": "half \ud83d"}}),
    ],
)
def test_a_broken_task_is_named_by_its_line(path, broken):
    tasks = ",\n".join(map(json.dumps, [task(TEXT, DRAKE), broken, task("play")]))
    rows, problems = read(path, f"[\n{tasks}\n]")
    assert [row["text"] for row in rows] == [TEXT, "play"]
    assert problems.counts == {"broken row": 1}
    assert problems.messages[0].startswith(f"{path}:3: ")


def test_what_stands_before_a_mistake_in_the_json_is_read(path):
    whole = json.dumps(task(TEXT, DRAKE))
    for rest, line in ((",\n{oops", 3), (",\n", 3), (f",\n{whole[:-9]}", 3)):
        rows, problems = read(path, f"[\n{whole}{rest}")
        assert len(rows) == 1
        assert problems.counts == {"broken row": 1}
        assert problems.messages[0].startswith(f"{path}:{line}: ")


@pytest.mark.parametrize("content", ["", "  ", '{"text": "x"}', "oops"])
def test_a_file_that_is_no_array_is_a_one_line_error(path, content):
    with pytest.raises(CatalogNERError, match=r"expected Label Studio's JSON array") as error:
        read(path, content)
    assert "\n" not in str(error.value)


def test_tasks_are_written_as_label_studio_imports_them(path):
    row = annotate(EMOJI, {"Adele": "ARTIST"})
    label_studio.write(path, placed(row))
    (written,) = json.loads(path.read_text(encoding="utf8"))
    (result,) = written["annotations"][0]["result"]
    assert written["data"] == {"text": EMOJI}
    assert (result["from_name"], result["to_name"], result["type"]) == ("label", "text", "labels")
    assert result["value"] == {"start": 8, "end": 13, "text": "Adele", "labels": ["ARTIST"]}


def test_a_row_comes_back_with_its_ids_and_scores(path):
    adele = {"start": 0, "end": 5, "label": "ARTIST"}
    rows = [
        {
            "text": "Adele\r\nnow",
            "spans": [{**adele, "id": "artist/adele", "score": 0.5}, {**adele, "label": "SONG"}],
            "id": "a",
            "lang": "en",
            "meta": {"x": 1},
        },
        {"text": "play", "spans": []},
    ]
    label_studio.write(path, placed(*rows))
    problems = Problems()
    assert [row.to_dict() for _, row in label_studio.read(path, problems)] == rows
    assert len(problems) == 0


def test_other_keys_of_a_row_and_its_spans_come_back(path):
    spans = [{"start": 0, "end": 5, "label": "ARTIST", "id": None, "note": [1]}]
    row = {"text": TEXT, "spans": spans, "meta": {"x": 1}, "extra": 5, "candidates": spans}
    label_studio.write(path, placed(row))
    (written,) = json.loads(path.read_text(encoding="utf8"))
    assert written["data"]["catalog_ner_row"] == {"extra": 5, "candidates": spans}
    problems = Problems()
    assert [row.to_dict() for _, row in label_studio.read(path, problems)] == [row]
    assert len(problems) == 0


def test_a_note_on_a_span_is_reported_once_a_task(path):
    noted = {**DRAKE, "meta": {"text": ["the rapper"]}}
    rows, problems = read(path, [task(TEXT, noted, noted)])
    assert spans(rows[0]) == [(0, 5, "ARTIST")] * 2
    assert problems.messages == [f"{path}:2: a span cannot hold meta.text; left out"]


def test_other_data_of_a_task_is_reported_where_its_meta_is_no_object(path):
    tasks = [{**task(TEXT), "data": {"text": TEXT, "url": "u", "meta": 5}}]
    rows, problems = read(path, tasks)
    assert rows == [{"text": TEXT, "spans": [], "meta": 5}]
    assert problems.messages == [f"{path}:2: a meta that is no object cannot hold url; left out"]
    assert problems.counts == {"key not held": 1}


def test_other_data_of_a_task_is_kept_in_meta(path):
    tasks = [{**task(TEXT), "data": {"text": TEXT, "url": "u", "meta": {"x": 1}, "id": "a"}}]
    rows, _ = read(path, tasks)
    assert rows == [{"text": TEXT, "spans": [], "id": "a", "meta": {"url": "u", "x": 1}}]
