"""What labelling costs: prices, a budget that stops the run, and an estimate beforehand.

The server counts 100 tokens of every prompt, 60 of which it knows from before, and writes 7.
"""

from __future__ import annotations

import json

import msgspec
import pytest
from conftest import write_rows
from labelling import asked_about, files, label, make_teacher, read
from servers import LocalServer, status

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.labelling import (
    LabellingStoppedError,
    Price,
    estimate_run,
    find_price,
    read_prices,
)
from spacy_catalog_ner.labelling.estimate import Sample
from spacy_catalog_ner.labelling.models import choose_batch_size

PRICE = Price(input=100_000, cached=50_000, output=1_000_000)  # of a million tokens
A_CALL = 40 * 0.1 + 60 * 0.05 + 7 * 1


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server


@pytest.fixture
def nlp(mini_catalog, server):
    return make_teacher(mini_catalog, server)


@pytest.fixture
def texts(tmp_path):
    rows = [{"text": f"play drake {number}", "id": number} for number in range(20)]
    return write_rows(tmp_path / "texts.jsonl", rows)


# Prices


def test_the_summary_has_calls_tokens_and_their_cost(nlp, texts, tmp_path):
    summary = label(nlp, texts, tmp_path / "out.jsonl", price=PRICE)
    assert summary.calls == 20
    assert summary.prompt_tokens == 20 * 40
    assert summary.cached_tokens == 20 * 60
    assert summary.output_tokens == 20 * 7
    assert summary.selected == 20
    assert summary.cost == pytest.approx(20 * A_CALL)


def test_answers_from_the_response_cache_cost_nothing(mini_catalog, server, texts, tmp_path):
    nlp = make_teacher(mini_catalog, server, cache=str(tmp_path / "cache.sqlite"))
    label(nlp, texts, tmp_path / "out.jsonl", price=PRICE)
    summary = label(nlp, texts, tmp_path / "again.jsonl", price=PRICE)
    assert (summary.calls, summary.cache_hits, summary.cost) == (0, 20, 0)
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "out.jsonl").read_bytes()


def write_prices(tmp_path, content):
    path = tmp_path / "prices.yml"
    path.write_text(content, encoding="utf8")
    return path


def test_prices_are_read_by_the_name_of_the_model(nlp, tmp_path):
    path = write_prices(
        tmp_path, "gpt: {input: 9, output: 9}\nstand-in: {input: 0.15, cached: 0, output: 1}\n"
    )
    assert find_price(path, nlp) == Price(0.15, 0, 1)


def test_tokens_that_are_still_known_cost_as_others_where_no_price_of_their_own_is_given(tmp_path):
    path = write_prices(tmp_path, "gpt: {input: 3, output: 9}")
    assert read_prices(path)["gpt"] == Price(input=3, cached=3, output=9)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "gpt",
        "gpt: {input: [",
        "gpt: 3",
        "gpt: free",
        "gpt: {input: 1}",
        "gpt: {input: 1, output: 1, inptu: 1}",
        "gpt: {input: 1, output: -1}",
        "gpt: {input: .nan, output: 1}",
        "gpt: {input: 1, output: .inf}",
        "gpt: {input: true, output: 1}",
        "gpt: {input: free, output: 1}",
    ],
)
def test_a_table_that_cannot_be_used_is_an_error(tmp_path, content):
    path = write_prices(tmp_path, content)
    with pytest.raises(CatalogNERError) as error:
        read_prices(path)
    if "[" in content:
        assert str(error.value).startswith(f"{path}: not YAML")
    elif ":" in content:
        expected = f"{path}: gpt: expected prices of a million tokens, MODEL: {{"
        assert str(error.value).startswith(expected)
    else:
        assert str(error.value).startswith(f"{path}: expected YAML lines MODEL: {{")


def test_a_model_that_has_no_price_is_named(nlp, mini_matcher_nlp, tmp_path):
    path = write_prices(tmp_path, "gpt: {input: 1, output: 1}")
    with pytest.raises(CatalogNERError, match=r"prices\.yml: no price of 'stand-in', only of gpt"):
        find_price(path, nlp)
    with pytest.raises(CatalogNERError, match="asks no models that count their tokens"):
        find_price(path, mini_matcher_nlp)


# A budget


def test_a_spent_budget_ends_the_run_with_what_is_done(nlp, texts, tmp_path):
    out = tmp_path / "out.jsonl"
    summary = label(nlp, texts, out, batch_size=4, price=PRICE, budget=5 * A_CALL)
    assert summary.stopped == "budget"
    assert [row["id"] for row in read(out)] == list(range(8))  # no batch after the second
    written = json.loads((tmp_path / "out.summary.json").read_text())
    assert written == msgspec.to_builtins(summary)


def test_a_larger_budget_goes_on_where_the_run_was(nlp, server, texts, tmp_path):
    out = tmp_path / "out.jsonl"
    label(nlp, texts, out, batch_size=4, price=PRICE, budget=1)
    label(nlp, texts, out, batch_size=4, price=PRICE, budget=1)  # nothing more
    assert len(server.bodies) == 4
    summary = label(nlp, texts, out, batch_size=4, price=PRICE, budget=1000)
    assert summary.stopped is None
    assert summary.cost == pytest.approx(20 * A_CALL)
    assert sorted(asked_about(server)) == sorted(f"play drake {n}" for n in range(20))
    label(nlp, texts, tmp_path / "whole.jsonl")
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert "out.jsonl.part" not in files(tmp_path)


def test_dead_letters_are_there_when_the_budget_is_spent(mini_catalog, texts, tmp_path):
    with LocalServer(faults=[status(400)]) as server:
        nlp = make_teacher(mini_catalog, server, concurrency=1)
        out = tmp_path / "out.jsonl"
        label(nlp, texts, out, batch_size=4, price=PRICE, budget=1)
    assert [row["id"] for row in read(out)] == [1, 2, 3]
    assert [row["id"] for row in read(tmp_path / "out.failed.jsonl")] == [0]


def test_a_run_whose_budget_was_nothing_goes_on(nlp, texts, tmp_path):
    out = tmp_path / "out.jsonl"
    assert label(nlp, texts, out, price=PRICE, budget=0).texts == 0
    assert label(nlp, texts, out, price=PRICE, budget=1000).texts == 20
    assert files(tmp_path) == ["out.jsonl", "out.summary.json", "texts.jsonl"]


def test_a_budget_needs_a_price(nlp, texts, tmp_path):
    with pytest.raises(CatalogNERError, match="a budget needs the price"):
        label(nlp, texts, tmp_path / "out.jsonl", budget=1)


# A model that cannot be reached


def test_a_model_that_cannot_be_reached_stops_the_run_and_what_is_done_is_kept(
    mini_catalog, texts, tmp_path
):
    out = tmp_path / "out.jsonl"
    with LocalServer(faults=[None] * 8 + [status(500)] * 4) as server:
        nlp = make_teacher(mini_catalog, server, max_failures=3)
        with pytest.raises(
            LabellingStoppedError, match=r"3 texts in a row failed.*; 8 texts are done and kept"
        ):
            label(nlp, texts, out, batch_size=4)
        assert not out.exists()
        label(nlp, texts, out, batch_size=4)
        label(nlp, texts, tmp_path / "whole.jsonl")
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_how_a_model_is_called_may_change_before_the_run_goes_on(mini_catalog, texts, tmp_path):
    """As after a rate limit: fewer calls at once, and more patience."""
    out = tmp_path / "out.jsonl"
    with LocalServer(faults=[None] * 4 + [status(429)] * 4) as server:
        with pytest.raises(LabellingStoppedError):
            label(make_teacher(mini_catalog, server, max_failures=1), texts, out, batch_size=4)
        patient = make_teacher(mini_catalog, server, concurrency=1, timeout=5, max_retries=9)
        assert label(patient, texts, out, batch_size=4).texts == 20
        assert asked_about(server).count("play drake 0") == 1


# An estimate


def test_an_estimate_is_that_of_a_sample_times_the_number_of_texts(nlp, server, tmp_path):
    rows = [{"text": f"play drake {n}"} for n in range(500)]
    source = write_rows(tmp_path / "in.jsonl", [*rows, {"no": "text"}])
    problems = Problems()
    estimate = msgspec.to_builtins(estimate_run(nlp, source, problems, price=PRICE))
    assert estimate.pop("seconds") > 0
    assert estimate == {
        "texts": 500,
        "candidates": 500,
        "calls": 500,
        "prompt_tokens": 500 * 40,
        "cached_tokens": 500 * 60,
        "output_tokens": 500 * 7,
        "cost": pytest.approx(500 * A_CALL),
        "sample": {"texts": 20, "failures": 0, "from_cache": 0},
    }
    assert len(server.bodies) == 20
    assert problems.counts == {"broken row": 1}
    assert files(tmp_path) == ["in.jsonl"]


def test_the_sample_is_drawn_from_all_of_the_file_and_the_same_each_time(nlp, server, tmp_path):
    source = write_rows(tmp_path / "in.jsonl", [{"text": f"play drake {n}"} for n in range(500)])
    estimate_run(nlp, source, Problems())
    estimate_run(nlp, source, Problems())
    asked = asked_about(server)
    assert sorted(asked[:20]) == sorted(asked[20:])
    numbers = [int(text.split()[-1]) for text in asked[:20]]
    assert min(numbers) < 100 and max(numbers) > 400


def test_an_estimate_is_the_same_whatever_the_cache_knows(mini_catalog, server, tmp_path):
    """Texts without candidates, which need no model, are never in the cache."""
    nlp = make_teacher(mini_catalog, server, cache=str(tmp_path / "cache.sqlite"))
    rows = [{"text": f"{say} {n}"} for n in range(10) for say in ("play drake", "what time")]
    source = write_rows(tmp_path / "in.jsonl", rows)
    label(nlp, source, tmp_path / "out.jsonl", limit=12)
    estimate = estimate_run(nlp, source, Problems())
    assert estimate.sample.from_cache == 6
    assert (estimate.candidates, estimate.calls, estimate.output_tokens) == (10, 10, 70)
    estimate = estimate_run(nlp, source, Problems(), limit=2, price=PRICE)
    assert estimate.sample == Sample(texts=2, failures=0, from_cache=1)
    assert estimate.calls is estimate.cost is estimate.seconds is None


def test_an_estimate_does_not_take_a_text_without_an_answer_for_free(mini_catalog, texts):
    with LocalServer(faults=[status(400)]) as server:
        estimate = estimate_run(make_teacher(mini_catalog, server), texts, Problems())
    assert (estimate.sample.failures, estimate.calls) == (1, 20)


def test_an_estimate_says_nothing_where_no_text_got_an_answer(mini_catalog, texts):
    with LocalServer(faults=[status(400)] * 3) as server:
        estimate = estimate_run(make_teacher(mini_catalog, server), texts, Problems(), limit=3)
    assert estimate.candidates is estimate.calls is estimate.seconds is None


def test_an_estimate_of_a_pipeline_without_a_model_is_of_its_time(mini_matcher_nlp, texts):
    estimate = estimate_run(mini_matcher_nlp, texts, Problems(), price=PRICE)
    assert estimate.seconds > 0
    assert estimate.calls == estimate.cost == 0


# The size of a batch


def test_a_batch_has_eight_texts_for_each_call_at_once(nlp, mini_matcher_nlp):
    assert choose_batch_size(nlp) == 4 * 8
    assert choose_batch_size(mini_matcher_nlp) == 64
