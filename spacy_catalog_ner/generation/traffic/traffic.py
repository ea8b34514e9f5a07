"""Keeping the conversational utterances of mixed traffic."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.generation.traffic.detection import ConversationDetector
from spacy_catalog_ner.io.annotated import iter_rows
from spacy_catalog_ner.io.delimited import DELIMITERS
from spacy_catalog_ner.io.files import detect_kind, require_file, write_jsonl
from spacy_catalog_ner.io.language import is_same_language
from spacy_catalog_ner.io.row import Row

MAX_LENGTH = 2000
"""Characters of the longest utterance; what is longer is a document."""

_EXPECTED = "texts (.jsonl, .csv, .tsv or .txt, which may end in .gz or .zst)"


class OnlyCommandsError(CatalogNERError):
    """None of the traffic is conversational."""


class Traffic:
    """The utterances of some files, each once, and what was skipped.

    Of texts that are equal in normal form the first is taken. A row without a language is taken to
    be of `lang`, and gets it.

    Parameters
    ----------
    paths
        Files to read, see `iter_rows`.
    lang
        Language to take, such as ``"en"``, which takes ``"en-US"`` too.
    problems
        Receives broken rows and those longer than `MAX_LENGTH`.
    on_read
        Called with the number of bytes of each block read.

    Attributes
    ----------
    skipped
        Number of rows that were empty, duplicates or of another language.

    Raises
    ------
    CatalogNERError
        If a file is missing or of another kind; while reading, if one is broken.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        lang: str,
        problems: Problems,
        on_read: Callable[[int], object] = lambda size: None,
    ) -> None:
        self._paths = [_check(path) for path in paths]
        self._lang = lang
        self._problems = problems
        self._on_read = on_read
        self.skipped: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Row]:
        seen: set[bytes] = set()
        for path in self._paths:
            for line, keys in iter_rows(path, self._problems, self._on_read):
                text = keys.pop("text", None)
                lang = keys.get("lang") or self._lang
                if not isinstance(text, str):
                    self._problems.add("broken row", Place(path, line), 'no "text"; row skipped')
                elif not text.strip():
                    self.skipped["empty"] += 1
                elif len(text) > MAX_LENGTH:
                    message = f"{len(text)} characters, expected at most {MAX_LENGTH}; row skipped"
                    self._problems.add("too long", Place(path, line), message)
                elif not is_same_language(str(lang), self._lang):
                    self.skipped["other language"] += 1
                else:
                    # Millions of hashes fit in memory where as many texts would not
                    form = normalize(text).encode("utf8")
                    key = hashlib.blake2b(form, digest_size=16).digest()
                    if key in seen:
                        self.skipped["duplicate"] += 1
                    else:
                        seen.add(key)
                        yield Row(text, keys={**keys, "lang": lang})


def detect_traffic(
    detector: ConversationDetector, traffic: Traffic, output: Path
) -> dict[str, Any]:
    """Write the conversational rows to JSONL, with ``conversational``: score and features.

    Returns
    -------
    dict
        Number of ``texts`` read, of ``conversational`` ones written, and of those in which each
        feature fired, ``by_feature``; and ``texts_per_second``.

    Raises
    ------
    OnlyCommandsError
        If no text is conversational; nothing is written then.
    CatalogNERError
        If there is no text.
    """
    texts = 0
    highest = 0.0
    by_feature = dict.fromkeys(detector.lexicon.features, 0)

    def keep() -> Iterator[dict[str, Any]]:
        nonlocal texts, highest
        found = False
        for row in traffic:
            detection = detector(row.text)
            texts += 1
            highest = max(highest, detection.score)
            if detector.accepts(detection):
                found = True
                for name in detection.features:
                    by_feature[name] += 1
                yield {**row.to_dict(), "conversational": detection._asdict()}
        if not texts:
            raise CatalogNERError("no text to judge in the input")
        if not found:  # raised while the output is written, so that it never appears
            raise OnlyCommandsError(
                f"only commands: none of {texts} texts has a score of {detector.threshold} or more"
                f" (the highest is {highest}); nothing written"
            )

    started = time.perf_counter()
    kept = write_jsonl(output, keep())
    seconds = time.perf_counter() - started
    return {
        "texts": texts,
        "conversational": kept,
        "by_feature": by_feature,
        "texts_per_second": round(texts / seconds),
    }


def _check(path: Path) -> Path:
    require_file(path, _EXPECTED)
    if not detect_kind(path, (".jsonl", ".txt", *DELIMITERS)):
        raise CatalogNERError(f"{path}: cannot tell its format by its name, expected {_EXPECTED}")
    return path
