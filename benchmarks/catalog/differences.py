"""Whether the catalog finds what `PhraseMatcher` finds, and why where it does not."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span

from benchmarks.catalog.engines import CompiledCatalog, Found, Phrases
from benchmarks.common.names import oracle_names, read_texts
from spacy_catalog_ner.catalog import compile_catalog
from spacy_catalog_ner.catalog.normalization import normalize

UNEXPLAINED = "unexplained"
# In this order: where several names of one label give the same span, the first cause counts.
_CAUSES = {
    "white space": "PhraseMatcher ignores white space between tokens",
    "gap": "PhraseMatcher needs the very white-space tokens of the name",
    "folding": "normalisation folds more than LOWER",
    "tokens": "the name as the catalog has it is tokenised in another way than the text",
    "folding and tokens": "normalisation folds more, and the tokenisation differs",
    UNEXPLAINED: "none of these",
}
_EXAMPLES = 3


def compare(names: Path, file: Path, texts: list[str], theirs_file: Path) -> dict[str, Any]:
    """Compare the spans of a compiled catalog with those `engines.measure_use` wrote.

    Returns
    -------
    dict
        ``common``, spans that both find; ``only_catalog`` and ``only_phrase_matcher``, of each
        cause of `_CAUSES` that occurs ``count`` and ``examples``.
    """
    engine = CompiledCatalog()
    engine.open(file)
    rows = json.loads(theirs_file.read_text(encoding="utf8"))
    theirs = [{(start, end, label) for start, end, label in spans} for spans in rows]
    with names.open(encoding="utf8") as stream:
        entries = ((row["text"], row["label"]) for row in map(json.loads, stream))
        return _compare(engine, texts, theirs, entries)


def compare_oracle(data: Path, name: str, folder: Path) -> dict[str, Any]:
    """Do as `compare` for the texts of one set and the catalog of all its gold spans."""
    entries = oracle_names(data, name)
    pairs = [(entry.text, entry.label) for entry in entries]
    texts = read_texts(data, [name])
    phrases = Phrases()
    phrases.add(pairs)
    theirs = list(phrases.spans(phrases.nlp.tokenizer.pipe(texts)))
    file = folder / f"oracle-{name}.catalog"
    compile_catalog(entries, file)
    engine = CompiledCatalog()
    engine.open(file)
    return {"entries": len(entries), **_compare(engine, texts, theirs, pairs)}


def _compare(
    engine: CompiledCatalog,
    texts: list[str],
    theirs: list[set[Found]],
    names: Iterable[tuple[str, str]],
) -> dict[str, Any]:
    common = 0
    only_ours: list[Span] = []
    only_theirs: list[Span] = []
    docs = list(engine.nlp.tokenizer.pipe(texts))
    for doc, ours, other in zip(docs, engine.spans(docs), theirs, strict=True):
        common += len(ours & other)
        only_ours += _as_spans(doc, ours - other)
        only_theirs += _as_spans(doc, other - ours)
    # Both kinds of difference come from names that read like the span but for white space.
    wanted = {(_squash(span.text), span.label_) for span in only_ours + only_theirs}
    known: dict[tuple[str, str], list[str]] = {}
    for text, label in names:
        key = (_squash(text), label)
        if key in wanted:
            known.setdefault(key, []).append(text)
    return {
        "common": common,
        "only_catalog": _by_cause(only_ours, known, True),
        "only_phrase_matcher": _by_cause(only_theirs, known, False),
    }


def _by_cause(
    spans: list[Span], known: dict[tuple[str, str], list[str]], ours: bool
) -> dict[str, Any]:
    nlp = spacy.blank("en")
    found: dict[str, dict[str, Any]] = {}
    order = list(_CAUSES)
    for span in spans:
        candidates = known.get((_squash(span.text), span.label_), [])
        causes = [(_cause(nlp, name, span, ours), name) for name in candidates]
        cause, name = min(causes, key=lambda pair: order.index(pair[0]), default=(UNEXPLAINED, ""))
        row = found.setdefault(cause, {"what": _CAUSES[cause], "count": 0, "examples": []})
        row["count"] += 1
        example = {"name": name, "text": span.text, "label": span.label_}
        if len(row["examples"]) < _EXAMPLES and example not in row["examples"]:
            row["examples"].append(example)
    return found


def _cause(nlp: Language, name: str, span: Span, ours: bool) -> str:
    """Say why only one of the two takes a span for a name."""
    of_name = [token.lower_ for token in nlp.tokenizer(name)]
    of_span = [token.lower_ for token in span]
    if not ours:
        # It compares tokens, we compare characters.
        differ = normalize(name) != normalize(span.text)
        return "white space" if of_name == of_span and differ else UNEXPLAINED
    if of_name == of_span or normalize(name) != normalize(span.text):
        return UNEXPLAINED
    of_name, of_span = ([t for t in tokens if not t.isspace()] for tokens in (of_name, of_span))
    if of_name == of_span:
        return "gap"
    if list(map(normalize, of_name)) == list(map(normalize, of_span)):
        return "folding"
    return "tokens" if "".join(of_name) == "".join(of_span) else "folding and tokens"


def _squash(text: str) -> str:
    return "".join(normalize(text).split())


def _as_spans(doc: Doc, found: Iterable[Found]) -> list[Span]:
    return [Span(doc, start, end, label=label) for start, end, label in sorted(found)]
