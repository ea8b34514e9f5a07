"""The normalised text of a Doc, with the way back to its tokens."""

from __future__ import annotations

from functools import lru_cache

from spacy.tokens import Doc

from spacy_catalog_ner.catalog.normalization import normalize

_normalize_token = lru_cache(maxsize=100_000)(normalize)


class TokenText:
    """Tokens normalised one by one and joined by a space wherever the text has white space.

    Because a candidate must start and end on token boundaries, the only offsets that need a way
    back to the original text are those of the tokens, whatever normalisation does to their length.

    Attributes
    ----------
    text
        The normalised text.
    starts
        Token index by offset in `text` at which the token starts, in ascending order.
    ends
        Index after the token by offset in `text` at which the token ends.
    """

    def __init__(self, doc: Doc) -> None:
        parts: list[str] = []
        self.starts: dict[int, int] = {}
        self.ends: dict[int, int] = {}
        length = 0
        gap = False
        for token in doc:
            form = _normalize_token(token.text)
            if form:
                if gap and parts:
                    parts.append(" ")
                    length += 1
                self.starts[length] = token.i
                parts.append(form)
                length += len(form)
                self.ends[length] = token.i + 1
                gap = bool(token.whitespace_)
            else:
                gap = gap or token.is_space or bool(token.whitespace_)
        self.text = "".join(parts)
