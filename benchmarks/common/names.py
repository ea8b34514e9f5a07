"""The names and texts to measure with, read from a folder of real ones.

The folder has ``catalogs/*.jsonl.gz``, rows with ``text`` and ``label`` and perhaps ``id`` and
``weight``, and the annotated sets of `SETS`, rows with ``text`` and ``spans``.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from spacy_catalog_ner.catalog import Entry
from spacy_catalog_ner.errors import CatalogNERError

SETS = {"massive_en": "MASSIVE", "snips": "Snips", "music_ner": "Music-NER"}
_CHUNK = 1 << 17


def read_rows(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of all files of a folder, file by file in the order of their names."""
    files = sorted(folder.glob("*.jsonl.gz"))
    if not files:
        raise CatalogNERError(f"{folder}: expected files .jsonl.gz in this folder")
    for file in files:
        with gzip.open(file, "rt", encoding="utf8") as stream:
            yield from map(json.loads, stream)


def read_texts(data: Path, sets: Iterable[str] = SETS, seed: int | None = None) -> list[str]:
    """Return each distinct text of all splits of some sets once, shuffled where there is a seed."""
    texts = list(dict.fromkeys(row["text"] for name in sets for row in read_rows(data / name)))
    if seed is None:
        return texts
    return [texts[i] for i in np.random.default_rng(seed).permutation(len(texts))]


def oracle_names(data: Path, name: str) -> list[Entry]:
    """Return every gold span of all splits of a set as an entry: a catalog that lacks nothing."""
    names = {
        (row["text"][span["start"] : span["end"]].strip(), span["label"])
        for row in read_rows(data / name)
        for span in row["spans"]
    }
    entries = (_entry({"text": text, "label": label}) for text, label in sorted(names))
    return [entry for entry in entries if entry is not None]


def write_real_names(data: Path, path: Path) -> None:
    """Write the rows of all catalogs, the first of each (text, label), as given.

    Names that the package refuses, such as "???", are left out for every engine.
    """
    seen = set()
    with path.open("w", encoding="utf8") as stream:
        for row in read_rows(data / "catalogs"):
            entry = _entry(row)
            if entry is not None and (entry.text, entry.label) not in seen:
                seen.add((entry.text, entry.label))
                kept = {"text": entry.text, "label": entry.label}
                kept.update({key: row[key] for key in ("id", "weight") if row.get(key) is not None})
                stream.write(json.dumps(kept, ensure_ascii=False) + "\n")


def write_names(real: Path, path: Path, count: int, seed: int) -> dict[str, int]:
    """Write a JSONL file of distinct names: a sample of the real ones, or all and mixed ones.

    Parameters
    ----------
    real
        What `write_real_names` wrote.

    Returns
    -------
    dict
        How many are ``real`` and how many ``mixed``.
    """
    lines = _lines(real)
    with path.open("w", encoding="utf8") as stream:
        if count <= len(lines):
            sample = np.random.default_rng(seed).choice(len(lines), count, replace=False)
            stream.writelines(lines[number] for number in np.sort(sample).tolist())
            return {"real": count, "mixed": 0}
        stream.writelines(lines)
        stream.writelines(_mixed_lines(lines, count - len(lines), seed))
    return {"real": len(lines), "mixed": count - len(lines)}


def mixed_names(real: Path, count: int, seed: int) -> list[dict[str, Any]]:
    """Return rows of names that look like the real ones and are not among them."""
    return [json.loads(line) for line in _mixed_lines(_lines(real), count, seed)]


def _lines(path: Path) -> list[str]:
    with path.open(encoding="utf8") as stream:
        return list(stream)


def _mixed_lines(lines: list[str], count: int, seed: int) -> Iterator[str]:
    """Yield JSON lines whose names are the head of one real name and the tail of another.

    Both are of one label and of two words or more, cut between words at random: "Stephen Garcia".
    """
    rng = np.random.default_rng(seed)
    real = [row for row in map(json.loads, lines) if " " in row["text"]]
    real.sort(key=lambda row: row["label"])
    # Hashes instead of names: ten million of these would take gigabytes.
    seen = {hash((row["text"], row["label"])) for row in real}
    heads, tails, cuts = [], [], rng.random(len(real)).tolist()
    for row, cut in zip(real, cuts, strict=True):
        words = row["text"].split(" ")
        place = 1 + int(cut * (len(words) - 1))
        # Escaped once here: writing ten million lines is then a matter of seconds.
        heads.append(json.dumps(" ".join(words[:place]), ensure_ascii=False)[:-1])
        tails.append(json.dumps(" ".join(words[place:]), ensure_ascii=False)[1:])
    labels = [row["label"] for row in real]
    _, firsts, of_label, sizes = np.unique(
        np.array(labels), return_index=True, return_inverse=True, return_counts=True
    )
    made, drawn = 0, 0
    while made < count:
        if not real or drawn > 100 * (count + _CHUNK):
            raise CatalogNERError("too few real names of two words or more to mix")
        one = rng.integers(len(real), size=_CHUNK)
        two = firsts[of_label[one]] + (rng.random(_CHUNK) * sizes[of_label[one]]).astype(int)
        drawn += _CHUNK
        for i, j in zip(one.tolist(), two.tolist(), strict=True):
            name, label = f"{heads[i]} {tails[j]}", labels[i]
            key = hash((name[1:-1], label))
            if key not in seen:
                seen.add(key)
                yield f'{{"text": {name}, "label": "{label}", "id": "mixed/{made}"}}\n'
                made += 1
                if made == count:
                    return


def _entry(row: dict[str, Any]) -> Entry | None:
    try:
        return Entry.from_row(row)
    except CatalogNERError:
        return None
