"""Public sets with oracle catalogs, laid out for students, and the parts of their tests."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common.command import REPOSITORY
from benchmarks.common.large_catalog import make_large_catalog
from benchmarks.common.public_sets import SOURCES, oracle_entries, read_splits
from benchmarks.common.thresholds import Row
from spacy_catalog_ner.catalog import compile_catalog
from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.doc.pipelines import blank_pipeline
from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.formats.conversion import convert_files
from spacy_catalog_ner.io.annotated import read_annotated
from spacy_catalog_ner.io.files import iter_jsonl, read_labels, write_jsonl

HEAD = 2  # times that a pattern must occur in training to be among the head
_LABELS = REPOSITORY / "configs" / "labels"
# Commands about music in MASSIVE and Snips; what their labels are in Music-NER
_MUSIC_INTENTS = {"PlayMusic", "AddToPlaylist"}
_MUSIC_SCENARIOS = {"play", "music"}
_MUSIC_LABELS = {
    "artist_name": "Artist",
    "artist": "Artist",
    "Artist": "Artist",
    "song_name": "WoA",
    "track": "WoA",
    "album": "WoA",
    "WoA": "WoA",
}
_FOLD = 1  # of Music-NER, whose folds are never pooled


@dataclass(frozen=True)
class StudentSet:
    """A set on disk: ``NAME.jsonl`` of every part, and ``NAME.spacy`` of what is trained on.

    Attributes
    ----------
    folder
        Where its files are.
    catalog
        Compiled catalog of all gold names of all splits.
    """

    folder: Path
    catalog: Path

    def rows(self, part: str) -> list[Row]:
        """Return the annotated texts of a part."""
        return [row for _, row in iter_jsonl(self.folder / f"{part}.jsonl", Problems())]

    def docs(self, part: str) -> Path:
        """Return the DocBin of a part."""
        return self.folder / f"{part}.spacy"

    def write(self, part: str, rows: Iterable[Row]) -> None:
        """Write a part in both forms."""
        path = self.folder / f"{part}.jsonl"
        write_jsonl(path, rows)
        convert_files([path], self.docs(part), blank_pipeline("en"), Problems())


def prepare(name: str, data: Path, folder: Path, *, few: int, seed: int) -> StudentSet:
    """Read ``massive`` or ``snips``, and write its parts, if they are not there.

    They are ``train``, ``dev`` and ``test``; ``few``, a sample of train; and of the test texts
    with entities ``head``, whose pattern occurs in training at least `HEAD` times, and
    ``unseen``, none of whose names is the name of an entity in training.
    """
    made = StudentSet(folder / name, folder / name / f"{name}.catalog")
    if made.docs("few").exists():
        return made
    source, labels_name, files = SOURCES[name]
    splits = read_splits(data / source, files, set(read_labels(_LABELS / labels_name)), seed)
    made.folder.mkdir(parents=True, exist_ok=True)
    compile_catalog(oracle_entries(splits), made.catalog)
    splits["train"] = _without(splits["train"], [*splits["dev"], *splits["test"]])
    splits |= _test_parts(splits["train"], splits["test"])
    splits["few"] = random.Random(seed).sample(splits["train"], few)
    for part, rows in splits.items():
        made.write(part, rows)
    return made


def prepare_large(made: StudentSet, data: Path, *, names: int, seed: int) -> StudentSet:
    """Return a set with the parts of another, and a catalog of its names among many others."""
    folder = made.folder.with_name(f"{made.folder.name}-large")
    large = StudentSet(folder, folder / "large.catalog")
    if not large.catalog.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for part in ("train", "dev", "test", "head", "unseen"):
            for path in (made.docs(part), made.docs(part).with_suffix(".jsonl")):
                shutil.copy(path, folder)
        make_large_catalog(made.catalog, data, large.catalog, names=names, seed=seed)
    return large


def prepare_music(data: Path, folder: Path, *, few: int, seed: int) -> StudentSet:
    """Lay out commands about music (MASSIVE, Snips) and conversations about it (Music-NER).

    Labels are ``Artist`` and ``WoA`` (work of art), those of Music-NER. Parts are ``commands``,
    ``few`` and ``conversations`` to train on, of which the last has no gold annotation; ``dev``,
    half commands and half conversations; and ``test-commands`` with its ``head`` and ``unseen``,
    ``test-conversations`` and ``test-rare``, whose names are rare and not in training.
    """
    made = StudentSet(folder / "music", folder / "music" / "music.catalog")
    if made.docs("few").exists():
        return made
    commands: dict[str, list[Row]] = {"train": [], "dev": [], "test": []}
    for name, (source, _, files) in SOURCES.items():
        splits = read_splits(data / source, files, None, seed)
        for part, rows in splits.items():
            commands[part] += [_to_music(row) for row in rows if _is_music(row, name)]
    conversations = {
        part: [
            row.to_dict()
            for _, row in read_annotated(
                data / "music_ner" / f"dataset{_FOLD}_{part}.jsonl.gz", Problems()
            )
        ]
        for part in ("train", "test", "rare_unseen_test")
    }
    made.folder.mkdir(parents=True, exist_ok=True)
    compile_catalog(oracle_entries(commands | {f"c-{k}": v for k, v in conversations.items()}),
                    made.catalog)  # fmt: skip
    held_out = [*commands["dev"], *commands["test"], *conversations["test"],
                *conversations["rare_unseen_test"]]  # fmt: skip
    train = _without(commands["train"], held_out)
    talk = _without(conversations["train"], held_out)
    random.Random(seed).shuffle(talk)
    dev_talk, few_talk, rest = talk[:200], talk[200 : 200 + few], talk[200 + few :]
    parts = _test_parts(train, commands["test"])
    dev = random.Random(seed).sample(commands["dev"], min(200, len(commands["dev"])))
    made.write("commands", train)
    made.write("conversations", rest)
    made.write("dev", [*dev, *dev_talk])
    made.write("test-commands", commands["test"])
    made.write("head", parts["head"])
    made.write("unseen", parts["unseen"])
    made.write("test-conversations", conversations["test"])
    made.write("test-rare", conversations["rare_unseen_test"])
    made.write("few", few_talk)
    return made


def _without(rows: list[Row], held_out: list[Row]) -> list[Row]:
    texts = {normalize(row["text"]) for row in held_out}
    return [row for row in rows if normalize(row["text"]) not in texts]


def _test_parts(train: list[Row], test: list[Row]) -> dict[str, list[Row]]:
    patterns = Counter(map(to_pattern, train))
    names = {name for row in train for name in _names(row)}
    named = [row for row in test if row["spans"]]
    return {
        "head": [row for row in named if patterns[to_pattern(row)] >= HEAD],
        "unseen": [row for row in named if names.isdisjoint(_names(row))],
    }


def to_pattern(row: Row) -> str:
    """Return a text with labels in the place of its entities."""
    text, parts, end = row["text"], [], 0
    for span in sorted(row["spans"], key=lambda span: span["start"]):
        if span["start"] >= end:
            parts += [text[end : span["start"]], f"<{span['label']}>"]
            end = span["end"]
    return normalize("".join([*parts, text[end:]]))


def _names(row: Row) -> set[str]:
    return {normalize(row["text"][span["start"] : span["end"]]) for span in row["spans"]}


def _is_music(row: Row, name: str) -> bool:
    meta = row["meta"]
    if name == "snips":
        return meta["intent"] in _MUSIC_INTENTS
    return meta["scenario"] in _MUSIC_SCENARIOS


def _to_music(row: Row) -> Row:
    spans = [
        {**span, "label": _MUSIC_LABELS[span["label"]]}
        for span in row["spans"]
        if span["label"] in _MUSIC_LABELS
    ]
    return {**row, "spans": spans}
