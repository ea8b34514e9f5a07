"""Finding the rows of the same text in two lists of annotated rows."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

Row = dict[str, Any]


class Match(NamedTuple):
    """Which rows of two lists are of the same text, as positions in the lists.

    Attributes
    ----------
    pairs
        Position in the first list -> position in the second.
    other_text
        The same for rows with the same id, but another text.
    repeated
        Of either list the rows with id and text of one before them, which are in no pair.
    unnamed
        Of either list the rows without an id, where rows are paired by ids.
    """

    pairs: dict[int, int]
    other_text: dict[int, int]
    repeated: tuple[list[int], list[int]]
    unnamed: tuple[list[int], list[int]]


def match_rows(a: Sequence[Row], b: Sequence[Row]) -> Match:
    """Find the rows of the same text in two lists.

    Where more than half of the rows of both lists have an id (``"id"``, else ``meta["id"]``), rows
    with the same id and text are paired, then those without an id by text with what is left. Else
    all are paired by text, the n-th occurrence of a text with its n-th.
    """
    ids_a, ids_b = _usual_ids(a), _usual_ids(b)
    repeated = _repeated(a, ids_a), _repeated(b, ids_b)
    texts_a, texts_b = _texts(a, repeated[0]), _texts(b, repeated[1])
    if ids_a is None or ids_b is None:
        return Match(_pair_equal(texts_a, texts_b), {}, repeated, ([], []))
    pairs = _pair_equal(
        {position: (ids_a[position], text) for position, text in texts_a.items()},
        {position: (ids_b[position], text) for position, text in texts_b.items()},
    )
    texts_a, texts_b = _left(texts_a, pairs), _left(texts_b, pairs.values())
    # A row without an id may be that of any id, one with an id is no other's
    pairs |= _pair_equal(
        {position: (ids_a[position] is None, text) for position, text in texts_a.items()},
        {position: (ids_b[position] is not None, text) for position, text in texts_b.items()},
    )
    texts_a, texts_b = _left(texts_a, pairs), _left(texts_b, pairs.values())
    other_text = _pair_equal(
        {position: ids_a[position] for position in texts_a if ids_a[position] is not None},
        {position: ids_b[position] for position in texts_b if ids_b[position] is not None},
    )
    return Match(pairs, other_text, repeated, (_unnamed(ids_a), _unnamed(ids_b)))


def row_id(row: Row) -> str | None:
    """Return the id of a row, which may stand in its meta."""
    name = row.get("id")
    if name is None:
        meta = row.get("meta")
        name = meta.get("id") if isinstance(meta, dict) else None
    return None if name is None else str(name)


def _usual_ids(rows: Sequence[Row]) -> list[str | None] | None:
    """Return the ids of the rows, or None where most have none."""
    ids = [row_id(row) for row in rows]
    return None if 2 * ids.count(None) >= len(ids) else ids


def _unnamed(ids: Sequence[str | None]) -> list[int]:
    return [position for position, name in enumerate(ids) if name is None]


def _repeated(rows: Sequence[Row], ids: Sequence[str | None] | None) -> list[int]:
    seen: set[tuple[str, str]] = set()
    repeated = []
    for position, name in enumerate(ids or ()):
        if name is not None:
            key = name, rows[position]["text"]
            if key in seen:
                repeated.append(position)
            seen.add(key)
    return repeated


def _texts(rows: Sequence[Row], without: Collection[int]) -> dict[int, str]:
    return _left({position: row["text"] for position, row in enumerate(rows)}, without)


def _left(texts: dict[int, str], used: Collection[int]) -> dict[int, str]:
    used = set(used)
    return {position: text for position, text in texts.items() if position not in used}


def _pair_equal(a: Mapping[int, Hashable], b: Mapping[int, Hashable]) -> dict[int, int]:
    """Pair positions with equal keys, the n-th with the n-th."""
    waiting: defaultdict[Hashable, deque[int]] = defaultdict(deque)
    for position, key in b.items():
        waiting[key].append(position)
    return {position: waiting[key].popleft() for position, key in a.items() if waiting.get(key)}
