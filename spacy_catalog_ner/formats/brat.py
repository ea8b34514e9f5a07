"""Brat's standoff: a folder in which each text has a ``.txt`` and its annotations an ``.ann``.

See https://brat.nlplab.org/standoff.html. Offsets are code points of the ``.txt`` with the
line ends that it has; brat itself counts one of two characters as one (issue 853), which is told by
the text of the spans. A span over a line break is in parts there, which are one span here; parts
with other text between are not. The reference of a normalisation (``N``) is the id of its span.
What brat has no place for, such as scores, is JSON in a note of type ``CatalogRow``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.formats.offsets import Mark, locate
from spacy_catalog_ner.formats.rows import (
    Row,
    SourceRow,
    keep_good_spans,
    other_keys,
    pack_rest,
    row_id,
    unpack_rest,
)
from spacy_catalog_ner.io.files import atomic_folder, iter_lines

_SPAN = re.compile(r"(T\S*)\t(\S+) (\d+ \d+(?:;\d+ \d+)*)(?:\t(.*))?", re.DOTALL)
_REFERENCE = re.compile(r"N\S*\t\S+ (T\S*) ([^\t]+)(?:\t.*)?", re.DOTALL)
_NOTE = "CatalogRow"
_REST = re.compile(rf"#\S*\t{_NOTE} \S+\t(.*)", re.DOTALL)
_LEFT_OUT = {
    "R": "relation",
    "E": "event",
    "A": "attribute",
    "M": "attribute",
    "#": "note",
    "*": "equivalence",
}
_ENDINGS = (".ann", ".txt")
_CONFIG = "annotation.conf"
# Every collection of brat has an annotation.conf: this file alone tells the folders written here
_OWN = ".catalog-ner"
_DATABASE = "catalog:"
_SAFE_NAME = re.compile(r"\w[\w.-]{0,50}")


class _Line(NamedTuple):
    number: int
    name: str
    label: str
    mark: Mark


def read(source: Path, problems: Problems, labels: set[str] | None = None) -> Iterator[SourceRow]:
    """Yield a row for each text.

    Its id is its path in the folder, without ending, if `write` noted no other.
    Relations, events, attributes, notes and discontinuous spans are counted in `problems` and left
    out.

    Parameters
    ----------
    source
        A folder, all of which is read, or one ``.ann`` or ``.txt`` file that has the other beside.
    problems
        Receives what is wrong or left out.
    labels
        The labels known; all are if None.

    Raises
    ------
    CatalogNERError
        If there is nothing of brat's.
    """
    folder = source if source.is_dir() else source.parent
    files = source.rglob("*") if source.is_dir() else [source]
    paths = sorted({file.with_suffix(".ann") for file in files if file.suffix in _ENDINGS})
    if not paths:
        raise CatalogNERError(f"{source}: expected a folder with .ann and .txt files, or one")
    for path in paths:
        row = _read_text(path, problems)
        if row is not None:
            spans, rest = _read_spans(path, row["text"], problems)
            row["id"] = path.relative_to(folder).with_suffix("").as_posix()
            for number, packed in rest:
                row |= unpack_rest(packed, [span for _, span in spans], path, number, problems)
            row["spans"] = keep_good_spans(spans, row["text"], path, problems, labels)
            yield SourceRow(path, 1, row)


def _read_text(path: Path, problems: Problems) -> Row | None:
    text_path = path.with_suffix(".txt")
    missing = [file for file in (path, text_path) if not file.is_file()]
    if missing:
        message = f"no {missing[0].name} beside it; text skipped"
        problems.add("broken text", Place(text_path if missing[0] == path else path, 1), message)
        return None
    try:
        text = text_path.read_bytes().decode("utf8")
    except UnicodeDecodeError as err:
        message = f"invalid UTF-8 at byte {err.start}; text skipped"
        problems.add(
            "broken text", Place(text_path, err.object.count(b"\n", 0, err.start) + 1), message
        )
        return None
    if not text.strip():
        problems.add("broken text", Place(text_path, 1), "no text in this file")
        return None
    return {"text": text}


def _read_spans(
    path: Path, text: str, problems: Problems
) -> tuple[list[tuple[int, Row]], list[tuple[int, str]]]:
    """Return the spans, and what `pack_rest` made, each with its line."""
    lines, references, rest = _read_lines(path, problems)
    located = locate(text, [line.mark for line in lines])
    if located.unit != "code points":
        problems.add("other offsets", Place(path, 1), f"offsets count {located.unit}; converted")
    spans: list[tuple[int, Row]] = []
    for line, parts in zip(lines, located.parts, strict=True):
        if parts is None:
            where = ";".join(f"{start}..{end}" for start, end in line.mark.parts)
            message = f"{line.name} {line.mark.surface!r:.80} is not at {where}; span skipped"
            problems.add("other surface", Place(path, line.number), message)
            continue
        start, end = parts[0][0], parts[-1][1]
        gaps = [(left, right) for (_, left), (right, _) in pairwise(parts)]
        if any(left > right or text[left:right].strip() for left, right in gaps):
            message = f"{line.name} is discontinuous; span skipped"
            problems.add("discontinuous span", Place(path, line.number), message)
            continue
        span: Row = {"start": start, "end": end, "label": line.label}
        if line.name in references:
            span["id"] = references[line.name]
        spans.append((line.number, span))
    return spans, rest


def _read_lines(
    path: Path, problems: Problems
) -> tuple[list[_Line], dict[str, str], list[tuple[int, str]]]:
    lines = []
    references: dict[str, str] = {}
    rest = []
    for number, text in iter_lines(path, problems):
        text = text.rstrip("\r\n")
        if not text.strip():
            continue
        span, reference = _SPAN.fullmatch(text), _REFERENCE.fullmatch(text)
        packed = _REST.fullmatch(text)
        if span:
            parts = [tuple(map(int, part.split(" "))) for part in span[3].split(";")]
            mark = Mark([(start, end) for start, end in parts], span[4])
            lines.append(_Line(number, span[1], span[2], mark))
        elif reference and reference[1] in references:
            message = f"{reference[1]} has an id already; left out"
            problems.add("further normalisation", Place(path, number), message)
        elif reference:
            references[reference[1]] = reference[2].removeprefix(_DATABASE)
        elif packed:
            rest.append((number, packed[1]))
        elif text[0] in _LEFT_OUT:
            kind = _LEFT_OUT[text[0]]
            problems.add(kind, Place(path, number), f"{kind} {text.split()[0]} is left out")
        else:
            message = f"expected T1<tab>LABEL START END<tab>TEXT, got {text!r:.80}; line skipped"
            problems.add("broken line", Place(path, number), message)
    return lines, references, rest


def write(path: Path, rows: Iterable[SourceRow], problems: Problems) -> Counter[str]:
    """Write a folder for brat, and return how many spans of each label were written.

    Texts are named by the ids of their rows where those can be file names, and numbered otherwise.
    Labels with white space are reported and left out.

    Raises
    ------
    CatalogNERError
        If there is a folder that was not written here: what people made in brat is never replaced.
    """
    counts: Counter[str] = Counter()
    names: set[str] = set()
    with atomic_folder(path, mark=_OWN) as folder:
        for number, source in enumerate(rows, start=1):
            name = row_id(source.row)
            if not _SAFE_NAME.fullmatch(name) or name.casefold() in names:
                name = f"{number:06d}"
            while name.casefold() in names:
                name += "_"
            names.add(name.casefold())
            lines = "".join(_lines(source, name, counts, problems))
            (folder / f"{name}.txt").write_bytes(source.row["text"].encode("utf8"))
            (folder / f"{name}.ann").write_bytes(lines.encode("utf8"))
        entities = "".join(f"{label}\n" for label in sorted(counts))
        sections = f"[entities]\n{entities}\n[relations]\n\n[events]\n\n[attributes]\n"
        (folder / _CONFIG).write_bytes(sections.encode("utf8"))
        (folder / _OWN).write_bytes(b"catalog-ner convert wrote this folder, and may replace it.\n")
    return counts


def _lines(source: SourceRow, name: str, counts: Counter[str], problems: Problems) -> Iterator[str]:
    text = source.row["text"]
    for number, span in enumerate(source.row["spans"], start=1):
        start, end, label = span["start"], span["end"], span["label"]
        if not re.fullmatch(r"\S+", label):
            message = f"brat has no labels with white space: {label!r:.80}; span skipped"
            problems.add("label not held", Place(source.path, source.line), message)
            continue
        counts[label] += 1
        surface = re.sub(r"[\r\n]+", " ", text[start:end])
        offsets = ";".join(f"{left} {right}" for left, right in _parts(text, start, end))
        yield f"T{number}\t{label} {offsets}\t{surface}\n"
        if _is_reference(span.get("id")):
            yield f"N{number}\tReference T{number} {_DATABASE}{span['id']}\t{surface}\n"
    keys = other_keys(source.row)
    spans = [_without_reference(span) for span in source.row["spans"]]
    rest = pack_rest({} if keys == {"id": name} else keys, spans)
    if rest:
        yield f"#1\t{_NOTE} row\t{rest}\n"


def _is_reference(value: object) -> bool:
    """Tell whether an id can stand in a normalisation: brat cuts it at white space."""
    return isinstance(value, str) and re.fullmatch(r"\S+", value) is not None


def _without_reference(span: Row) -> Row:
    is_held = _is_reference(span.get("id"))
    return {key: value for key, value in span.items() if key != "id" or not is_held}


def _parts(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Return the parts of a span that stand on one line each, as brat has them.

    A span that begins or ends with a line break, which brat cannot make, stays in one part.
    """
    parts = [
        (start + match.start(), start + match.end())
        for match in re.finditer(r"[^\r\n]+", text[start:end])
    ]
    is_whole = parts and parts[0][0] == start and parts[-1][1] == end
    return parts if is_whole else [(start, end)]
