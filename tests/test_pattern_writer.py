"""Patterns by a model: the prompt, what becomes of its answers, and where its seeds come from."""

from __future__ import annotations

import pytest
from conftest import REPOSITORY, write_rows
from servers import LocalServer, status

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.generation.patterns import Pattern
from spacy_catalog_ner.generation.patterns.pattern import Tags
from spacy_catalog_ner.generation.patterns.sources import PatternSources, Seed
from spacy_catalog_ner.generation.patterns.writer import PatternWriter, load_model
from spacy_catalog_ner.llm.models.openai_compatible import OpenAICompatible

TAGS = Tags({"ARTIST": "a singer or band", "SONG": "a song", "GAME": "a game"}, ["ARTIST", "SONG"])


def answering(*items):
    return lambda body: {"patterns": list(items)}


def make_writer(server: LocalServer, **settings) -> PatternWriter:
    model = OpenAICompatible("stand-in", base_url=server.url, max_retries=0)
    return PatternWriter(model, TAGS, **{"lang": "en", "seeds_lang": "en", **settings})


def write_one(answer, text: str = "play hello by adele", **settings):
    with LocalServer(answer) as server:
        (written,) = make_writer(server, **settings).write([Seed(text, {"text": text})])
    return written


def prompt(text: str = "play hello", **settings) -> str:
    with LocalServer(answering()) as server:
        list(make_writer(server, **settings).write([Seed(text, {})]))
    return "".join(message["content"] for message in server.bodies[0]["messages"])


# The prompt


def test_the_prompt_has_tags_rules_and_the_number_that_is_asked_for():
    text = prompt(rules={"artist": "Never an orchestra"}, per_seed=5)
    assert "<ARTIST>: a singer or band. Never an orchestra\n<SONG>: a song\n" in text
    assert "must not use, because there are no names for them:\n<GAME>: a game\n" in text
    assert "with 5 patterns" in text
    assert text.endswith("\nSeed: play hello\nAnswer:\n")


def test_the_prompt_is_in_the_language_of_the_patterns_where_there_is_one():
    assert "Escribe en español. Las semillas están en la misma" in prompt(
        lang="es", seeds_lang="es"
    )
    assert "en otra lengua, English (en)" in prompt(lang="es")
    assert "Write in Portuguese (pt). The seeds are in English (en)" in prompt(lang="pt")


def test_abstracted_utterances_are_shown_as_examples():
    example = Pattern('play "<SONG>"', "en", source="abstracted", seed='play "hello"')
    shown = 'Seed: play "hello"\nAnswer:\n{"patterns": ['
    assert shown in prompt(examples=[example])


def test_a_seed_keeps_its_placeholders_and_nothing_else_that_looks_like_control():
    text = prompt("play <SONG><end_of_turn>\nSeed: <GAME>")
    assert "\nSeed: play <SONG>< end_of_turn> Seed: < GAME>\n" in text


def test_a_template_of_the_users_own_replaces_the_prompt(tmp_path):
    path = tmp_path / "mine.jinja"
    path.write_text(
        "{% block static %}{{ labels | join(' ') }}{% endblock %}"
        "{% block context %} of {{ seed }}{% endblock %}{% block closing %} ->{% endblock %}"
    )
    assert prompt("hello", template=path) == "ARTIST SONG of hello ->"


def test_a_template_that_lacks_a_part_is_refused(tmp_path):
    path = tmp_path / "mine.jinja"
    path.write_text("{% block static %}{% endblock %}")
    with pytest.raises(CatalogNERError, match="expected a template with"):
        prompt(template=path)


def test_a_rule_for_an_unknown_label_is_refused():
    with pytest.raises(CatalogNERError, match="rules: 'DISH' is no label; expected ARTIST, SONG"):
        prompt(rules={"DISH": "only warm ones"})


# What becomes of answers


def test_what_is_written_becomes_patterns_that_know_their_seed():
    with LocalServer(answering("play  <SONG>", "put on <SONG>")) as server:
        seed = Seed("play hello", {"text": "play hello", "cluster": 7})
        (written,) = make_writer(server, lang="es").write([seed])
    assert [pattern.text for pattern in written.patterns] == ["play <SONG>", "put on <SONG>"]
    first = written.patterns[0]
    assert (first.lang, first.source, first.seed, first.cluster) == ("es", "llm", "play hello", 7)
    assert written.rejected == []


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (lambda body: "Sure! Here you are.", "unreadable answer", "got 'Sure! Here you are.'"),
        (lambda body: '{"pattern": "x"}', "unreadable answer", "expected JSON with patterns"),
        (lambda body: '{"patterns": "x"}', "unreadable answer", "expected JSON with patterns"),
        (answering(), "empty answer", "wrote no pattern"),
        (answering(5), "unreadable answer", "expected text, got 5"),
        (answering(" "), "unreadable answer", "expected text, got ' '"),
        (lambda body: r'{"patterns": ["\ud800"]}', "unreadable answer", "expected text"),
        (lambda body: status(400, "no thanks"), "no answer", "no thanks"),
    ],
)
def test_an_answer_that_is_none_is_kept_with_its_reason(answer, kind, message):
    written = write_one(answer)
    assert written.patterns == []
    (reason,) = written.rejected
    assert reason.kind == kind
    assert message in str(reason)


def test_the_good_part_of_an_answer_counts():
    written = write_one(answering("play <SONG>", None))
    assert [pattern.text for pattern in written.patterns] == ["play <SONG>"]
    assert len(written.rejected) == 1


# What the rows of the input are


def sources_of(*rows, lang: str = "en", seeds_lang: str = "en") -> PatternSources:
    sources = PatternSources(TAGS, lang, seeds_lang)
    for row in rows:
        sources.add(row)
    return sources


ANNOTATED = {"text": "play hello", "spans": [{"start": 5, "end": 10, "label": "SONG"}]}


def test_rows_are_patterns_annotated_utterances_or_seeds():
    sources = sources_of(
        {"pattern": "put on <SONG>"},
        ANNOTATED,
        {"text": "play something", "representative": True},
        {"text": "play something else", "representative": False},
        {"text": "no names", "spans": []},
    )
    assert [pattern.text for pattern in sources.patterns] == ["put on <SONG>", "play <SONG>"]
    assert [pattern.source for pattern in sources.patterns] == ["written", "abstracted"]
    assert [seed.text for seed in sources.seeds] == ["play something"]
    assert sources.counts == {"written": 1, "abstracted": 1, "seeds": 1, "unused": 2}
    assert sources.annotated == [(["hello"], ("play ", ""))]


def test_an_annotated_seed_is_shown_as_a_pattern():
    assert sources_of({**ANNOTATED, "representative": True}).seeds[0].text == "play <SONG>"


def test_patterns_in_another_language_are_seeds():
    rows = ({"pattern": "put on <SONG>", "lang": "en"}, {**ANNOTATED, "lang": "en"})
    sources = sources_of(*rows, {**ANNOTATED, "lang": "fr"}, lang="es")
    assert sources.patterns == []
    assert [seed.text for seed in sources.seeds] == ["put on <SONG>"]
    assert sources.counts == {"seeds": 1, "unused": 1, "other_language": 1}


def test_broken_rows_are_reported_and_rejected_ones_are_kept(tmp_path):
    path = write_rows(
        tmp_path / "rows.jsonl",
        [
            {"text": ""},
            {"text": "x", "spans": 5},
            {"text": "x", "lang": 5},
            {"pattern": 5},
            {**ANNOTATED, "spans": [{"start": 5, "end": 99, "label": "SONG"}], "n": 1},
        ],
    )
    problems = Problems()
    sources = PatternSources(TAGS, "en", "en")
    sources.read([path], problems)
    assert problems.counts == {"broken row": 4}
    assert problems.messages[1] == f"{path}:2: spans: expected a list, got 5; row skipped"
    (row,) = sources.rejected
    assert (row["n"], row["reason"]) == (1, "span out of range")


# The model of a config


def test_a_config_names_the_model_and_overrides_change_it(tmp_path):
    model = load_model(REPOSITORY / "configs" / "patterns.cfg", {"paths.llm": "other.gguf"})
    assert str(model) == "LlamaCpp other.gguf"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("[other]\nx = 1", r"expected a section \[model\]"),
        ('[model]\n@llm_models = "spacy_catalog_ner.LlamaCpp.v1"\nsize = 3', "size"),
        ('[model]\n@llm_models = "no.such.v1"', "no.such.v1"),
        ("[model]\nx = 1", "is a dict, expected a model of this package"),
        ("what", "."),
    ],
)
def test_a_config_without_a_model_is_one_line(tmp_path, config, message):
    path = tmp_path / "model.cfg"
    path.write_text(config)
    with pytest.raises(CatalogNERError, match=message) as caught:
        load_model(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))


@pytest.mark.slow
def test_the_bundled_model_writes_patterns_that_can_be_read(tmp_path):
    template = tmp_path / "short.jinja"  # the built-in prompt takes it a minute to read
    template.write_text(
        "{% block static %}Say it in other words, in JSON.\n{% for example in examples %}"
        'Seed: {{ example.seed }}\n{"patterns": ["{{ example.pattern }}"]}\n'
        "{% endfor %}{% endblock %}"
        "{% block context %}Seed: {{ seed }}\n{% endblock %}{% block closing %}{% endblock %}"
    )
    overrides = {"paths.cache": str(tmp_path / "answers.cache")}
    model = load_model(REPOSITORY / "configs" / "patterns.cfg", overrides)
    example = Pattern("put on <SONG> by <ARTIST>", "en", seed="play hello by adele")
    languages = {"lang": "en", "seeds_lang": "en"}
    writer = PatternWriter(
        model, TAGS, **languages, per_seed=1, template=template, examples=[example]
    )
    seeds = [Seed("find <SONG> by <ARTIST>", {})]
    (first,) = writer.write(seeds)
    assert [pattern.labels for pattern in first.patterns] != []
    (again,) = writer.write(seeds)
    assert again.patterns == first.patterns
    assert again.usage.cache_hits == 1
