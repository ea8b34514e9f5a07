"""What an interruption of labelling leaves behind at any moment, and how the run goes on."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
import spacy
from conftest import write_rows
from labelling import CUTS, files, interrupt, label, read

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.labelling import checkpoint, label_file
from spacy_catalog_ner.labelling.checkpoint import Checkpoint
from spacy_catalog_ner.labelling.fingerprint import fingerprint


@pytest.fixture
def cut_at():
    """Choose the text at which labelling is interrupted; the power is back after the test."""
    yield CUTS.add
    CUTS.clear()


@pytest.fixture
def nlp(mini_matcher_nlp):
    mini_matcher_nlp.add_pipe("mini_poison")
    mini_matcher_nlp.add_pipe("mini_power_cut")
    return mini_matcher_nlp


@pytest.fixture
def texts(tmp_path):
    rows = [{"text": f"play drake number {number}", "id": number} for number in range(10)]
    return write_rows(tmp_path / "texts.jsonl", rows)


@pytest.fixture
def interrupted(nlp, texts, tmp_path, cut_at):
    """The output of a run that was interrupted after four of ten texts."""
    cut_at("play drake number 5")
    interrupt(nlp, texts, tmp_path / "out.jsonl")
    CUTS.clear()
    return tmp_path / "out.jsonl"


def test_an_interrupted_run_goes_on_after_the_last_whole_batch(nlp, texts, interrupted, cut_at):
    assert not interrupted.exists()
    part = interrupted.with_name("out.jsonl.part")
    assert [row["id"] for row in read(part)] == [0, 1, 2, 3]
    cut_at("play drake number 0")  # what is done is not done again
    summary = label(nlp, texts, interrupted, batch_size=2)
    assert summary["texts"] == 10
    assert [row["id"] for row in read(interrupted)] == list(range(10))


def test_the_bar_begins_where_the_run_was(nlp, texts, interrupted, capsys):
    label_file(nlp, texts, interrupted, Problems())
    shown = capsys.readouterr().err
    assert "texts.jsonl:  40%" in shown
    assert "texts.jsonl: 100%" in shown
    assert "10/10 [" in shown


def test_the_bar_ends_with_all_texts_though_lines_were_skipped(nlp, tmp_path, capsys):
    source = write_rows(tmp_path / "in.jsonl", [{"text": "drake"}, {}, {"text": "poison"}, {}])
    label_file(nlp, source, tmp_path / "out.jsonl", Problems())
    assert "2/2 [" in capsys.readouterr().err


def test_a_half_written_last_line_is_cut_off(nlp, texts, interrupted, tmp_path):
    with interrupted.with_name("out.jsonl.part").open("a", encoding="utf8") as stream:
        stream.write('{"text": "play drake number 4", "id": 4}\n{"text": "play dra')
    label(nlp, texts, interrupted, batch_size=2)
    label(nlp, texts, tmp_path / "whole.jsonl", batch_size=2)
    assert interrupted.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_dead_letters_are_resumed_as_exactly_as_the_rest(nlp, tmp_path, cut_at):
    rows = [{"text": f"{'poison' if n % 3 == 0 else 'drake'} {n}"} for n in range(20)]
    source = write_rows(tmp_path / "in.jsonl", rows)
    label(nlp, source, tmp_path / "whole.jsonl", batch_size=2)
    cut_at("drake 7")
    interrupt(nlp, source, tmp_path / "out.jsonl")
    with (tmp_path / "out.failed.jsonl.part").open("a", encoding="utf8") as stream:
        stream.write('{"text": "poison 6"}\n{"te')
    CUTS.clear()
    summary = label(nlp, source, tmp_path / "out.jsonl", batch_size=2)
    assert summary["failures"] == 7
    for kind in ("jsonl", "failed.jsonl"):
        whole = (tmp_path / f"whole.{kind}").read_bytes()
        assert (tmp_path / f"out.{kind}").read_bytes() == whole


def test_bad_rows_are_counted_once_over_both_runs(nlp, tmp_path, cut_at):
    rows = [{"text": "play drake"}, {"no": "text"}, {"text": "play adele"}, {"text": "stop here"}]
    source = write_rows(tmp_path / "in.jsonl", [*rows, {"no": "text"}])
    cut_at("stop here")
    interrupt(nlp, source, tmp_path / "out.jsonl")
    CUTS.clear()
    summary = label(nlp, source, tmp_path / "out.jsonl", batch_size=2)
    assert summary["skipped"] == {"broken row": 2}
    assert summary["texts"] == 3


def test_a_part_without_its_state_starts_anew(nlp, texts, interrupted):
    interrupted.with_name("out.jsonl.part.json").unlink()
    label(nlp, texts, interrupted, batch_size=2)
    assert [row["id"] for row in read(interrupted)] == list(range(10))


def test_a_run_killed_at_any_rename_ends_with_the_same_files(nlp, tmp_path, monkeypatch):
    rows = [{"text": text} for text in ("drake", "poison", "adele", "boston")]
    source = write_rows(tmp_path / "in.jsonl", rows)
    label(nlp, source, tmp_path / "whole" / "out.jsonl", batch_size=2)
    whole = files(tmp_path / "whole")
    for moment in range(100):
        folder = tmp_path / str(moment)
        with monkeypatch.context() as patch:
            renames = count()

            def replace(path, target, renames=renames, moment=moment, rename=Path.replace):
                if next(renames) == moment:
                    raise KeyboardInterrupt
                return rename(path, target)

            patch.setattr(Path, "replace", replace)
            with suppress(KeyboardInterrupt):
                label(nlp, source, folder / "out.jsonl", batch_size=2)
        if next(renames) <= moment:  # it came to its end before
            break
        label(nlp, source, folder / "out.jsonl", batch_size=2)
        assert files(folder) == whole
        for name in ("out.jsonl", "out.failed.jsonl"):
            assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert moment >= 5


def test_a_run_that_only_has_to_name_its_files_labels_nothing(
    nlp, texts, tmp_path, monkeypatch, cut_at
):
    def cut(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(checkpoint, "summary_path", cut)  # needed last, for the summary
        label(nlp, texts, tmp_path / "out.jsonl")
    cut_at("play drake number 0")
    label(nlp, texts, tmp_path / "out.jsonl")
    assert files(tmp_path) == ["out.jsonl", "out.summary.json", "texts.jsonl"]


# A run that is not the same


def test_a_changed_setting_does_not_throw_away_what_is_done(nlp, texts, interrupted):
    nlp.add_pipe("merge_entities")
    with pytest.raises(
        CatalogNERError,
        match=r"out\.jsonl\.part: 4 texts of a run with another pipeline, .* remove"
        r" out\.jsonl\.part\.json to start anew",
    ):
        label(nlp, texts, interrupted)
    assert len(read(interrupted.with_name("out.jsonl.part"))) == 4


def test_a_name_added_to_the_catalog_makes_another_run(nlp, texts, interrupted):
    nlp.get_pipe("catalog_matcher").add_entries([{"text": "number 1", "label": "SONG"}])
    with pytest.raises(CatalogNERError, match="another pipeline"):
        label(nlp, texts, interrupted)


def test_a_changed_input_makes_another_run(nlp, texts, interrupted):
    write_rows(texts, [{"text": "play adele"}])
    with pytest.raises(CatalogNERError, match="another pipeline, input"):
        label(nlp, texts, interrupted)


def test_other_contents_of_a_component_make_another_run(texts):
    one, other = spacy.blank("en"), spacy.blank("en")
    for nlp, name in ((one, "a"), (other, "b")):
        nlp.add_pipe("entity_ruler").add_patterns([{"label": "X", "pattern": name}])
    assert fingerprint(one, texts) != fingerprint(other, texts)


def test_a_larger_limit_goes_on_and_a_smaller_one_is_refused(nlp, texts, interrupted):
    with pytest.raises(CatalogNERError, match="has 4 texts already, more than the limit of 3"):
        label(nlp, texts, interrupted, limit=3)
    assert label(nlp, texts, interrupted, limit=6)["texts"] == 6
    assert len(read(interrupted)) == 6


def test_a_part_shorter_than_its_state_says_is_an_error(nlp, texts, interrupted):
    interrupted.with_name("out.jsonl.part").write_text("")
    with pytest.raises(CatalogNERError, match=r"shorter than out\.jsonl\.part\.json says"):
        label(nlp, texts, interrupted)


@pytest.mark.parametrize("state", ["", "[]", "{}", '{"fingerprint": "x"}'])
def test_a_broken_state_is_an_error(nlp, texts, interrupted, state):
    interrupted.with_name("out.jsonl.part.json").write_text(state)
    with pytest.raises(CatalogNERError, match="not the state of a run; remove it to start anew"):
        label(nlp, texts, interrupted)


def test_two_runs_cannot_write_the_same_file(nlp, texts, tmp_path):
    with (
        Checkpoint(tmp_path / "out.jsonl", "the first"),
        pytest.raises(CatalogNERError, match="another run is writing it"),
    ):
        label(nlp, texts, tmp_path / "out.jsonl")
