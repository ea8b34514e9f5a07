r"""Columns of tokens and tags, one token a line and an empty line after each sentence.

Read are the files of CoNLL-2003 and what looks like them: columns divided by tabs or spaces, the
token first and the tag last or in a column of its own, ``-DOCSTART-`` lines, and comments. The
files of OntoNotes 5.0 that begin with ``#begin document`` have their token in column 4 and their
entities in brackets in column 11 (the format of the CoNLL-2012 shared task).

A sentence is a row. Its text is that of a comment ``# text = ...`` as in CoNLL-U, or its tokens
with a space between them, and its id that of ``# sent_id = ...``.

Written are two columns with a tab between. Columns cannot hold white space, so a row whose text is
more than its tokens with a space between them has its text in a comment. Ids and scores of spans
and other keys of a row are a JSON object in a comment: ``# row = {"lang": "en"}``. A text with
white space at its ends, with line breaks, tabs or other control characters, or with a quote first
is written as a JSON string: ``# text = "one\ntwo"``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import offsets_to_biluo_tags
from spacy.util import filter_spans

from spacy_catalog_ner.doc.rows import report_off_boundaries, tokenize
from spacy_catalog_ner.errors import Place, Problems
from spacy_catalog_ner.formats import Scheme
from spacy_catalog_ner.formats.leftovers import pack_leftovers, unpack_leftovers
from spacy_catalog_ner.formats.tag_schemes import (
    detect_scheme,
    is_brackets,
    is_tag,
    read_brackets,
    read_tags,
    write_tags,
)
from spacy_catalog_ner.io.annotated import check_spans
from spacy_catalog_ner.io.files import atomic_write, iter_lines
from spacy_catalog_ner.io.row import Row

_COMMENT = re.compile(r"# (\w+) = (.*)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DOCUMENT = "-DOCSTART-"

_Block = list[tuple[Place, str]]


class _Layout(NamedTuple):
    """Where the columns are, counted from 0."""

    token: int
    tag: int
    has_brackets: bool


class _Sentence(NamedTuple):
    places: list[Place]
    words: list[str]
    tags: list[str]
    comments: dict[str, str]


def read(
    path: Path, problems: Problems, labels: set[str] | None = None, column: int | None = None
) -> Iterator[tuple[Place, Row]]:
    """Yield the sentences of a file; a broken one is reported and left out.

    The file, which may be packed, is read twice, first for its scheme. Tags that are wrong in it
    are reported and repaired, see `read_tags`. `column` is that of the tag, 1-based; by default
    the last.
    """
    scheme = detect_scheme(sentence.tags for sentence in _sentences(path, Problems(), column))
    found = False
    for sentence in _sentences(path, problems, column):
        found = True
        yield sentence.places[0], _make_row(sentence, scheme, problems, labels)
    if not found:
        problems.add("empty file", Place(path, 1), "no sentence in this file")


def _blocks(path: Path, problems: Problems) -> Iterator[_Block]:
    """Yield the lines between empty lines, but not where one of them is invalid UTF-8."""
    block: _Block = []
    broken = problems.counts["invalid UTF-8"]
    for number, line in chain(iter_lines(path, problems), [(0, "")]):
        line = line.rstrip()
        if line and not _is_document_mark(line, block):
            block.append((Place(path, number), line))
            continue
        if block and broken == problems.counts["invalid UTF-8"]:
            yield block
        block, broken = [], problems.counts["invalid UTF-8"]


def _is_document_mark(line: str, block: _Block) -> bool:
    if not line.startswith(_DOCUMENT) or line.split()[0] != _DOCUMENT:
        return False
    # In a sentence with its text it is a token, as `write` has it
    return not any(before.startswith("# text = ") for _, before in block)


def _sentences(path: Path, problems: Problems, column: int | None) -> Iterator[_Sentence]:
    layout = _Layout(0, -1 if column is None else column - 1, has_brackets=False)
    for block in _blocks(path, problems):
        if block[0][1].startswith("#begin document"):  # of OntoNotes
            layout = _Layout(3, 10, True) if column is None else layout._replace(token=3)
        sentence = _parse(block, layout, problems)
        if sentence is not None:
            yield sentence


def _parse(block: _Block, layout: _Layout, problems: Problems) -> _Sentence | None:
    """Return the sentence of a block, None if it has no tokens or a broken one."""
    sentence = _Sentence([], [], [], {})
    width = 0
    for place, line in block:
        cells = line.split("\t") if "\t" in line else [cell for cell in line.split(" ") if cell]
        tag = cells[layout.tag] if len(cells) > max(1, layout.token, layout.tag) else ""
        is_right = is_brackets(tag) if layout.has_brackets else is_tag(tag)
        if comment := _COMMENT.fullmatch(line):
            sentence.comments[comment[1]] = comment[2]
            continue
        if is_right and layout.tag < 0 and width not in (0, len(cells)):
            # Without its tag the line ends in a chunk, B-NP, that looks like one
            message = f"{width} columns as in the line before"
        elif is_right and cells[layout.token].strip():
            width = len(cells)
            sentence.places.append(place)
            sentence.words.append(cells[layout.token].strip())
            sentence.tags.append(tag)
            continue
        elif line.startswith("#") and "\t" not in line:
            continue
        else:
            where = "the last column" if layout.tag < 0 else f"column {layout.tag + 1}"
            message = f"a token and in {where} a tag such as O or B-PER"
        message = f"expected {message}, got {line!r:.80}; sentence skipped"
        problems.add("broken row", place, message)
        return None
    if layout.has_brackets:
        sentence.tags[:] = read_brackets(sentence.tags)
    return sentence if sentence.words else None


def _make_row(
    sentence: _Sentence, scheme: Scheme, problems: Problems, labels: set[str] | None
) -> Row:
    places, comments = sentence.places, sentence.comments
    text, offsets = _locate(sentence, problems)
    entities, repairs = read_tags(sentence.tags, scheme)
    for token, message in repairs:
        problems.add("repaired tag", places[token], f"{message} ({scheme})")
    spans: list[tuple[Place, dict[str, Any]]] = [
        (places[first], {"start": offsets[first][0], "end": offsets[last][1], "label": label})
        for label, first, last in entities
    ]
    row = Row(text, words=sentence.words)
    if "row" in comments:
        unchecked = [span for _, span in spans]
        row.keys = unpack_leftovers(comments["row"], unchecked, problems, places[0])
    row.spans = check_spans(spans, text, problems, labels)
    if "sent_id" in comments:
        sent_id = _unquote(comments["sent_id"])
        if row.id != sent_id:  # it may be in the meta there, or a number
            row.keys["id"] = sent_id
    return row


def _locate(sentence: _Sentence, problems: Problems) -> tuple[str, list[tuple[int, int]]]:
    """Return the text, and the offsets of its tokens."""
    if "text" in sentence.comments:
        plain = sentence.comments["text"]
        for text in (plain, _unquote(plain)):  # what the tokens are in is the one meant
            offsets = _find_words(sentence.words, text)
            if offsets is not None:
                return text, offsets
        message = "the tokens are not those of the text comment, which is left out"
        problems.add("other text", sentence.places[0], message)
    text = " ".join(sentence.words)
    return text, _find_words(sentence.words, text) or []


def _find_words(words: list[str], text: str) -> list[tuple[int, int]] | None:
    """Return the offsets of words with nothing but white space between them."""
    offsets = []
    end = 0
    for word in words:
        start = text.find(word, end)
        if start < 0 or text[end:start].strip():
            return None
        end = start + len(word)
        offsets.append((start, end))
    return None if text[end:].strip() else offsets


def _quote(text: str) -> str:
    if text == text.strip() and not text.startswith('"') and not _CONTROL.search(text):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _unquote(text: str) -> str:
    if not text.startswith('"'):
        return text
    try:
        value: str = json.loads(text)
        value.encode("utf8")  # half a surrogate pair is JSON, but no text
    except ValueError:
        return text
    return value


def write(
    path: Path,
    rows: Iterable[tuple[Place, Row]],
    nlp: Language,
    problems: Problems,
    scheme: Scheme = Scheme.IOB2,
) -> Counter[str]:
    """Write rows as sentences, and return how many spans of each label were written.

    Tokens are those of the row, or of the language's tokenizer. What columns cannot hold is
    reported and left out: spans off token boundaries, and all but the longest of spans that
    overlap.
    """
    counts: Counter[str] = Counter()
    with atomic_write(path) as stream:
        for place, row in rows:
            words, spans = _spans_of_words(row, nlp, problems, place)
            offsets = [(span.start_char, span.end_char, span.label_) for span in spans]
            tags = write_tags(offsets_to_biluo_tags(words, offsets), scheme)
            counts.update(span.label_ for span in spans)
            stream.writelines(_comments(row, [word.text for word in words]))
            stream.writelines(
                f"{word.text}\t{tag}\n" for word, tag in zip(words, tags, strict=True)
            )
            stream.write("\n")
    return counts


def _spans_of_words(
    row: Row, nlp: Language, problems: Problems, place: Place
) -> tuple[Doc, list[Span]]:
    """Return the tokens without white space as a Doc, and the spans that it can hold."""
    pieces = [
        (token.idx + match.start(), token.idx + match.end())
        for token in tokenize(nlp, row, problems, place)
        for match in re.finditer(r"\S+", token.text)
    ]
    first_at = {start: number for number, (start, _) in enumerate(pieces)}
    last_at = {end: number for number, (_, end) in enumerate(pieces)}
    words = Doc(nlp.vocab, words=[row.text[start:end] for start, end in pieces])
    spans = []
    for item in row.spans or ():
        first, last = first_at.get(item.start), last_at.get(item.end)
        if first is None or last is None:
            report_off_boundaries(row, item, problems, place)
        elif not is_tag(f"B-{item.label}") or _CONTROL.search(item.label):
            message = f"label {item.label!r} cannot be written in a column; span skipped"
            problems.add("label not held", place, message)
        else:
            spans.append(Span(words, first, last + 1, label=item.label))
    kept = filter_spans(spans)
    for span in spans:
        if not any(span is other for other in kept):
            message = f"{span.text!r} ({span.label_}) overlaps another span, which is kept"
            problems.add("overlapping span", place, f"{message}; span skipped")
    return words, kept


def _comments(row: Row, words: list[str]) -> Iterator[str]:
    if row.id:
        yield f"# sent_id = {_quote(row.id)}\n"
    is_sent_id = row.id and row.keys == {"id": row.id}  # and no number
    packed = pack_leftovers({} if is_sent_id else row.keys, row.spans or ())
    if packed:
        yield f"# row = {packed}\n"
    # The other two are not read as tokens in a file's first line, or without a text
    if row.text != " ".join(words) or "\ufeff" in row.text or _DOCUMENT in words:
        yield f"# text = {_quote(row.text)}\n"
