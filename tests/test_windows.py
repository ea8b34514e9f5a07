"""Long texts: shown in windows around their candidates."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from matching import blank

from spacy_catalog_ner.llm.tasks.windows import Window, make_pieces, make_windows, show


@st.composite
def texts(draw) -> tuple[int, list[tuple[int, int]], int]:
    """Length of a text, places of candidates in it, size of a window."""
    length = draw(st.integers(1, 400))
    starts = st.integers(0, length - 1)
    ends = st.lists(st.tuples(starts, st.integers(1, 30)), max_size=20)
    spans = [(start, min(start + width, length)) for start, width in draw(ends)]
    return length, spans, draw(st.integers(1, 130))


def test_a_short_text_is_shown_whole():
    assert make_windows(20, [(3, 4), (0, 1)], 20) == [Window(0, 20, (0, 1))]


def test_candidates_far_from_each_other_are_shown_apart_with_context_on_both_sides():
    assert make_windows(1000, [(100, 102), (700, 701)], 40) == [
        Window(81, 121, (0,)),
        Window(681, 721, (1,)),
    ]


def test_at_an_end_of_the_text_the_other_side_gets_what_is_left():
    assert make_windows(100, [(0, 1), (98, 100)], 20) == [
        Window(0, 20, (0,)),
        Window(80, 100, (1,)),
    ]


def test_neighbours_share_a_window():
    assert make_windows(1000, [(100, 101), (110, 112), (120, 121)], 40) == [
        Window(91, 131, (0, 1, 2))
    ]


def test_a_candidate_longer_than_a_window_is_shown_whole():
    assert make_windows(100, [(10, 60), (20, 21)], 20) == [
        Window(10, 60, (0,)),
        Window(11, 31, (1,)),
    ]


@given(texts())
def test_every_candidate_is_in_exactly_one_window_and_in_view_of_it(text):
    length, spans, size = text
    windows = make_windows(length, spans, size)
    places = sorted(place for window in windows for place in window.candidates)
    assert places == list(range(len(spans)))
    for window in windows:
        assert list(window.candidates) == sorted(window.candidates)
        for place in window.candidates:
            assert window.start <= spans[place][0] < spans[place][1] <= window.end


@given(texts())
def test_a_window_is_as_large_as_it_may_be_and_lies_in_the_text(text):
    length, spans, size = text
    for window in make_windows(length, spans, size):
        assert 0 <= window.start < window.end <= length
        shown = window.end - window.start
        longest = max((spans[place][1] - spans[place][0] for place in window.candidates), default=0)
        assert shown == max(min(size, length), longest)


@given(texts())
def test_around_candidates_that_leave_room_there_is_context_on_both_sides(text):
    length, spans, size = text
    for window in make_windows(length, spans, size):
        if not window.candidates or length <= size:
            continue
        first = min(spans[place][0] for place in window.candidates)
        last = max(spans[place][1] for place in window.candidates)
        margin = min(size // 8, max(size - (last - first), 0) // 2)
        assert first - window.start >= min(margin, first)
        assert window.end - last >= min(margin, length - last)


@given(texts())
def test_no_two_neighbouring_windows_could_be_one(text):
    length, spans, size = text
    windows = make_windows(length, spans, size)
    room = size - 2 * (size // 8)
    for one, other in pairwise(windows):
        both = [spans[place] for place in one.candidates + other.candidates]
        assert max(end for _, end in both) - min(start for start, _ in both) > room


@given(st.integers(1, 400), st.integers(1, 130))
def test_pieces_follow_each_other_and_hold_all_of_the_text(length, size):
    pieces = make_pieces(length, size)
    tokens = [token for piece in pieces for token in range(piece.start, piece.end)]
    assert tokens == list(range(length))
    assert all(piece.end - piece.start <= size for piece in pieces)


def test_what_is_cut_is_marked():
    doc = blank().make_doc("one two\nthree four")
    assert show(doc, Window(0, len(doc))) == "one two three four"
    assert show(doc, Window(0, 2)) == "one two ..."
    assert show(doc, Window(1, 4)) == "... two three ..."
    assert show(doc, Window(3, len(doc))) == "... three four"
