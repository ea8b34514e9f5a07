"""Checks of utterances with names put in: their spans, and names elsewhere in the text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Tokenize = Callable[[str], list[tuple[int, int]]]
Offsets = tuple[int, int]

EMPTY = "empty"
NOT_THE_NAME = "span is not the name"
NO_BOUNDARY = "not on token boundaries"
ELSEWHERE = "name elsewhere in the text"


class RowChecker:
    """Checks utterances one by one.

    Parameters
    ----------
    tokenize
        Gives (start, end) of the tokens of a text. It is only asked about words with a name and
        something else in them, such as "Adele's". Without it, a boundary is where no letter or
        digit is on both sides.
    """

    def __init__(self, tokenize: Tokenize | None = None) -> None:
        self._tokenize = tokenize
        self._boundaries: dict[str, frozenset[int]] = {}

    def find_fault(self, text: str, spans: Sequence[Offsets], names: Sequence[str]) -> str:
        """Return what is wrong with an utterance, an empty string if nothing is.

        Each span must be its name and begin and end on token boundaries, and no name may be
        elsewhere in the text without being annotated, in whatever case.
        """
        if not text.strip():
            return EMPTY
        lowered = text.lower()
        if len(lowered) != len(text):  # offsets would differ: "İ" becomes two characters
            lowered = text
        for (start, end), name in zip(spans, names, strict=True):
            if text[start:end] != name:
                return NOT_THE_NAME
            # Most names are between spaces, where spaCy splits first of all
            if not (
                (not start or text[start - 1].isspace() or self._is_boundary(text, start))
                and (end == len(text) or text[end].isspace() or self._is_boundary(text, end))
            ):
                return NO_BOUNDARY
            if _is_elsewhere(lowered, lowered[start:end], spans):
                return ELSEWHERE
        return ""

    def _is_boundary(self, text: str, position: int) -> bool:
        if text[position - 1].isspace() or text[position].isspace():
            return True  # a name that begins or ends with white space
        if _is_within_word(text, position):
            return False
        return self._tokenize is None or self._is_token_boundary(text, position)

    def _is_token_boundary(self, text: str, position: int) -> bool:
        assert self._tokenize is not None
        head = text[:position].split()[-1]
        word = head + text[position:].split(maxsplit=1)[0]
        boundaries = self._boundaries.get(word)
        if boundaries is None:
            boundaries = frozenset(end for _, end in self._tokenize(word))
            self._boundaries[word] = boundaries
        return len(head) in boundaries


def _is_elsewhere(text: str, name: str, spans: Sequence[Offsets]) -> bool:
    """Tell whether a name is in the text as whole words outside of all spans."""
    if text.count(name) == 1:  # that is the span itself
        return False
    start = text.find(name)
    while start >= 0:
        end = start + len(name)
        if not any(first <= start and end <= last for first, last in spans) and not (
            _is_within_word(text, start) or _is_within_word(text, end)
        ):
            return True
        start = text.find(name, start + 1)
    return False


def _is_within_word(text: str, position: int) -> bool:
    return 0 < position < len(text) and text[position - 1].isalnum() and text[position].isalnum()
