"""A corpus of column files: from the three files to all that the benchmark trains and tests on."""

from __future__ import annotations

import gzip
import json

import pytest
import test_cli
from conftest import REPOSITORY
from hypothesis import given
from hypothesis import strategies as st

from spacy_catalog_ner.corpora.columns import convert_columns
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.formats.tag_schemes import is_tag
from spacy_catalog_ner.io.files import read_labels

cli = test_cli.cli  # the fixture

# As CoNLL-2003 is: IOB1, where B- only parts two entities that touch
TRAIN = """\
-DOCSTART- -X- -X- O

Oslo NNP I-NP I-LOC
beat VBD I-VP O
Reading NNP I-NP I-ORG
in IN I-PP O
Reading NNP I-NP I-LOC
. . O O

Ann NNP I-NP I-PER
Lee NNP I-NP I-PER
Bob NNP I-NP B-PER
agreed VBD I-VP O
"""
# As most copies of it are: IOB2
DEV = """\
-DOCSTART- -X- O O

Lima NNP B-NP B-LOC
won VBD B-VP O
"""
# As OntoNotes is, and as it is in the files that most people have
ONTONOTES = """\
#begin document (nw/made_up/00/made_up_0001); part 000
nw/made_up/00/made_up_0001  0  0  New   NNP  (NP*  -  -  -  -  (GPE*   *  -
nw/made_up/00/made_up_0001  0  1  Cairo NNP  *)    -  -  -  -  *)      *  -
nw/made_up/00/made_up_0001  0  2  won   VBD  (VP*) -  -  -  -  *       *  -

#end document
#begin document (nw/made_up/00/made_up_0002); part 000
nw/made_up/00/made_up_0002  0  0  Monday NNP (NP*) -  -  -  -  (DATE)  *  -

#end document
"""
TWO_COLUMNS = "New\tB-GPE\nCairo\tI-GPE\nwon\tO\n\nMonday\tB-DATE\n"


@pytest.fixture
def folder(tmp_path):
    source = tmp_path / "columns"
    source.mkdir()
    (source / "train.conll").write_text(TRAIN)
    (source / "dev.txt").write_text(DEV)
    (source / "test.bio").write_text("Quito B-LOC\nlost O\n")
    return source


def names(path) -> list[list[tuple[str, str]]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]
    return [
        [(row["text"][span["start"] : span["end"]], span["label"]) for span in row["spans"]]
        for row in rows
    ]


def test_three_column_files_become_a_corpus(cli, folder, tmp_path):
    result = cli("corpus", "columns", folder, "-o", tmp_path / "out")
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out) == {
        "train": {"sentences": 2, "entities": {"LOC": 2, "ORG": 1, "PER": 2}},
        "dev": {"sentences": 1, "entities": {"LOC": 1}},
        "test": {"sentences": 1, "entities": {"LOC": 1}},
    }
    assert names(tmp_path / "out" / "train.jsonl") == [
        [("Oslo", "LOC"), ("Reading", "ORG"), ("Reading", "LOC")],
        [("Ann Lee", "PER"), ("Bob", "PER")],
    ]
    assert names(tmp_path / "out" / "test.jsonl") == [[("Quito", "LOC")]]


@pytest.mark.parametrize("text", [ONTONOTES, TWO_COLUMNS], ids=["CoNLL-2012", "two columns"])
def test_ontonotes_is_read_in_either_form(folder, tmp_path, text):
    (folder / "test.bio").write_text(text)
    problems = Problems()
    convert_columns(folder, tmp_path / "out", problems)
    assert names(tmp_path / "out" / "test.jsonl") == [[("New Cairo", "GPE")], [("Monday", "DATE")]]
    assert len(problems) == 0


def test_files_may_be_packed(folder, tmp_path):
    (folder / "train.conll.gz").write_bytes(gzip.compress(TRAIN.encode()))
    (folder / "train.conll").unlink()
    assert convert_columns(folder, tmp_path / "out", Problems())["train"]["sentences"] == 2


def test_the_labels_of_all_files_are_listed(folder, tmp_path):
    (folder / "test.bio").write_text("Monday B-DATE\n")
    convert_columns(folder, tmp_path / "out", Problems())
    assert list(read_labels(tmp_path / "out" / "labels.yml")) == ["DATE", "LOC", "ORG", "PER"]


@pytest.mark.parametrize("label", ["NO", "1", "null", "=", "#x", "a:b", "é", "*x", "2001-01-01"])
def test_a_label_that_means_something_in_yaml_stays_a_label(folder, tmp_path, label):
    (folder / "test.bio").write_text(f"Monday B-{label}\n", encoding="utf8")
    convert_columns(folder, tmp_path / "out", Problems())
    assert label in read_labels(tmp_path / "out" / "labels.yml")


def test_the_corpus_has_all_of_train_to_learn_from_and_nothing_for_a_teacher(cli, folder, tmp_path):
    cli("corpus", "columns", folder, "-o", tmp_path / "out")
    labels = tmp_path / "out" / "labels.yml"
    result = cli(
        *("corpus", "prepare", tmp_path / "out", "-o", tmp_path / "sets"),
        *("--labels", labels, "--no-traffic"),
    )
    meta = json.loads(result.out)
    assert (meta["oracle_catalog"], meta["exemplars"], meta["traffic"]) == (True, 2, 0)
    assert sorted(names(tmp_path / "sets" / "exemplars.jsonl")) == sorted(
        names(tmp_path / "out" / "train.jsonl")
    )
    assert (tmp_path / "sets" / "traffic.jsonl").read_text() == ""


def test_the_report_says_that_the_catalog_is_an_oracle_and_that_there_is_no_teacher(
    cli, folder, tmp_path
):
    cli("corpus", "columns", folder, "-o", tmp_path / "news")
    sets, catalog = tmp_path / "sets", tmp_path / "oracle.catalog"
    labels = ("--labels", tmp_path / "news" / "labels.yml")
    cli("corpus", "prepare", tmp_path / "news", "-o", sets, *labels, "--no-traffic")
    cli("catalog", "compile", sets / "entries.jsonl", "-o", catalog)
    cli(
        *("label", sets / "test.jsonl", "-o", tmp_path / "all.jsonl", "--paths.catalog", catalog),
        *("--pipeline", REPOSITORY / "configs" / "accept_all.cfg"),
    )
    cli(
        *("report", sets / "test.jsonl", f"accept-all={tmp_path / 'all.jsonl'}"),
        *("--corpus", sets / "meta.json", "-o", tmp_path / "report"),
    )
    text = (tmp_path / "report.md").read_text(encoding="utf8")
    assert (
        "Corpus news (en), an oracle catalog made of the gold spans of all splits, 2 annotated"
        " utterances to train on, no teacher."
    ) in text
    assert "The catalog holds 100.0% of the gold entities" in text
    assert "That is by construction: the catalog is an oracle" in text


# What is wrong with the files


def test_splits_that_are_missing_are_named_with_what_is_expected(cli, folder, tmp_path):
    (folder / "train.conll").rename(folder / "eng.train")
    (folder / "test.bio").rename(folder / "eng.testb")
    error = cli("corpus", "columns", folder, "-o", tmp_path / "out").error
    assert f"{folder}: no column file for train and test; expected train, dev and test" in error
    assert ".conll, .iob, .iob2, .bio, .tsv, .txt" in error


def test_two_files_for_a_split_are_named(cli, folder, tmp_path):
    (folder / "train.txt").write_text(TRAIN)
    error = cli("corpus", "columns", folder, "-o", tmp_path / "out").error
    assert f"{folder}: train.conll and train.txt, expected one file for train" in error


@pytest.mark.parametrize("name", ["nothing", "columns/dev.txt"])
def test_a_source_that_is_no_folder_is_a_one_line_error(cli, folder, tmp_path, name):
    error = cli("corpus", "columns", tmp_path / name, "-o", tmp_path / "out").error
    assert f"{tmp_path / name}: " in error and "column file" in error


@pytest.mark.parametrize("text", ["Lima O\nwon O\n", "Lima\nwon\n", ""])
def test_a_file_without_an_entity_is_named_and_nothing_is_written(cli, folder, tmp_path, text):
    (folder / "test.bio").write_text(text)
    error = cli("corpus", "columns", folder, "-o", tmp_path / "out").error
    assert f"{folder / 'test.bio'}: no entity in " in error
    assert not (tmp_path / "out").exists()


def test_a_broken_line_is_named_and_costs_its_sentence_alone(cli, folder, tmp_path):
    (folder / "dev.txt").write_text(f"{DEV}\nRome NNP B-NP B-LOC\nlost\n")
    result = cli("corpus", "columns", folder, "-o", tmp_path / "out")
    assert f"{folder / 'dev.txt'}:7: expected a token and in the last column a tag" in result.err
    assert "1 broken row" in result.err
    assert json.loads(result.out)["dev"]["sentences"] == 1


def test_a_tag_of_another_scheme_is_named_and_repaired(cli, folder, tmp_path):
    # The I- at the beginning of an entity is IOB1's, the B- there is not
    (folder / "test.bio").write_text("Quito B-LOC\nlost O\n\nNew I-LOC\nCairo I-LOC\nwon O\n")
    result = cli("corpus", "columns", folder, "-o", tmp_path / "out")
    assert f"{folder / 'test.bio'}:4: I-LOC without a beginning is taken for one (" in result.err
    assert "1 repaired tag" in result.err
    assert names(tmp_path / "out" / "test.jsonl") == [[("Quito", "LOC")], [("New Cairo", "LOC")]]


LINES = st.sampled_from(
    [
        "Oslo I-LOC",
        "Oslo B-LOC",
        "won O",
        "S-PER E-PER",
        "-DOCSTART- O",
        "O",
        "",
        "# x",
        "\tO",
        "( (",
    ]
) | st.text(st.characters(codec="utf8", exclude_characters="\n"), max_size=12)


@given(lines=st.lists(LINES, max_size=12))
def test_whatever_the_lines_are_there_is_a_corpus_or_a_reason(tmp_path_factory, lines):
    source = tmp_path_factory.mktemp("columns")
    for name in ("train", "dev", "test"):
        (source / f"{name}.txt").write_text("\n".join(lines), encoding="utf8", newline="")
    problems = Problems()
    try:
        counts = convert_columns(source, source / "out", problems)
    except CatalogNERError as err:
        assert "no entity" in str(err)
        assert not (source / "out").exists()
    else:
        tags = {line.split()[-1] for line in lines if line.split() and is_tag(line.split()[-1])}
        found = set(read_labels(source / "out" / "labels.yml"))
        assert found == set().union(*(split["entities"] for split in counts.values()))
        assert found <= {tag[2:] for tag in tags}
