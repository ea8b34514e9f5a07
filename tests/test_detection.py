"""Conversational utterances among commands: what is found, how it is scored, and what is kept."""

from __future__ import annotations

import gzip
import json
import math
import os
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pytest
import srsly
import test_cli
from conftest import REPOSITORY, write_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.generation.traffic.detection import ConversationDetector, Detection
from spacy_catalog_ner.generation.traffic.lexicon import Lexicon
from spacy_catalog_ner.generation.traffic.traffic import OnlyCommandsError, Traffic, detect_traffic

cli = test_cli.cli  # the fixture

TALK = "um could you play that one again, no wait, the other one"
COMMAND = "set an alarm for seven"
EN = ConversationDetector.load("en")
ES = ConversationDetector.load("es")


def lexicon(*phrases: str, **more) -> dict:
    feature = {"weight": 2.0, "phrases": list(phrases), **more}
    return {"lang": "en", "threshold": 0.5, "bias": -1.0, "features": {"cue": feature}}


def matches(text: str, *phrases: str) -> list[str]:
    return ConversationDetector(Lexicon(lexicon(*phrases)))(text).features.get("cue", [])


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


# What the shipped lexicons find


@pytest.mark.parametrize(
    ("text", "feature", "words"),
    [
        ("uh play some jazz", "hesitation", ["uh"]),
        ("Ummmm... play some jazz", "hesitation", ["Ummmm"]),
        ("a timer for ten minutes, no, wait, twelve", "self_correction", ["no, wait"]),
        ("well it was cold so i left", "discourse_marker", ["well", "so i"]),
        ("i'm late because the bus broke down", "clauses", ["i'm", "because"]),
        ("turn it up for my mother", "personal", ["my mother"]),
        ("not this, the other one", "reference", ["the other one"]),
        ("and what about tomorrow", "follow_up", ["and what"]),
        ("i think it was blue", "opinion", ["i think"]),
        ("it's too loud", "feeling", ["it's too"]),
        ("would you mind turning it down", "politeness", ["would you mind"]),
        ("stop, because the baby sleeps", "narrative", ["because the"]),
        ("play some jazz", "request", ["play"]),
        ("email anna saying i am ill", "dictation", ["email", "saying i"]),
    ],
)
def test_english_features_come_with_the_words_that_made_them_fire(text, feature, words):
    assert EN(text).features[feature] == words


@pytest.mark.parametrize(
    ("text", "feature", "words"),
    [
        ("ehhhh pon algo de jazz", "hesitation", ["ehhhh"]),
        ("este... ponme la radio", "hesitation", ["este"]),
        ("a las seis, mejor dicho a las siete", "self_correction", ["mejor dicho"]),
        ("oye, ¿qué hora es?", "discourse_marker", ["oye"]),
        ("tengo frío pero está cerrado", "clauses", ["tengo", "pero", "está"]),
        ("llama a mi hermana", "personal", ["mi hermana"]),
        ("pon esa de ayer", "reference", ["esa", "ayer"]),
        ("creo que era azul", "opinion", ["creo"]),
        ("me encanta", "feeling", ["me encanta"]),
        ("te agradecería que la bajaras", "politeness", ["te agradecería"]),
        ("es que no oigo nada", "narrative", ["es que"]),
    ],
)
def test_spanish_features_come_with_the_words_that_made_them_fire(text, feature, words):
    assert ES(text).features[feature] == words


@pytest.mark.parametrize(
    "text",
    [
        "¿Cómo se llamaba? Creo que era Rosalía, ¡perdón!, quería decir C. Tangana.",
        "como se llamaba creo que era rosalia perdon queria decir c tangana",
        "CÓMO SE LLAMABA CREO QUE ERA ROSALÍA PERDÓN QUERÍA DECIR C TANGANA",
        unicodedata.normalize("NFD", "cómo se llamaba creo que era rosalía perdón quería decir c"),
    ],
)
def test_case_accents_and_punctuation_do_not_matter(text):
    detection = ES(text)
    assert detection.score == ES("cómo se llamaba creo que era rosalía perdón quería decir").score
    assert {"hesitation", "clauses", "opinion", "self_correction"} <= set(detection.features)


def test_typographic_apostrophes_are_apostrophes():
    assert EN("it\u2019s too loud").score == EN("it's too loud").score


@pytest.mark.parametrize("detector", [EN, ES])
def test_nothing_to_go_by_is_no_talk(detector):
    for text in ("", "   ", "?!", "jazz", "\u200b", "👍"):
        detection = detector(text)
        assert detection.features == {} and not detector.accepts(detection)


@pytest.mark.parametrize("lang", ["en", "es"])
def test_most_utterances_labelled_for_the_project_are_told_right(lang):
    """A floor on both splits; what is measured stands in the documentation."""
    detector = ConversationDetector.load(lang)
    rows = read(REPOSITORY / "assets" / "conversational" / f"{lang}.jsonl")
    right = [detector.accepts(detector(row["text"])) == row["conversational"] for row in rows]
    assert len(rows) >= 220
    assert sum(right) / len(right) > 0.85


def test_the_labelled_utterances_are_well_formed_and_each_there_once():
    for lang in ("en", "es"):
        rows = read(REPOSITORY / "assets" / "conversational" / f"{lang}.jsonl")
        assert all(type(row["conversational"]) is bool and row["lang"] == lang for row in rows)
        assert {row["meta"]["split"] for row in rows} == {"dev", "test"}
        for key in ({row["text"] for row in rows}, {row["meta"]["id"] for row in rows}):
            assert len(key) == len(rows)


# The score


def test_the_score_is_the_logistic_function_of_the_weighted_sum():
    detector = ConversationDetector(Lexicon(lexicon("um", up_to=3)))
    for count, counted in ((0, 0), (1, 1), (3, 3), (5, 3)):
        expected = 1 / (1 + math.exp(1.0 - 2.0 * counted))
        assert detector("um " * count).score == pytest.approx(expected, abs=1e-4)


def test_one_match_of_a_feature_counts_unless_the_lexicon_says_more():
    detector = ConversationDetector(Lexicon(lexicon("um")))
    assert detector("um um um").score == detector("um").score


def test_a_weight_below_zero_speaks_against():
    detector = ConversationDetector(Lexicon(lexicon("play", weight=-2.0)))
    assert detector("play jazz").score < detector("jazz").score


def test_a_huge_weight_is_no_overflow():
    detector = ConversationDetector(Lexicon(lexicon("um", weight=1e300)))
    assert detector("um").score == 1.0


def test_the_threshold_of_the_lexicon_can_be_replaced():
    detection = Detection(0.5, {})
    assert EN.accepts(detection)
    assert not ConversationDetector.load("en", threshold=0.6).accepts(detection)
    with pytest.raises(CatalogNERError, match="threshold: expected a number from 0 to 1, got 7"):
        ConversationDetector.load("en", threshold=7)


# How phrases are read


@pytest.mark.parametrize(
    ("text", "phrases", "found"),
    [
        ("no wait no", ["no", "no wait"], ["no wait", "no"]),  # the longest
        ("no no no", ["no no"], ["no no"]),  # without overlap
        ("I mean it, the other ones", ["the other|next one|ones"], ["the other ones"]),
        ("so play it so", ["^ so"], ["so"]),
        ("right, is it right?", ["right $"], ["right"]),
        ("no", ["^ no $"], ["no"]),
        ("no jazz", ["^ no $"], []),
        ("umbrella", ["um"], []),
        ("nooooo", ["noo"], ["nooooo"]),
        ("¡Qué va!", ["que va"], ["Qué va"]),
        ("well\n\nthen", ["well then"], ["well\n\nthen"]),
        ("हाँ ठीक है", ["हाँ ठीक"], ["हाँ ठीक"]),
    ],
)
def test_a_phrase_is_found_as_a_sequence_of_words(text, phrases, found):
    assert matches(text, *phrases) == found


WORDS = st.sampled_from(
    ["um", "no", "wait", "No", "i", "mean", "qué", "¿eh?", "a'b", "...", "é", "x"]
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=20).map(" ".join))


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_whatever_the_text_the_words_found_stand_in_it(text):
    for detector in (EN, ES):
        detection = detector(text)
        assert 0 <= detection.score <= 1
        for words in detection.features.values():
            assert words
            position = 0
            for found in words:  # in their order, without overlap
                assert found and found in text[position:]
                position = text.index(found, position) + len(found)


@settings(max_examples=100, deadline=None)
@given(st.lists(WORDS, max_size=12).map(" ".join))
def test_capitals_white_space_and_final_punctuation_change_no_score(text):
    for detector in (EN, ES):
        assert detector(f"  {text.upper()} !?\n").score == detector(text).score


@pytest.mark.parametrize(
    "unit",
    ["a", "no ", "i mean ", "uh, ", "'", "a'", "é", "e\u0301", "...", " ", "no wait no ", "你好"],
)
def test_long_texts_take_no_long(unit):
    text = (unit * 50_000)[:50_000]
    started = time.process_time()
    EN(text)
    ES(text)
    assert time.process_time() - started < 2


# Lexicons of one's own


def test_a_language_is_added_by_a_file(tmp_path):
    path = tmp_path / "fr.yml"
    srsly.write_yaml(path, {**lexicon("euh", "non attends"), "lang": "fr"})
    detector = ConversationDetector.load(path)
    assert detector.accepts(detector("Euh, mets du jazz"))
    assert not detector.accepts(detector("mets du jazz"))


def test_a_lexicon_that_does_not_exist_is_an_error_that_names_those_that_do():
    with pytest.raises(CatalogNERError) as error:
        ConversationDetector.load("fr")
    assert str(error.value) == "fr: no such file, expected a lexicon: en or es, or a YAML file"


def test_a_file_that_is_no_yaml_is_an_error(tmp_path):
    path = tmp_path / "fr.yml"
    path.write_text("features: [", encoding="utf8")
    with pytest.raises(CatalogNERError, match=r"fr\.yml: not YAML"):
        Lexicon.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"feature": {}}, "Object contains unknown field `feature` (keys: lang, threshold, bias"),
        ({"lang": 3}, "lang: Expected `str`, got `int`"),
        ({"threshold": 1}, "threshold: Expected `float` < 1.0"),
        ({"threshold": "0.5"}, "threshold: Expected `float`, got `str`"),
        ({"bias": True}, "bias: Expected `float`, got `bool`"),
        ({"bias": math.nan}, "bias: expected a finite number"),
        ({"features": {}}, "features: Expected `object` of length >= 1"),
        ({"features": {"cue": ["um"]}}, "feature cue: Expected `object`, got `array`"),
        ({"features": {"cue": {"phrases": ["um"]}}}, "feature cue: Object missing required field"),
    ],
)
def test_a_lexicon_of_another_shape_is_an_error(change, message):
    with pytest.raises(CatalogNERError) as error:
        Lexicon({**lexicon("um"), **change}, "fr.yml")
    assert str(error.value).startswith(f"fr.yml: {message}")


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ({"up_to": 0}, "up_to: Expected `int` >= 1"),
        ({"phrases": []}, "phrases: Expected `array` of length >= 1"),
        ({"phrases": [False]}, "phrases[0]: Expected `str`, got `bool`"),
        ({"phrases": [""]}, "'': expected words,"),
        ({"phrases": ["^"]}, "'^': expected words,"),
        ({"phrases": ["a ^ b"]}, "'a ^ b': expected words,"),
        ({"phrases": ["a|"]}, "'a|': expected words,"),
        ({"phrases": ["(um)+"]}, "'(um)+': expected words,"),
        ({"phrases": ["a|b " * 14]}, "'a|b a|b"),
        ({"wieght": 2}, "Object contains unknown field `wieght`"),
    ],
)
def test_a_feature_of_another_shape_is_an_error(feature, message):
    with pytest.raises(CatalogNERError) as error:
        Lexicon(lexicon("um", **feature), "fr.yml")
    assert str(error.value).startswith(f"fr.yml: feature cue: {message}")


# Traffic


def run(path: Path, content: str | bytes, lang: str = "en"):
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf8"))
    problems = Problems()
    traffic = Traffic([path], lang, problems)
    return [row.to_dict() for row in traffic], dict(traffic.skipped), problems


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("name", "content", "row"),
    [
        ("in.txt", "  stop \r\n", {"text": "stop", "lang": "en"}),
        ("in.csv", 'id,text\n7,"stop, now"\n', {"id": "7", "text": "stop, now", "lang": "en"}),
        ("in.tsv", "text\tlang\nstop\ten-GB\n", {"text": "stop", "lang": "en-GB"}),
        ("in.jsonl", '{"text": "stop", "id": 7}\n', {"text": "stop", "id": 7, "lang": "en"}),
    ],
)
def test_traffic_is_read_from_files_of_several_kinds(tmp_path, name, content, row, packed):
    data = gzip.compress(content.encode()) if packed else content
    rows, skipped, problems = run(tmp_path / (f"{name}.gz" if packed else name), data)
    assert (rows, skipped, len(problems)) == ([row], {}, 0)


def test_duplicates_are_those_equal_in_normal_form_and_the_first_stays(tmp_path):
    rows, skipped, _ = run(tmp_path / "in.txt", "Play  jazz\nplay jazz\nPLAY JAZZ\nplay rock\n")
    assert [row["text"] for row in rows] == ["Play  jazz", "play rock"]
    assert skipped == {"duplicate": 2}


def test_empty_rows_are_counted(tmp_path):
    rows, skipped, problems = run(tmp_path / "in.txt", "\n \nstop\n\n")
    assert len(rows) == 1 and skipped == {"empty": 3} and not len(problems)


def test_a_document_among_utterances_is_reported_and_left_out(tmp_path):
    path = tmp_path / "in.txt"
    rows, _, problems = run(path, f"stop\n{'so i said ' * 5000}\n{'x' * 2000}\n")
    assert len(rows) == 2
    message = "49999 characters, expected at most 2000; row skipped"
    assert problems.messages == [f"{path}:2: {message}"]


def test_lines_in_another_encoding_are_reported_and_the_others_go_on(tmp_path):
    path = tmp_path / "in.txt"
    rows, _, problems = run(path, "qué\n".encode() + "qué\n".encode("latin1") + b"stop\n", "es")
    assert [row["text"] for row in rows] == ["qué", "stop"]
    assert problems.messages == [f"{path}:2: invalid UTF-8 at byte 2; row skipped"]


def test_broken_rows_are_reported_and_the_others_go_on(tmp_path):
    path = tmp_path / "in.jsonl"
    rows, _, problems = run(path, '{"text": 7}\n{"tex\n[1]\n{"text": "stop"}\n')
    assert len(rows) == 1
    assert [message.split(": ", 1)[0] for message in problems.messages] == [
        f"{path}:{line}" for line in (1, 2, 3)
    ]


def test_rows_of_another_language_are_counted(tmp_path):
    content = "".join(
        json.dumps({"text": f"stop {number}", "lang": lang}) + "\n"
        for number, lang in enumerate(["en", "es", "EN_us", None, "eng", 5])
    )
    rows, skipped, _ = run(tmp_path / "in.jsonl", content)
    assert [row["lang"] for row in rows] == ["en", "EN_us", "en"]
    assert skipped == {"other language": 3}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("in.pdf", "cannot tell its format by its name, expected texts (.jsonl, .csv, .tsv or"),
        ("no.txt", "no such file, expected texts"),
        ("in.csv", '1: expected a column "text", got '),
    ],
)
def test_files_that_cannot_be_read_are_an_error(tmp_path, name, message):
    if not name.startswith("no"):
        (tmp_path / name).write_text("utterance\nstop\n", encoding="utf8")
    with pytest.raises(CatalogNERError) as error:
        list(Traffic([tmp_path / name], "en", Problems()))
    assert message in str(error.value)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(TEXTS, st.none(), st.integers()), max_size=12))
def test_every_row_is_yielded_skipped_or_reported(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("traffic") / "in.jsonl"
    rows = [{"text": text, "lang": "es"} for text in texts]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf8")
    problems = Problems()
    traffic = Traffic([path], "es", problems)
    assert len(list(traffic)) + traffic.skipped.total() + len(problems) == len(texts)


def test_nothing_is_written_where_there_are_only_commands(tmp_path):
    source = write_rows(tmp_path / "in.jsonl", [{"text": COMMAND}])
    with pytest.raises(
        OnlyCommandsError, match=r"^only commands: none of 1 texts has a score of 0"
    ):
        detect_traffic(EN, Traffic([source], "en", Problems()), tmp_path / "out.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


# The command


@pytest.fixture
def traffic(tmp_path):
    rows = [
        {"text": TALK, "spans": [], "lang": "en", "meta": {"id": 7}, "more": [1]},
        {"text": COMMAND},
        {"text": TALK.upper()},
        {"text": "pon jazz", "lang": "es"},
        {"text": ""},
        {"text": "x" * 3000},
        {"no": "text"},
    ]
    return write_rows(tmp_path / "in.jsonl", rows)


def test_the_rows_kept_have_all_their_keys_and_the_verdict(cli, traffic, tmp_path):
    result = cli("generate", "detect", traffic, "-o", tmp_path / "out.jsonl")
    assert result.code == 0
    assert read(tmp_path / "out.jsonl") == [
        {**read(traffic)[0], "conversational": EN(TALK)._asdict()}
    ]
    summary = json.loads(result.out)
    assert summary.pop("texts_per_second") > 0
    fired = EN(TALK).features
    assert summary.pop("by_feature") == {name: int(name in fired) for name in EN.lexicon.features}
    assert summary == {
        "texts": 2,
        "conversational": 1,
        "skipped": {
            "broken row": 1,
            "duplicate": 1,
            "empty": 1,
            "other language": 1,
            "too long": 1,
        },
    }
    assert f'{traffic}:7: no "text"; row skipped' in result.err


def test_only_commands_are_said_with_exit_code_1_and_no_file(cli, tmp_path):
    source = tmp_path / "in.txt"
    source.write_text(f"{COMMAND}\nstop\n", encoding="utf8")
    result = cli("generate", "detect", source, "-o", tmp_path / "out.jsonl")
    assert result.code == 1 and result.out == ""
    assert result.err.startswith("Error: only commands: none of 2 texts has a score of 0.5 or more")
    assert [path.name for path in tmp_path.iterdir()] == ["in.txt"]


def test_a_file_without_a_text_is_bad_input_and_says_why(cli, tmp_path):
    source = tmp_path / "in.txt"
    source.write_text("x" * 50_000, encoding="utf8")
    result = cli("generate", "detect", source, "-o", tmp_path / "out.jsonl")
    assert result.error == "Error: no text to judge in the input"
    assert f"{source}:1: 50000 characters" in result.err


def test_language_lexicon_and_threshold_can_be_given(cli, tmp_path):
    path, source = tmp_path / "fr.yml", tmp_path / "in.txt"
    srsly.write_yaml(path, {**lexicon("euh"), "lang": "fr"})
    source.write_text("euh du jazz\ndu jazz\n", encoding="utf8")
    output = tmp_path / "out.jsonl"
    assert cli("generate", "detect", source, "-o", output, "--lexicon", path).code == 0
    assert [(row["text"], row["lang"]) for row in read(output)] == [("euh du jazz", "fr")]
    options = ("--lexicon", path, "--lang", "fr-CA", "--threshold", "0.1")
    assert cli("generate", "detect", source, "-o", output, *options).code == 0
    assert [row["lang"] for row in read(output)] == ["fr-CA", "fr-CA"]


def test_an_unknown_language_is_one_line(cli, traffic, tmp_path):
    result = cli("generate", "detect", traffic, "-o", tmp_path / "out.jsonl", "--lang", "tlh")
    assert result.error.startswith("Error: tlh: no such file, expected a lexicon: en or es")


DETECT = ["spacy_catalog_ner.cli.main", "generate", "detect"]


def test_a_rerun_writes_the_same_bytes_whatever_the_hash_seed(tmp_path):
    source = REPOSITORY / "assets" / "media" / "traffic.es.jsonl"
    outputs = []
    for seed in ("1", "2"):
        output = tmp_path / f"{seed}.jsonl"
        subprocess.run(
            [
                sys.executable,
                "-m",
                *DETECT,
                source,
                "-o",
                output,
                "--lang",
                "es",
            ],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        )
        outputs.append(output.read_bytes())
    assert outputs[0] == outputs[1]
