"""Preparing a corpus: from the files people have to the files that the project's commands read."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy_catalog_ner.catalog import Entry, read_entries
from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.io.annotated import read_annotated, read_texts
from spacy_catalog_ner.io.files import write_json, write_jsonl
from spacy_catalog_ner.io.language import is_same_language
from spacy_catalog_ner.io.row import Row


@dataclass(frozen=True)
class Limits:
    """How many utterances to take, 0 for all (but of `dev`), in the order of a seeded shuffle."""

    exemplars: int = 0
    dev: int = 60
    test: int = 0
    traffic: int = 0


def prepare_corpus(
    source: str | Path,
    target: str | Path,
    problems: Problems,
    *,
    lang: str,
    labels: set[str],
    limits: Limits,
    has_traffic: bool = True,
    seed: int = 0,
) -> dict[str, Any]:
    """Write catalog entries, exemplars, development and test sets and traffic of a corpus.

    Texts of the test set are left out of all others, and those of the development set are left out
    of exemplars and traffic.

    Parameters
    ----------
    source
        A folder with ``catalogs/`` and ``exemplars``, ``test`` and ``traffic`` ``.LANG.jsonl``;
        the development set is taken from the exemplars. Or a folder with annotated ``train``,
        ``dev`` and ``test`` ``.jsonl`` or ``.jsonl.gz``: an *oracle* catalog is made of the gold
        spans of all three, exemplars come from train, and the rest of train is the traffic.
    target
        Folder to write ``entries``, ``exemplars``, ``dev``, ``test`` and ``traffic`` ``.jsonl``
        and ``meta.json`` to.
    problems
        Receives broken rows and spans.
    lang, labels
        Language and labels to take; spans with other labels are left out.
    has_traffic
        If not, ``traffic.jsonl`` is empty and all of train are exemplars.

    Returns
    -------
    dict
        Contents of ``meta.json``: the counts, and whether the catalog is an oracle.
    """
    source, target = Path(source), Path(target)
    has_catalogs = (source / "catalogs").is_dir()
    if has_catalogs:
        entries: Iterable[Entry] = read_entries(source / "catalogs", problems)
        sets = _read_sets(source, lang, labels, problems, has_traffic)
    else:
        sets = _read_splits(source, lang, labels, problems)
        entries = _oracle_entries(dict(sets))  # of train as a whole, which is divided below
    chooser = random.Random(seed)
    for rows in sets.values():
        chooser.shuffle(rows)
    if has_catalogs:
        sets["dev"] = sets["exemplars"][: limits.dev]
        sets["exemplars"] = sets["exemplars"][limits.dev :]
    else:
        train = sets["exemplars"]
        cut = (limits.exemplars or len(train) // 2) if has_traffic else len(train)
        sets["exemplars"], sets["traffic"] = train[:cut], train[cut:]

    meta: dict[str, Any] = {
        "corpus": source.name,
        "lang": lang,
        "oracle_catalog": not has_catalogs,
        "entries": write_jsonl(target / "entries.jsonl", (entry.to_row() for entry in entries)),
    }
    held_out: set[str] = set()  # nothing that is learned from is tested or chosen on
    for name in ("test", "dev", "exemplars", "traffic"):
        rows = [row for row in sets[name] if normalize(row.text) not in held_out]
        if not rows and (has_traffic or name != "traffic"):
            raise CatalogNERError(f"{source}: no utterance for {name!r} in language {lang!r}")
        if name in ("test", "dev"):
            held_out.update(normalize(row.text) for row in rows)
        if name == "traffic":
            rows = [Row(row.text, keys=row.keys) for row in rows]
        limit = getattr(limits, name)
        meta[name] = write_jsonl(target / f"{name}.jsonl", rows[: limit or None])
    write_json(target / "meta.json", meta)
    return meta


def _read_sets(
    source: Path, lang: str, labels: set[str], problems: Problems, has_traffic: bool
) -> dict[str, list[Row]]:
    sets = {
        name: [row for _, row in read_annotated(source / f"{name}.{lang}.jsonl", problems, labels)]
        for name in ("exemplars", "test")
    }
    traffic = read_texts(source / f"traffic.{lang}.jsonl", problems) if has_traffic else ()
    sets["traffic"] = [row for _, row in traffic]
    for row in sets["traffic"]:
        row.keys.pop("spans", None)
    return sets


def _read_splits(
    source: Path, lang: str, labels: set[str], problems: Problems
) -> dict[str, list[Row]]:
    sets: dict[str, list[Row]] = {"exemplars": [], "dev": [], "test": []}
    for name, file in zip(sets, ("train", "dev", "test"), strict=True):
        packed = source / f"{file}.jsonl.gz"
        path = packed if packed.is_file() else source / f"{file}.jsonl"
        for _, row in read_annotated(path, problems):
            if is_same_language(row.lang or lang, lang):
                row.spans = [span for span in row.spans or () if span.label in labels]
                sets[name].append(row)
    return sets


def _oracle_entries(sets: dict[str, list[Row]]) -> Iterator[Entry]:
    """Make an entry of every gold mention; only how often it is in train counts as popularity."""
    weights: Counter[tuple[str, str]] = Counter()
    for name, rows in sets.items():
        for row in rows:
            for span in row.spans or ():
                weights[row.text[span.start : span.end], span.label] += name == "exemplars"
    for (text, label), weight in weights.items():
        if any(char.isalnum() for char in text):
            slug = normalize(text).replace(" ", "-")
            yield Entry(text, label, id=f"{label}/{slug}", weight=float(weight))
