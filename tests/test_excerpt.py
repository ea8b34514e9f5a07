"""What of an exemplar is shown."""

from __future__ import annotations

from answering import exemplar

from spacy_catalog_ner.llm.tasks.excerpt import MAX_CANDIDATES, choose_candidates, excerpt


def shown_for(exemplar: dict, labels: list[str], **options) -> dict:
    return excerpt(exemplar, choose_candidates(exemplar, labels, **options))


def candidate(number: int, text: str, label: str, selected: bool) -> dict:
    return {"number": number, "text": text, "label": label, "selected": selected}


def test_only_candidates_of_the_labels_in_question_are_shown():
    shown = shown_for(
        exemplar("play hello in boston", ("hello", "SONG", True), ("boston", "CITY", False)),
        ["CITY"],
    )
    assert shown["candidates"] == [candidate(1, "boston", "CITY", False)]


def test_an_exemplar_without_those_labels_shows_its_own_candidates():
    shown = shown_for(exemplar("play hello", ("hello", "SONG", True)), ["CITY"])
    assert shown["candidates"] == [candidate(1, "hello", "SONG", True)]


def test_the_right_ones_are_taken_first_and_stand_in_reading_order():
    items = [(name, "SONG", name in "df") for name in "abcdef"]
    shown = shown_for(exemplar("a b c d e f", *items), ["SONG"])
    assert len(shown["candidates"]) == MAX_CANDIDATES
    assert [item["text"] for item in shown["candidates"]] == ["a", "d", "f"]
    assert [item["number"] for item in shown["candidates"]] == [1, 2, 3]


def test_of_one_place_the_right_one_comes_first_or_each_stays_where_it_was():
    boston = exemplar("boston", ("boston", "ARTIST", False), ("boston", "CITY", True))
    labels = ["ARTIST", "CITY"]
    in_order = shown_for(boston, labels, right_first=False)
    assert [item["label"] for item in shown_for(boston, labels)["candidates"]] == ["CITY", "ARTIST"]
    assert [item["label"] for item in in_order["candidates"]] == labels


def test_the_words_around_a_candidate_are_kept_and_what_is_cut_is_marked():
    words = [f"w{number}" for number in range(40)]
    words[20] = "boston"
    shown = shown_for(exemplar(" ".join(words), ("boston", "CITY", True)), ["CITY"])
    assert shown["text"] == " ".join(["...", *words[14:27], "..."])


def test_a_short_exemplar_is_shown_whole_on_one_line():
    shown = shown_for(exemplar("play  hello\nplease", ("hello", "SONG", True)), ["SONG"])
    assert shown["text"] == "play hello please"


def test_an_exemplar_without_candidates_is_shown_from_its_start():
    text = " ".join(f"w{number}" for number in range(40))
    shown = shown_for(exemplar(text), ["SONG"])
    assert shown == {"text": " ".join([*text.split()[:12], "..."]), "candidates": []}


def test_a_span_of_white_space_is_no_word_to_show():
    space = {"start": 4, "end": 6, "text": "  ", "label": "SONG"}
    shown = excerpt({"text": "play  it", "selected": [space]}, [space])
    assert shown["text"] == "..."


def test_all_of_an_exemplar_is_all_of_its_candidates_in_their_order():
    items = [(name, "SONG", name in "df") for name in "abcdef"]
    letters = exemplar("a b c\nd e f", *items)
    shown = excerpt(letters, letters["candidates"], whole=True)
    assert shown["text"] == "a b c d e f"
    assert shown["candidates"] == [
        candidate(number, name, "SONG", name in "df") for number, name in enumerate("abcdef", 1)
    ]
