"""The engines compared: what each does to be ready, and how it scans a text."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import ahocorasick
import spacy
from spacy.matcher import PhraseMatcher
from spacy.tokens import Doc

from benchmarks.common.measure import exhaust, memory, peak, reset_peak, seconds
from spacy_catalog_ner.catalog import compile_catalog, read_entries
from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.matching.catalog_matcher import CatalogMatcher

_SCANS = 3
Found = tuple[int, int, str]  # start token, end token, label


class Engine:
    """An engine with its own vocab.

    Attributes
    ----------
    saves
        Whether `build` leaves a file that `open` takes up in another process. Where it does not,
        every process builds again, and that is its time to open.
    index_s
        Seconds that the last `build` took from names in memory to the end.
    """

    saves = False
    index_s = 0.0

    def __init__(self) -> None:
        self.nlp = spacy.blank("en")

    def build(self, names: Path, file: Path) -> None:
        """Read a JSONL file of names and get ready, or leave a file that is."""
        raise NotImplementedError

    def open(self, file: Path) -> None:
        """Get ready from what `build` left."""
        raise NotImplementedError

    def scan(self, docs: Iterable[Doc]) -> Iterator[Any]:
        """Yield, for each Doc, what the engine gives by itself."""
        raise NotImplementedError

    def spans(self, docs: Iterable[Doc]) -> Iterator[set[Found]]:
        """Yield, for each Doc, the spans found."""
        raise NotImplementedError


class CompiledCatalog(Engine):
    """What is measured: a compiled catalog, its candidates written to ``doc.spans``."""

    saves = True

    def build(self, names: Path, file: Path) -> None:
        """Compile the names into a folder."""
        compile_catalog(read_entries(names, Problems()), file)

    def open(self, file: Path) -> None:
        """Map the folder."""
        self.matcher = CatalogMatcher(catalog=file)
        self.catalog = self.matcher.catalog  # opened when first asked for

    def scan(self, docs: Iterable[Doc]) -> Iterator[Doc]:
        """Run the component."""
        return self.matcher.pipe(docs)

    def spans(self, docs: Iterable[Doc]) -> Iterator[set[Found]]:
        """Yield the candidates; what differs in the id only is one."""
        for doc in self.scan(docs):
            yield {(span.start, span.end, span.label_) for span in doc.spans["candidates"]}


class Phrases(Engine):
    """spaCy's ``PhraseMatcher(attr="LOWER")``, one key per label, giving bare tuples."""

    def build(self, names: Path, file: Path) -> None:
        """Tokenise all names and add them."""
        pairs = [(row["text"], row["label"]) for row in _rows(names)]
        self.index_s = seconds(lambda: self.add(pairs))

    def add(self, names: Iterable[tuple[str, str]]) -> None:
        """Add (text, label) pairs as spaCy's documentation does: all Docs of a label at once."""
        names = list(names)
        self.matcher = PhraseMatcher(self.nlp.vocab, attr="LOWER")
        docs = self.nlp.tokenizer.pipe(text for text, _ in names)
        by_label: dict[str, list[Doc]] = {}
        for doc, (_, label) in zip(docs, names, strict=True):
            by_label.setdefault(label, []).append(doc)
        for label, patterns in by_label.items():
            self.matcher.add(label, patterns)

    def scan(self, docs: Iterable[Doc]) -> Iterator[list[tuple[int, int, int]]]:
        """Call the matcher."""
        return map(self.matcher, docs)

    def spans(self, docs: Iterable[Doc]) -> Iterator[set[Found]]:
        """Yield the matches with their labels as text."""
        strings = self.nlp.vocab.strings
        for found in self.scan(docs):
            yield {(start, end, strings[key]) for key, start, end in found}


class Ruler(Engine):
    """spaCy's SpanRuler with phrase patterns, compared by ``LOWER``."""

    def build(self, names: Path, file: Path) -> None:
        """Hand all names to the component."""
        self.ruler = self.nlp.add_pipe("span_ruler", config={"phrase_matcher_attr": "LOWER"})
        rows = _rows(names)
        self.ruler.add_patterns({"label": row["label"], "pattern": row["text"]} for row in rows)

    def scan(self, docs: Iterable[Doc]) -> Iterator[Doc]:
        """Run the component."""
        return map(self.ruler, docs)

    def spans(self, docs: Iterable[Doc]) -> Iterator[set[Found]]:
        """Yield the spans it has written."""
        for doc in self.scan(docs):
            yield {(span.start, span.end, span.label_) for span in doc.spans["ruler"]}


class Characters(Engine):
    """pyahocorasick over lower-cased characters; hits off token boundaries are dropped after."""

    saves = True

    def build(self, names: Path, file: Path) -> None:
        """Make the automaton of all names, and save it."""
        labels: dict[str, tuple[str, ...]] = {}
        for row in _rows(names):
            form = row["text"].lower()
            known = labels.get(form, ())
            if row["label"] not in known:
                labels[form] = (*known, row["label"])
        self.automaton = ahocorasick.Automaton()
        for form, values in labels.items():
            self.automaton.add_word(form, (len(form), values))
        self.automaton.make_automaton()
        self.automaton.save(str(file), pickle.dumps)

    def open(self, file: Path) -> None:
        """Load the automaton into memory."""
        self.automaton = ahocorasick.load(str(file), pickle.loads)

    def scan(self, docs: Iterable[Doc]) -> Iterator[list[Found]]:
        """Find all names and keep those on token boundaries."""
        for doc in docs:
            # Looked up for every hit, most of which are not on token boundaries.
            starts = {token.idx: token.i for token in doc}
            ends = {token.idx + len(token): token.i + 1 for token in doc}
            found = []
            for last, (length, labels) in self.automaton.iter(doc.text.lower()):
                start, end = starts.get(last + 1 - length), ends.get(last + 1)
                if start is not None and end is not None:
                    found += [(start, end, label) for label in labels]
            yield found

    def spans(self, docs: Iterable[Doc]) -> Iterator[set[Found]]:
        """Yield the same as sets."""
        return map(set, self.scan(docs))


ENGINES: dict[str, type[Engine]] = {
    "catalog": CompiledCatalog,
    "PhraseMatcher": Phrases,
    "SpanRuler": Ruler,
    "pyahocorasick": Characters,
}


def measure_build(name: str, names: Path, file: Path) -> dict[str, float]:
    """Build in this process.

    Returns
    -------
    dict
        ``build_s``; ``build_peak``, the most memory of the process, with Python and spaCy; and
        ``build_added``, how much of it the build added.
    """
    engine = ENGINES[name]()
    before = memory()
    reset_peak()
    taken = seconds(lambda: engine.build(names, file))
    most = peak()
    return {"build_s": taken, "build_peak": most, "build_added": most - before["rss"]}


def measure_index(names: Path, file: Path) -> float:
    """Return the seconds from entries in memory to a compiled catalog."""
    entries = list(read_entries(names, Problems()))
    return seconds(lambda: compile_catalog(entries, file))


def measure_use(
    name: str, names: Path, file: Path, texts: list[str], spans_file: Path | None
) -> dict[str, Any]:
    """Get ready in this process and match all texts.

    Returns
    -------
    dict
        ``index_s``, from names in memory to ready, of a `PhraseMatcher`; ``open_s``, from nothing
        to ready, the median of many times where it is short, and ``first_open_s``, the first time;
        ``memory``, what the process has more after matching all texts than before getting ready
        (it had tokenised them already), and ``peak``, the most it had more meanwhile;
        ``scan_per_s``, Docs a second where they are ready;
        ``spans``, how many were found.
    """
    engine = ENGINES[name]()

    def get_ready() -> None:
        if engine.saves:
            engine.open(file)
        else:
            engine.build(names, file)

    pipe = engine.nlp.tokenizer.pipe
    exhaust(pipe(texts))
    before = memory()
    reset_peak()
    opening = first = seconds(get_ready)
    exhaust(engine.scan(pipe(texts)))
    most = peak() - before["rss"]
    after = memory()
    docs = list(pipe(texts))
    scanning = median(seconds(lambda: exhaust(engine.scan(docs))) for _ in range(_SCANS))
    found = [sorted(spans) for spans in engine.spans(pipe(texts))]
    if spans_file is not None:
        spans_file.write_text(json.dumps(found), encoding="utf8")
    if engine.saves and first < 0.05:  # too short to be measured once
        opening = median(seconds(get_ready) for _ in range(101))
    return {
        "index_s": engine.index_s,
        "open_s": opening,
        "first_open_s": first,
        "memory": {"peak": most, **{key: after[key] - before[key] for key in after}},
        "scan_per_s": len(texts) / scanning,
        "spans": sum(map(len, found)),
    }


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf8") as stream:
        yield from map(json.loads, stream)
