"""Escaping and tables of Markdown reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def escape_markdown(text: str) -> str:
    r"""Escape a name so that it is shown as it is, within its table cell.

    Examples
    --------
    >>> escape_markdown("TV_SHOW | <b>")
    'TV\\_SHOW \\| &lt;b>'
    """
    text = " ".join(text.split())
    for character in "\\`*_[]|#":
        text = text.replace(character, f"\\{character}")
    return text.replace("&", "&amp;").replace("<", "&lt;")


def markdown_table(
    header: Sequence[str], rows: Iterable[Iterable[Any]], *, text_columns: Iterable[int] = (0,)
) -> list[str]:
    r"""Return the lines of a table, with every cell escaped.

    Parameters
    ----------
    header
        Names of the columns.
    rows
        As many cells each.
    text_columns
        Positions of the columns aligned to the left; the others hold numbers.

    Examples
    --------
    >>> print("\n".join(markdown_table(["label", "F1"], [["A|B", 0.5]])))
    | label | F1 |
    |---|---:|
    | A\|B | 0.5 |
    """
    left = set(text_columns)
    lines = [
        f"| {' | '.join(escape_markdown(str(cell)) for cell in cells)} |"
        for cells in [header, *rows]
    ]
    rule = "".join("---|" if column in left else "---:|" for column in range(len(header)))
    return [lines[0], f"|{rule}", *lines[1:]]
