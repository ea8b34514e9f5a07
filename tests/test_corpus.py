"""Preparing a corpus of either layout, and unpacking MASSIVE."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from conftest import annotate, write_rows

from spacy_catalog_ner.corpora.massive import parse_annotation, unpack_massive
from spacy_catalog_ner.corpora.prepare import Limits, prepare_corpus
from spacy_catalog_ner.errors import CatalogNERError, Problems

LABELS = {"CITY", "SONG"}
CITIES = ["paris", "rome", "lima", "oslo", "cairo", "delhi", "quito", "tunis", "dakar", "hanoi"]


def trip(city: str, how: str) -> dict:
    return annotate(f"{how} to {city}", {city: "CITY"})


def read_rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def texts(path: Path) -> list[str]:
    return [row["text"] for row in read_rows(path)]


@pytest.fixture
def own(tmp_path) -> Path:
    """A corpus with catalogs of its own; one exemplar and one traffic text are in the test set."""
    source = tmp_path / "own"
    (source / "catalogs").mkdir(parents=True)
    cities = [{"text": city, "label": "CITY", "id": city} for city in CITIES]
    write_rows(source / "catalogs" / "city.jsonl", cities)
    test = [trip(city, "fly") for city in CITIES[:4]]
    leak = {**test[0], "text": test[0]["text"].upper()}
    write_rows(source / "exemplars.en.jsonl", [*(trip(city, "go") for city in CITIES), leak])
    write_rows(source / "test.en.jsonl", test)
    traffic = [{"text": f"walk to {city}"} for city in CITIES]
    write_rows(source / "traffic.en.jsonl", [*traffic, {"text": f" {test[1]['text']} "}])
    return source


@pytest.fixture
def splits(tmp_path) -> Path:
    """A corpus of annotated train, dev and test files; a train text is in the test set."""
    source = tmp_path / "splits"
    source.mkdir()
    test = [trip(city, "fly") for city in CITIES[6:]]
    train = [*(trip(city, how) for city in CITIES[:4] for how in ("go", "ride")), test[0]]
    write_rows(source / "train.jsonl", train)
    write_rows(source / "dev.jsonl", [trip(city, "sail") for city in CITIES[4:6]])
    write_rows(source / "test.jsonl", test)
    return source


def prepare(source: Path, target: Path, **options) -> dict:
    values = {"lang": "en", "labels": LABELS, "limits": Limits(dev=2), **options}
    return prepare_corpus(source, target, values.pop("problems", Problems()), **values)


def test_a_corpus_with_catalogs_keeps_them(own, tmp_path):
    meta = prepare(own, tmp_path / "out")
    assert [row["text"] for row in read_rows(tmp_path / "out" / "entries.jsonl")] == CITIES
    assert meta["oracle_catalog"] is False
    assert meta["entries"] == len(CITIES)


def test_the_development_set_is_taken_from_the_exemplars(own, tmp_path):
    prepare(own, tmp_path / "out")
    dev, exemplars = (texts(tmp_path / "out" / f"{name}.jsonl") for name in ("dev", "exemplars"))
    assert sorted(dev + exemplars) == sorted(f"go to {city}" for city in CITIES)
    assert not set(dev) & set(exemplars)


def test_a_corpus_without_catalogs_gets_an_oracle_catalog_of_all_gold_spans(splits, tmp_path):
    meta = prepare(splits, tmp_path / "out")
    assert meta["oracle_catalog"] is True
    entries = read_rows(tmp_path / "out" / "entries.jsonl")
    assert {entry["text"] for entry in entries} == set(CITIES)
    assert {entry["id"] for entry in entries} == {f"CITY/{city}" for city in CITIES}


def test_only_train_counts_for_the_popularity_in_an_oracle_catalog(splits, tmp_path):
    prepare(splits, tmp_path / "out")
    weights = {row["text"]: row["weight"] for row in read_rows(tmp_path / "out" / "entries.jsonl")}
    assert (weights["paris"], weights["cairo"], weights["hanoi"]) == (2, 0, 0)


def test_train_is_divided_into_exemplars_and_traffic(splits, tmp_path):
    prepare(splits, tmp_path / "out", limits=Limits(exemplars=3))
    exemplars, traffic = (
        texts(tmp_path / "out" / f"{name}.jsonl") for name in ("exemplars", "traffic")
    )
    assert len(exemplars) <= 3
    expected = {f"{how} to {city}" for city in CITIES[:4] for how in ("go", "ride")}
    assert sorted(exemplars + traffic) == sorted(expected)


@pytest.mark.parametrize("limit", [0, 3])
def test_without_traffic_all_of_train_are_exemplars_up_to_the_limit(splits, tmp_path, limit):
    limits = Limits(exemplars=limit)
    meta = prepare(splits, tmp_path / "out", limits=limits, has_traffic=False)
    assert (meta["exemplars"], meta["traffic"]) == (limit or 8, 0)
    assert texts(tmp_path / "out" / "traffic.jsonl") == []


def test_without_traffic_a_corpus_with_catalogs_needs_none(own, tmp_path):
    (own / "traffic.en.jsonl").unlink()
    assert prepare(own, tmp_path / "out", has_traffic=False)["traffic"] == 0


@pytest.mark.parametrize("layout", ["own", "splits"])
def test_no_test_text_is_learned_from_in_whatever_case_or_spacing(layout, tmp_path, request):
    prepare(request.getfixturevalue(layout), tmp_path / "out")
    held_out = set(texts(tmp_path / "out" / "test.jsonl"))
    for name in ("exemplars", "dev", "traffic"):
        learned = {text.strip().lower() for text in texts(tmp_path / "out" / f"{name}.jsonl")}
        assert not held_out & learned


@pytest.mark.parametrize("layout", ["own", "splits"])
def test_traffic_has_no_annotations(layout, tmp_path, request):
    prepare(request.getfixturevalue(layout), tmp_path / "out")
    assert all("spans" not in row for row in read_rows(tmp_path / "out" / "traffic.jsonl"))


def test_limits_say_how_many_utterances_are_taken(own, tmp_path):
    limits = Limits(exemplars=3, dev=2, test=1, traffic=4)
    meta = prepare(own, tmp_path / "out", limits=limits)
    for name, limit in (("exemplars", 3), ("dev", 2), ("test", 1), ("traffic", 4)):
        assert meta[name] == len(texts(tmp_path / "out" / f"{name}.jsonl")) == limit


def test_meta_json_holds_what_is_returned(own, tmp_path):
    meta = prepare(own, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "meta.json").read_text()) == meta
    assert (meta["corpus"], meta["lang"], meta["test"]) == ("own", "en", 4)


@pytest.mark.parametrize("layout", ["own", "splits"])
def test_the_same_seed_gives_the_same_files_and_another_seed_others(layout, tmp_path, request):
    source = request.getfixturevalue(layout)
    contents = []
    for number, seed in enumerate((7, 7, 8)):
        out = tmp_path / str(number)
        prepare(source, out, seed=seed)
        contents.append({file.name: file.read_bytes() for file in out.iterdir()})
    assert contents[0] == contents[1]
    assert contents[0]["exemplars.jsonl"] != contents[2]["exemplars.jsonl"]


def test_spans_of_labels_not_asked_for_are_no_entities(splits, tmp_path):
    row = annotate("wake me at nine in oslo", {"nine": "TIME", "oslo": "CITY"})
    write_rows(splits / "test.jsonl", [row])
    problems = Problems()
    prepare(splits, tmp_path / "out", problems=problems)
    (row,) = read_rows(tmp_path / "out" / "test.jsonl")
    assert [span["label"] for span in row["spans"]] == ["CITY"]
    assert len(problems) == 0


def test_only_rows_of_the_language_are_taken(splits, tmp_path):
    rows = [
        {**trip("hanoi", "fly"), "lang": "en-US"},
        {**trip("dakar", "vuela"), "lang": "es-ES"},
        {**trip("cebu", "lipad"), "lang": "enb-KE"},  # a language of Kenya
        {**trip("quito", "fly"), "lang": None},
    ]
    write_rows(splits / "test.jsonl", rows)
    prepare(splits, tmp_path / "out")
    assert sorted(texts(tmp_path / "out" / "test.jsonl")) == ["fly to hanoi", "fly to quito"]


def test_broken_rows_are_reported_and_left_out(own, tmp_path):
    path = own / "test.en.jsonl"
    path.write_text("{broken\n" + path.read_text())
    problems = Problems()
    assert prepare(own, tmp_path / "out", problems=problems)["test"] == 4
    assert problems.messages == [
        f"{path}:1: not JSON (Expecting property name enclosed in double quotes); row skipped"
    ]


def test_a_corpus_without_the_language_is_a_one_line_error(splits, tmp_path):
    for name in ("train", "dev", "test"):
        rows = [{**row, "lang": "en"} for row in read_rows(splits / f"{name}.jsonl")]
        write_rows(splits / f"{name}.jsonl", rows)
    with pytest.raises(CatalogNERError, match="no utterance for 'test' in language 'es'"):
        prepare(splits, tmp_path / "out", lang="es")


def test_a_folder_that_is_no_corpus_is_a_one_line_error(tmp_path):
    with pytest.raises(CatalogNERError, match=r"train\.jsonl: no such file"):
        prepare(tmp_path, tmp_path / "out")


def test_an_annotated_utterance_of_massive_is_taken_apart():
    row = parse_annotation("wake me at [time : nine am] on [date : friday] please")
    assert row.text == "wake me at nine am on friday please"
    assert [(row.text[span.start : span.end], span.label) for span in row.spans] == [
        ("nine am", "time"),
        ("friday", "date"),
    ]


@pytest.mark.parametrize(
    ("annotated", "text", "surfaces"),
    [
        ("no slot at all", "no slot at all", []),
        ("[place_name : paris]", "paris", ["paris"]),
        ("[a : x][b : y]", "xy", ["x", "y"]),
        ("[a:x]", "x", ["x"]),
        ("at [time : 5:30 pm]", "at 5:30 pm", ["5:30 pm"]),
        (
            "pon [artist_name : rosal\u00eda] \u00a1ya!",
            "pon rosal\u00eda \u00a1ya!",
            ["rosal\u00eda"],
        ),
        ("an array [0] stays", "an array [0] stays", []),
        ("", "", []),
    ],
)
def test_what_stands_in_a_slot_is_a_span_of_the_plain_text(annotated, text, surfaces):
    row = parse_annotation(annotated)
    assert row.text == text
    assert [row.text[span.start : span.end] for span in row.spans] == surfaces


@pytest.fixture
def massive(tmp_path) -> tuple[Path, str]:
    """A tiny archive in the form of MASSIVE, and its SHA-256."""
    rows = [
        {
            "id": str(number),
            "partition": partition,
            "intent": "play_music",
            "annot_utt": f"play [artist_name : {name}]",
        }
        for number, (partition, name) in enumerate(
            [("train", "adele"), ("train", "drake"), ("dev", "abba"), ("test", "queen")]
        )
    ]
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path = tmp_path / "massive.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo("1.1/data/en-US.jsonl")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_massive_is_unpacked_by_its_partitions(massive, tmp_path):
    path, sha256 = massive
    counts = unpack_massive(path, tmp_path / "out", sha256=sha256)
    assert counts == {"train": 2, "dev": 1, "test": 1}
    assert read_rows(tmp_path / "out" / "dev.jsonl") == [
        {
            "text": "play abba",
            "spans": [{"start": 5, "end": 9, "label": "artist_name"}],
            "lang": "en-US",
            "meta": {"id": "2", "intent": "play_music"},
        }
    ]


def test_unpacked_massive_is_a_corpus(massive, tmp_path):
    path, sha256 = massive
    unpack_massive(path, tmp_path / "massive", sha256=sha256)
    meta = prepare(tmp_path / "massive", tmp_path / "out", labels={"artist_name"})
    assert (meta["oracle_catalog"], meta["entries"], meta["traffic"]) == (True, 4, 1)


def test_an_archive_that_is_not_the_release_known_is_refused(massive, tmp_path):
    with pytest.raises(CatalogNERError, match=r"SHA-256 is [0-9a-f]{64}, expected 4cba5faa"):
        unpack_massive(massive[0], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_locale_that_is_not_in_the_archive_is_named(massive, tmp_path):
    path, sha256 = massive
    with pytest.raises(CatalogNERError, match="no locale 'xx-XX' in this archive"):
        unpack_massive(path, tmp_path / "out", locale="xx-XX", sha256=sha256)


def test_a_missing_archive_is_a_one_line_error(tmp_path):
    with pytest.raises(CatalogNERError, match=r"no such file, expected the MASSIVE 1\.1 archive"):
        unpack_massive(tmp_path / "none.tar.gz", tmp_path / "out")
