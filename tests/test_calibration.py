"""Fitting confidences, keeping them, and drawing how reliable they are."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest

from spacy_catalog_ner.calibration import Calibration, Tallies
from spacy_catalog_ner.calibration.calibrate import Sample, fit_calibration, measure
from spacy_catalog_ner.calibration.features import FEATURES
from spacy_catalog_ner.calibration.logistic import LogisticModel
from spacy_catalog_ner.calibration.plot import plot_reliability
from spacy_catalog_ner.calibration.tallies import KINDS
from spacy_catalog_ner.errors import CatalogNERError


def make_samples(count: int, *, verdicts: bool, seed: int = 0) -> list[Sample]:
    """Texts of two candidates: the prior tells something, the LLM something else."""
    random = np.random.default_rng(seed)
    samples = []
    for _ in range(count):
        features = np.zeros((2, len(FEATURES)))
        features[:, FEATURES.index("prior")] = random.normal(size=2)
        said = random.normal(size=2)
        odds = 2 * features[:, FEATURES.index("prior")] + 2 * said
        right = (odds + random.logistic(size=2) > 0).tolist()
        chances = (1 / (1 + np.exp(-said))).tolist() if verdicts else None
        samples.append(Sample(features, right, chances))
    return samples


@pytest.fixture(scope="module")
def samples():
    return make_samples(400, verdicts=True)


@pytest.fixture(scope="module")
def calibration(samples):
    return fit_calibration(samples, Tallies())


def test_verdicts_make_better_confidences_than_either_alone(calibration):
    asked = calibration.report.asked
    assert asked.judged.brier < min(asked.known.brier, asked.verdict.brier)
    assert asked.judged.f1 > max(asked.known.f1, asked.verdict.f1)
    assert asked.judged.reliability.expected_calibration_error < 0.06


def test_a_candidate_without_a_verdict_has_the_confidence_of_the_rest(calibration, samples):
    features = samples[0].features
    alone = calibration.confidences(features)
    mixed = calibration.confidences(features, [None, 0.99])
    assert mixed[0] == alone[0]
    assert mixed[1] > alone[1]


def test_without_verdicts_there_is_one_regression():
    calibration = fit_calibration(make_samples(100, verdicts=False), Tallies())
    assert calibration.judged is None
    assert "asked" not in msgspec.to_builtins(calibration.report)
    features = make_samples(1, verdicts=False)[0].features
    np.testing.assert_array_equal(
        calibration.confidences(features, [0.1, 0.9]), calibration.confidences(features)
    )


def test_disk_and_bytes_give_back_the_same_confidences(calibration, tmp_path):
    calibration.to_disk(tmp_path / "calibration")
    for copy in (
        Calibration.from_disk(tmp_path / "calibration"),
        Calibration.from_bytes(calibration.to_bytes()),
    ):
        assert copy.known == calibration.known
        assert copy.judged == calibration.judged
        assert copy.report == calibration.report


def test_what_is_saved_is_plain_numbers_by_name(calibration, tmp_path):
    calibration.to_disk(tmp_path / "calibration")
    saved = json.loads((tmp_path / "calibration/calibration.json").read_text(encoding="utf8"))
    assert saved["format_version"] == 1
    assert set(saved["known"]["weights"]) == set(FEATURES)
    assert set(saved["judged"]["weights"]) == {"known", "verdict"}
    first = saved["report"]["asked"]["judged"]["reliability"]["bins"][0]
    assert set(first) == {"from", "to", "spans", "confidence", "accuracy"}


@pytest.mark.parametrize("count", [0, 9])
def test_too_few_exemplars_are_refused(count):
    with pytest.raises(CatalogNERError, match=rf"cannot calibrate on {count} exemplars"):
        fit_calibration(make_samples(count, verdicts=False), Tallies())


def test_exemplars_that_are_all_right_are_refused():
    samples = [Sample(np.zeros((1, len(FEATURES))), [True])] * 20
    with pytest.raises(CatalogNERError, match="right ones and wrong ones"):
        fit_calibration(samples, Tallies())


def test_a_folder_without_a_calibration_says_how_to_make_one(tmp_path):
    with pytest.raises(CatalogNERError, match="catalog-ner calibrate"):
        Calibration.from_disk(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"format_version": 99},
        {"format_version": None},
        {"known": None},
        {"known": {"weights": {"prior": 1.0}, "intercept": 0.0}},
        {"known": {"weights": [], "intercept": 0.0}},
        {"known": {"weights": dict.fromkeys(FEATURES, "1"), "intercept": 0}},
        {"judged": {"weights": {"verdict": 1.0, "known": 1.0}, "intercept": 0.0}},
        {"judged": []},
        {"content_version": 7},
        {"content_version": "../other"},
        {"report": None},
        {"report": {"exemplars": 1, "candidates": 1, "known": {"f1": None}}},
    ],
    ids=str,
)
def test_a_calibration_of_another_version_or_shape_is_one_line(calibration, tmp_path, change):
    calibration.to_disk(tmp_path)
    path = tmp_path / "calibration.json"
    data = json.loads(path.read_text(encoding="utf8")) | change
    path.write_text(json.dumps(data), encoding="utf8")
    check_broken(lambda: Calibration.from_disk(tmp_path))
    parts = {"calibration": data, "tallies": Tallies().to_bytes()}
    check_broken(lambda: Calibration.from_bytes(msgspec.msgpack.encode(parts)))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"5", b"null", b"\xff\xfe", b'{"known": NaN}'])
def test_what_is_no_calibration_is_one_line(calibration, tmp_path, data):
    calibration.to_disk(tmp_path)
    (tmp_path / "calibration.json").write_bytes(data)
    check_broken(lambda: Calibration.from_disk(tmp_path))
    check_broken(lambda: Calibration.from_bytes(data))


def every_kind(counts) -> dict:
    return dict.fromkeys(KINDS, counts)


@pytest.mark.parametrize(
    "counts",
    [
        5,
        {},
        {"label": {}},
        every_kind(1),
        every_kind({"a": 1}),
        every_kind({"a": [1]}),
        every_kind({"a": [1, -1]}),
        every_kind({"a": ["1", "2"]}),
        every_kind({1: [1, 2]}),
    ],
    ids=str,
)
def test_counts_of_another_shape_are_one_line(calibration, tmp_path, counts):
    data = msgspec.msgpack.encode(counts)
    calibration.to_disk(tmp_path)
    for broken in (data, data[:-1], b""):
        with pytest.raises(CatalogNERError, match="not counts of candidates"):
            Tallies.from_bytes(broken)
        next(tmp_path.glob("*/tallies.msgpack")).write_bytes(broken)
        check_broken(lambda: Calibration.from_disk(tmp_path))


def check_broken(read) -> None:
    with pytest.raises(CatalogNERError, match=r"broken calibration.*make it again") as error:
        read()
    assert "\n" not in str(error.value)


def test_weights_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="finite"):
        LogisticModel({"a": float("nan")}, 0.0)


def test_a_regression_is_the_one_scikit_learn_fits():
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    random = np.random.default_rng(1)
    rows = random.normal(size=(200, 3)) * [1, 10, 100]
    right = rows[:, 0] + random.normal(size=200) > 0
    ours = LogisticModel.fit(["a", "b", "c"], rows, right).log_odds(rows)
    scaled = StandardScaler().fit_transform(rows)
    theirs = LogisticRegression(max_iter=1000).fit(scaled, right).decision_function(scaled)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_column_that_never_changes_does_no_harm():
    rows = np.array([[1.0, 5.0], [2.0, 5.0]] * 10)
    model = LogisticModel.fit(["a", "constant"], rows, np.array([False, True] * 10))
    assert np.isfinite(model.log_odds(rows)).all()


def test_measures_of_perfect_confidences():
    found = measure(np.array([1.0, 0.0, 1.0]), np.array([True, False, True]))
    assert (found.f1, found.brier) == (1, 0)
    assert found.reliability.expected_calibration_error == 0


def test_the_plot_shows_every_source(calibration, tmp_path):
    plot_reliability(calibration.report, tmp_path / "reliability.svg")
    text = (tmp_path / "reliability.svg").read_text(encoding="utf8")
    assert text.count("<!-- ") > 10
    for words in ("both together", "verdict alone", "catalog and exemplars", "share that is right"):
        assert words in text
