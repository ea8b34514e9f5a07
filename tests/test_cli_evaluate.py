"""``catalog-ner evaluate``: its reports, and the regression gate."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import test_cli
from conftest import REPOSITORY, annotate, write_rows
from zstandard import ZstdCompressor

from spacy_catalog_ner.evaluation import evaluate_rows

cli = test_cli.cli  # the fixture

GOLD = [
    annotate(
        f"play song{number} in city{number}", {f"song{number}": "SONG", f"city{number}": "CITY"}
    )
    for number in range(40)
]


def without(label: str, numbers) -> list[dict]:
    """Return predictions that miss a label in some texts."""
    return [
        {**row, "spans": [span for span in row["spans"] if span["label"] != label]}
        if number in numbers
        else row
        for number, row in enumerate(GOLD)
    ]


@pytest.fixture
def gold(tmp_path) -> Path:
    return write_rows(tmp_path / "gold.jsonl", GOLD)


@pytest.fixture
def good(tmp_path) -> Path:
    """Predictions with an error or two."""
    return write_rows(tmp_path / "good.jsonl", without("SONG", {3}))


@pytest.fixture
def bad(tmp_path) -> Path:
    """Predictions of a system that lost a third of the cities."""
    return write_rows(tmp_path / "bad.jsonl", without("CITY", range(13)))


@pytest.fixture
def saved(cli, good, gold, tmp_path) -> Path:
    """The result of the good predictions."""
    path = tmp_path / "good.json"
    assert cli("evaluate", good, gold, "-o", path).code == 0
    return path


# The result


def test_the_result_is_printed_and_written(cli, good, gold, tmp_path):
    result = cli("evaluate", good, gold, "-o", tmp_path / "result.json")
    assert result.code == 0
    printed = json.loads(result.out)
    assert printed == evaluate_rows(without("SONG", {3}), GOLD).to_dict()
    assert printed == json.loads((tmp_path / "result.json").read_text(encoding="utf8"))


def test_predictions_and_gold_may_be_packed(cli, good, gold, tmp_path):
    packed = tmp_path / "packed.jsonl.gz", tmp_path / "packed.jsonl.zst"
    packed[0].write_bytes(gzip.compress(good.read_bytes()))
    packed[1].write_bytes(ZstdCompressor().compress(gold.read_bytes()))
    assert cli("evaluate", *packed).out == cli("evaluate", good, gold).out


def test_predictions_and_gold_may_be_docbins(cli, good, gold, tmp_path):
    for source in (good, gold):
        assert cli("convert", source, "-o", source.with_suffix(".spacy")).code == 0
    packed = [source.with_suffix(".spacy") for source in (good, gold)]
    expected = cli("evaluate", good, gold, "--baseline", good)
    found = cli("evaluate", *packed, "--baseline", packed[0])
    assert found.out == expected.out.replace("good.jsonl", "good.spacy")


def test_tokens_are_scored_if_asked_for(cli, good, gold):
    assert json.loads(cli("evaluate", good, gold).out)["tokens"] is None
    tokens = json.loads(cli("evaluate", good, gold, "--tokens").out)["tokens"]
    assert (tokens["tp"], tokens["fn"]) == (79, 1)


def test_entities_of_training_are_scored_apart_if_it_is_given(cli, good, gold, tmp_path):
    train = write_rows(tmp_path / "train.jsonl", GOLD[:10])
    more = write_rows(tmp_path / "more.jsonl", GOLD[10:15])
    found = json.loads(cli("evaluate", good, gold, "--train", train).out)["by_novelty"]
    assert (found["seen"]["fn"], found["unseen"]["tp"]) == (1, 60)
    both = cli("evaluate", good, gold, "--train", train, "--train", more)
    assert json.loads(both.out)["by_novelty"]["unseen"]["tp"] == 50


def test_the_seed_decides_the_intervals(cli, bad, gold):
    options = ["--samples", "50", "--seed"]
    first, again, other = (cli("evaluate", bad, gold, *options, n).out for n in (1, 1, 2))
    assert first == again != other


def test_of_a_pipeline_the_stages_are_told_apart(cli, mini_annotated, mini_catalog):
    config = REPOSITORY / "configs" / "accept_all.cfg"
    result = cli("evaluate", config, mini_annotated, "--paths.catalog", mini_catalog)
    stages = json.loads(result.out)["stages"]
    assert stages["selection"]["spurious"] > 0
    assert stages["student"] == {**stages["student"], "missed": 0, "spurious": 0}


def test_reports_are_written_as_html_and_markdown(cli, bad, gold, tmp_path):
    html, markdown = tmp_path / "reports" / "r.html", tmp_path / "reports" / "r.md"
    result = cli("evaluate", bad, gold, "--html", html, "--markdown", markdown)
    assert result.code == 0
    page = html.read_text(encoding="utf8")
    assert "<title>bad.jsonl on gold.jsonl" in page and "play song0 in city0" in page
    assert markdown.read_text(encoding="utf8").startswith("# bad.jsonl on gold.jsonl\n")


@pytest.mark.parametrize("baseline", ["good.jsonl", "good.json"])
def test_the_html_shows_the_baseline_beside(cli, bad, gold, saved, tmp_path, baseline):
    html = tmp_path / "r.html"
    options = ["--baseline", tmp_path / baseline, "--html", html]
    assert cli("evaluate", bad, gold, *options).code == 0
    assert "baseline" in html.read_text(encoding="utf8").lower()


# Comparing


def test_two_systems_are_compared_by_their_answers(cli, bad, good, gold):
    result = cli("evaluate", bad, gold, "--baseline", good)
    assert result.code == 0
    comparison = json.loads(result.out)["comparison"]
    assert comparison["baseline"] == str(good)
    assert comparison["micro"] == {
        "before": 0.9937,
        "after": 0.9116,
        "points": -8.21,
        "interval": comparison["micro"]["interval"],
        "evidence": 40,
        "is_loss": True,
    }
    assert comparison["per_label"]["SONG"]["points"] > 0
    assert comparison["p_value"] < 0.01
    assert f"Compared with {good}: F1 of all entities 0.9937 -> 0.9116" in result.err


# The gate

baselines = pytest.mark.parametrize("baseline", ["good.jsonl", "good.json"])


@baselines
def test_a_loss_is_exit_code_1_and_named(cli, bad, gold, saved, tmp_path, baseline):
    result = cli("evaluate", bad, gold, "--baseline", tmp_path / baseline, "--max-drop", "2")
    assert result.code == 1
    assert json.loads(result.out)["texts"] == 40
    *_, loss, verdict = result.err.splitlines()
    assert loss.startswith("Loss: F1 of all entities 0.9937 -> 0.9116, -8.2 points (95 % interval ")
    assert verdict == "Failed: F1 fell by more than 2 points: all entities"


@baselines
def test_noise_passes_and_is_said_to_be_noise(cli, gold, saved, tmp_path, baseline):
    flipped = write_rows(tmp_path / "flipped.jsonl", without("CITY", {7, 21, 30}))
    options = ["--baseline", tmp_path / baseline, "--max-drop", "1"]
    result = cli("evaluate", flipped, gold, *options)
    assert result.code == 0
    *_, noise, verdict = result.err.splitlines()
    assert noise.startswith("Within noise: F1 of all entities 0.9937 -> 0.9809, -1.3 points")
    assert verdict == "Passed: no loss of more than 1 points of F1"


def test_a_loss_within_the_points_allowed_passes(cli, bad, good, gold):
    result = cli("evaluate", bad, gold, "--baseline", good, "--max-drop", "9")
    assert result.code == 0
    assert "Loss" not in result.err and "noise" not in result.err


def test_every_label_is_held_if_asked_for(cli, bad, good, gold):
    options = ["--baseline", good, "--max-drop", "9"]
    result = cli("evaluate", bad, gold, *options, "--per-label")
    assert result.code == 1
    *_, loss, verdict = result.err.splitlines()
    assert loss.startswith("Loss: F1 of CITY 1.0000 -> 0.8060, -19.4 points (95 % interval ")
    assert verdict == "Failed: F1 fell by more than 9 points: CITY"


def test_the_same_system_passes_without_any_margin(cli, good, gold, saved):
    options = ["--baseline", saved, "--max-drop", "0", "--per-label"]
    assert cli("evaluate", good, gold, *options).code == 0


def test_a_failed_gate_has_written_its_reports(cli, bad, good, gold, tmp_path):
    written = [tmp_path / name for name in ("r.json", "r.html", "r.md")]
    options = zip(("-o", "--html", "--markdown"), written, strict=True)
    gate = ["--baseline", good, "--max-drop", "2"]
    assert cli("evaluate", bad, gold, *gate, *(word for pair in options for word in pair)).code == 1
    assert all(path.is_file() for path in written)


# Bad input


def test_a_baseline_of_another_gold_set_is_refused(cli, good, saved, tmp_path):
    less = write_rows(tmp_path / "less.jsonl", GOLD[:30])
    error = cli("evaluate", good, less, "--baseline", saved, "--max-drop", "2").error
    assert f"{saved}: measured on another gold set, 40 texts with 80 entities" in error
    assert "this one has 30 with 60" in error


def test_predictions_for_other_texts_are_refused(cli, gold, tmp_path):
    other = write_rows(tmp_path / "other.jsonl", [{"text": "something else", "spans": []}])
    error = cli("evaluate", other, gold).error
    assert f"{other}: none of the 1 predicted rows is for one of the 40 gold rows" in error


def test_messages_have_the_lines_of_their_files(cli, tmp_path):
    gold = write_rows(tmp_path / "g.jsonl", [{"text": "broken"}, GOLD[0], GOLD[1]])
    some = write_rows(tmp_path / "p.jsonl", [{}, GOLD[0], {}, {"text": "new", "spans": []}])
    err = cli("evaluate", some, gold).err
    assert f"{gold}:3: no prediction for 'play song1 in city1'; its spans count as missed" in err
    assert f"{some}:4: no gold row for 'new'; row left out" in err


def test_what_is_wrong_with_a_pipelines_answer_is_said_of_the_gold_row(cli, mini_catalog, tmp_path):
    row = annotate("weather in boston", {"boston": "CITY"})
    gold = write_rows(tmp_path / "g.jsonl", [{"text": "broken"}, row])
    config = REPOSITORY / "configs" / "accept_all.cfg"
    err = cli("evaluate", config, gold, "--paths.catalog", mini_catalog).err
    assert f"{gold}:2: label 'ARTIST' is never in gold" in err


def test_gold_without_a_usable_row_is_refused_after_saying_why(cli, good, tmp_path):
    gold = write_rows(tmp_path / "none.jsonl", [{"text": "one"}, {"text": "two"}])
    result = cli("evaluate", good, gold)
    assert f'{gold}:2: no "spans" list; row skipped' in result.err
    assert f"{gold}: no annotated text to evaluate against" in result.error


@pytest.mark.parametrize("name", ["x.conll", "x.spacy.gz"])
def test_files_of_other_formats_are_to_be_converted(cli, gold, tmp_path, name):
    other = tmp_path / name
    other.write_text("{}")
    error = cli("evaluate", gold, other).error
    assert f"{other}: expected annotated texts (.jsonl, " in error
    assert "catalog-ner convert" in error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--max-drop", "2"], "--max-drop: give the result to compare with, --baseline FILE"),
        (["--per-label"], "--per-label: give the points that F1 may fall by"),
        (["--baseline", "nothing.json"], "nothing.json: no such file, expected a result"),
        (["--baseline", "nothing.jsonl"], "nothing.jsonl: no such file"),
        (["--baseline", "old.txt"], "old.txt: expected a result of `catalog-ner evaluate -o`"),
        (["--baseline", "broken.json"], "broken.json: not JSON"),
        (["--baseline", "meta.json"], "meta.json: not a result that"),
        (["--baseline", "nothing.spacy"], "nothing.spacy: no such file, expected annotated"),
        (["--baseline", "broken.spacy"], "broken.spacy: not a DocBin"),
        (["--train", "nothing.jsonl"], "nothing.jsonl: no such file"),
        (["--tokens", "--lang", "klingon"], "--lang klingon: spaCy knows no such language"),
        (["--paths.catalog", "x"], "--paths.catalog: a file of predictions has no config"),
        (["--max-dorp", "2"], "no such option --max-dorp"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line(cli, good, gold, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "broken.spacy").write_text("{")
    (tmp_path / "meta.json").write_text('{"corpus": "media"}')
    (tmp_path / "old.txt").write_text("F1 0.9")
    assert message in cli("evaluate", good, gold, *options).error


def test_numbers_out_of_range_are_wrong_usage(cli, good, gold):
    result = cli("evaluate", good, gold, "--samples", "0")
    assert result.code == 2
    assert "Usage: " in result.err and "Traceback" not in result.err


def test_a_baseline_is_read_before_a_pipeline_runs(cli, gold, tmp_path):
    error = cli("evaluate", "no_such_package", gold, "--baseline", tmp_path / "no.json").error
    assert "no.json" in error
