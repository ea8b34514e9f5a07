"""Brat's standoff: a folder in which each text has a ``.txt`` and its annotations an ``.ann``.

See https://brat.nlplab.org/standoff.html. Offsets are code points of the ``.txt`` with its own line
ends; brat itself counts one of two characters as one (issue 853), which the text of the spans
shows. A span over a line break is in parts in brat and is one span here; parts with other text
between them are not. The reference of a normalisation (``N``) is the id of its span. What brat has
no place for, such as scores, is JSON in a note of type ``CatalogRow``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.formats.leftovers import pack_leftovers, unpack_leftovers
from spacy_catalog_ner.formats.offsets import Mark, locate
from spacy_catalog_ner.io.annotated import check_spans
from spacy_catalog_ner.io.files import atomic_folder, iter_lines
from spacy_catalog_ner.io.row import Row, RowSpan

_SPAN = re.compile(r"(T\S*)\t(\S+) (\d+ \d+(?:;\d+ \d+)*)(?:\t(.*))?", re.DOTALL)
_REFERENCE = re.compile(r"N\S*\t\S+ (T\S*) ([^\t]+)(?:\t.*)?", re.DOTALL)
_NOTE = "CatalogRow"
_REST = re.compile(rf"#\S*\t{_NOTE} \S+\t(.*)", re.DOTALL)
_LEFT_OUT = {"R": "relation", "E": "event", "A": "attribute", "M": "attribute"}
_LEFT_OUT |= {"#": "note", "*": "equivalence"}
_ENDINGS = (".ann", ".txt")
_CONFIG = "annotation.conf"
# Every collection of brat has an annotation.conf: this file alone tells the folders written here
_OWN = ".catalog-ner"
_DATABASE = "catalog:"
_SAFE_NAME = re.compile(r"\w[\w.-]{0,50}")


class _SpanLine(NamedTuple):
    place: Place
    name: str
    label: str
    mark: Mark


class _Annotations(NamedTuple):
    """The lines of an ``.ann`` file: spans, ids of spans by their names, and packed leftovers."""

    spans: list[_SpanLine]
    ids: dict[str, str]
    leftovers: list[tuple[Place, str]]


def read(
    source: Path, problems: Problems, labels: set[str] | None = None
) -> Iterator[tuple[Place, Row]]:
    """Yield a row for each text.

    `source` is a folder, which is read with its subfolders, or one of the two files of a text. The
    id of a row is its path in the folder without ending, if `write` noted no other. Relations,
    events, attributes, notes and discontinuous spans are counted in `problems` and left out.
    """
    folder = source if source.is_dir() else source.parent
    files = source.rglob("*") if source.is_dir() else [source]
    paths = sorted({file.with_suffix(".ann") for file in files if file.suffix in _ENDINGS})
    if not paths:
        raise CatalogNERError(f"{source}: expected a folder with .ann and .txt files, or one")
    for path in paths:
        text = _read_text(path, problems)
        if text is not None:
            annotations = _read_lines(path, problems)
            spans = _locate_spans(path, text, annotations, problems)
            keys = {"id": path.relative_to(folder).with_suffix("").as_posix()}
            for place, packed in annotations.leftovers:
                keys |= unpack_leftovers(packed, [span for _, span in spans], problems, place)
            yield Place(path, 1), Row(text, check_spans(spans, text, problems, labels), keys)


def _read_text(path: Path, problems: Problems) -> str | None:
    text_path = path.with_suffix(".txt")
    for file, other in ((path, text_path), (text_path, path)):
        if not file.is_file():
            message = f"no {file.name} next to it; text skipped"
            problems.add("broken text", Place(other, 1), message)
            return None
    try:
        text = text_path.read_bytes().decode("utf8")
    except UnicodeDecodeError as err:
        place = Place(text_path, err.object.count(b"\n", 0, err.start) + 1)
        message = f"invalid UTF-8 at byte {err.start}; text skipped"
        problems.add("broken text", place, message)
        return None
    if not text.strip():
        problems.add("broken text", Place(text_path, 1), "no text in this file")
        return None
    return text


def _locate_spans(
    path: Path, text: str, annotations: _Annotations, problems: Problems
) -> list[tuple[Place, dict[str, Any]]]:
    located = locate(text, [line.mark for line in annotations.spans])
    if located.unit != "code points":
        problems.add("other offsets", Place(path, 1), f"offsets count {located.unit}; converted")
    spans: list[tuple[Place, dict[str, Any]]] = []
    for line, parts in zip(annotations.spans, located.parts, strict=True):
        if parts is None:
            where = ";".join(f"{start}..{end}" for start, end in line.mark.parts)
            message = f"{line.name} {line.mark.surface!r:.80} is not at {where}; span skipped"
            problems.add("other surface", line.place, message)
            continue
        gaps = [(left, right) for (_, left), (right, _) in pairwise(parts)]
        if any(left > right or text[left:right].strip() for left, right in gaps):
            message = f"{line.name} is discontinuous; span skipped"
            problems.add("discontinuous span", line.place, message)
            continue
        span: dict[str, Any] = {"start": parts[0][0], "end": parts[-1][1], "label": line.label}
        if line.name in annotations.ids:
            span["id"] = annotations.ids[line.name]
        spans.append((line.place, span))
    return spans


def _read_lines(path: Path, problems: Problems) -> _Annotations:
    spans: list[_SpanLine] = []
    ids: dict[str, str] = {}
    leftovers: list[tuple[Place, str]] = []
    for number, text in iter_lines(path, problems):
        text, place = text.rstrip("\r\n"), Place(path, number)
        if not text.strip():
            continue
        if span := _SPAN.fullmatch(text):
            offsets = [part.split(" ") for part in span[3].split(";")]
            mark = Mark([(int(start), int(end)) for start, end in offsets], span[4])
            spans.append(_SpanLine(place, span[1], span[2], mark))
        elif reference := _REFERENCE.fullmatch(text):
            if reference[1] in ids:
                message = f"{reference[1]} has an id already; left out"
                problems.add("further normalisation", place, message)
            else:
                ids[reference[1]] = reference[2].removeprefix(_DATABASE)
        elif packed := _REST.fullmatch(text):
            leftovers.append((place, packed[1]))
        elif kind := _LEFT_OUT.get(text[0]):
            problems.add(kind, place, f"{kind} {text.split()[0]} is left out")
        else:
            message = f"expected T1<tab>LABEL START END<tab>TEXT, got {text!r:.80}; line skipped"
            problems.add("broken line", place, message)
    return _Annotations(spans, ids, leftovers)


def write(path: Path, rows: Iterable[tuple[Place, Row]], problems: Problems) -> Counter[str]:
    """Write a folder for brat, and return how many spans of each label were written.

    Texts are named by the ids of their rows where those can be file names, and numbered otherwise.
    Labels with white space are reported and left out. A folder that was not written here is never
    replaced: it may hold what people made in brat.
    """
    counts: Counter[str] = Counter()
    names: set[str] = set()
    with atomic_folder(path, mark=_OWN) as folder:
        for number, (place, row) in enumerate(rows, start=1):
            name = row.id
            if not _SAFE_NAME.fullmatch(name) or name.casefold() in names:
                name = f"{number:06d}"
            while name.casefold() in names:
                name += "_"
            names.add(name.casefold())
            lines = "".join(_lines(row, name, counts, problems, place))
            (folder / f"{name}.txt").write_bytes(row.text.encode("utf8"))
            (folder / f"{name}.ann").write_bytes(lines.encode("utf8"))
        entities = "".join(f"{label}\n" for label in sorted(counts))
        sections = f"[entities]\n{entities}\n[relations]\n\n[events]\n\n[attributes]\n"
        (folder / _CONFIG).write_bytes(sections.encode("utf8"))
        (folder / _OWN).write_bytes(b"catalog-ner convert wrote this folder, and may replace it.\n")
    return counts


def _lines(
    row: Row, name: str, counts: Counter[str], problems: Problems, place: Place
) -> Iterator[str]:
    leftovers = []
    for number, span in enumerate(row.spans or (), start=1):
        # A normalisation can hold the id: brat cuts it at white space
        is_held = isinstance(span.keys.get("id"), str) and re.fullmatch(r"\S+", span.id)
        keys = {key: value for key, value in span.keys.items() if key != "id" or not is_held}
        leftovers.append(RowSpan(*span.key, keys))
        if not re.fullmatch(r"\S+", span.label):
            message = f"brat has no labels with white space: {span.label!r:.80}; span skipped"
            problems.add("label not held", place, message)
            continue
        counts[span.label] += 1
        surface = re.sub(r"[\r\n]+", " ", row.text[span.start : span.end])
        parts = _parts(row.text, span.start, span.end)
        offsets = ";".join(f"{start} {end}" for start, end in parts)
        yield f"T{number}\t{span.label} {offsets}\t{surface}\n"
        if is_held:
            yield f"N{number}\tReference T{number} {_DATABASE}{span.id}\t{surface}\n"
    packed = pack_leftovers({} if row.keys == {"id": name} else row.keys, leftovers)
    if packed:
        yield f"#1\t{_NOTE} row\t{packed}\n"


def _parts(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Return the parts of a span that are each on one line, as brat has them.

    A span that begins or ends with a line break, which brat cannot make, stays in one part.
    """
    matches = re.compile(r"[^\r\n]+").finditer(text, start, end)
    parts = [match.span() for match in matches]
    is_whole = parts and parts[0][0] == start and parts[-1][1] == end
    return parts if is_whole else [(start, end)]
