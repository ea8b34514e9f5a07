"""Reading CSV and TSV files with a header, row by row, each broken one with its line."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.io.files import iter_lines

DELIMITERS = {".csv": ",", ".tsv": "\t"}
"""What separates the fields of a file, by the ending of its name."""

_NOT_CLOSED = "a quote that is not closed"
_MAX_ROW_LINES = 100  # a quoted field may span lines; one that spans more was never closed


def iter_delimited(
    path: Path,
    delimiter: str,
    problems: Problems,
    *,
    check_header: Callable[[Sequence[str], str], None],
    one_line: Collection[str] = (),
    on_read: Callable[[int], object] = lambda size: None,
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line number, row) of a file whose first line names its columns.

    `check_header` is called with the columns and their place, and raises a `CatalogNERError` where
    one is missing. Fields of the `one_line` columns never span lines: where one seems to, a quote
    was not closed. For `on_read` see `iter_lines`.
    """
    lines = _RowLines(iter_lines(path, problems, on_read))
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as err:
        raise CatalogNERError(f"{path}:1: no usable header ({err})") from None
    check_header(header, f"{path}:1")
    while True:
        lines.row.clear()
        message = ""
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as err:
            message = str(err)
        else:
            fields = dict(zip(header, row, strict=False))
            broken = any("\n" in fields.get(name, "") for name in one_line)
            if len(lines.row) > 1 and (broken or not _is_well_quoted(lines.row, delimiter)):
                message = _NOT_CLOSED
            elif len(row) > len(header):
                name = "comma" if delimiter == "," else "tab"
                message = f"more than the header's {len(header)} fields (quote one with a {name})"
        number = lines.row[0][0]
        if message:
            problems.add("broken row", Place(path, number), f"{message}; row skipped")
            lines.put_back_all_but_first()
        elif row:
            yield number, fields


class _RowLines:
    """The lines of a file, with the (number, text) of those that the present row took."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self.row: list[tuple[int, str]] = []
        self._lines = lines
        self._again: deque[tuple[int, str]] = deque()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.row) == _MAX_ROW_LINES:
            raise csv.Error(_NOT_CLOSED)
        line = self._again.popleft() if self._again else next(self._lines)
        self.row.append(line)
        return line[1]

    def put_back_all_but_first(self) -> None:
        """Read on after the row's first line: where a quote is missing, the others are rows."""
        self._again.extendleft(reversed(self.row[1:]))


def _is_well_quoted(lines: list[tuple[int, str]], delimiter: str) -> bool:
    """Tell a field of several lines from a quote that a later line happened to close."""
    try:
        next(csv.reader((text for _, text in lines), delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    return True
