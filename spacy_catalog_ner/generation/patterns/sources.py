"""Reading what patterns are made of: patterns, annotated utterances, and seeds for a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.generation.patterns.abstraction import abstract, choose_names
from spacy_catalog_ner.generation.patterns.pattern import Pattern
from spacy_catalog_ner.generation.patterns.rejection import Rejected
from spacy_catalog_ner.generation.patterns.tags import Tags
from spacy_catalog_ner.generation.patterns.writer import Seed
from spacy_catalog_ner.io.files import iter_jsonl, require_file

Row = dict[str, Any]


@dataclass
class PatternSources:
    """What the rows of some files give.

    A row with ``pattern`` is a pattern, one with ``spans`` is abstracted to one. In the language
    of the patterns these are taken as they are, in another they can only be seeds. Rows that are
    marked ``representative``, and patterns in another language, are seeds: an annotated one is
    shown to the model as a pattern.

    Attributes
    ----------
    tags
        The labels that are known.
    lang
        Language of the patterns, and of rows that name none.
    seeds_lang
        Language of the seeds; rows in any other than these two are passed over.
    patterns
        Those that are there already.
    seeds
        What a model may turn into patterns.
    annotated
        Of each utterance that was abstracted, its names and the text around them.
    rejected
        Rows that were not taken, with the reason.
    counts
        How many rows there were, and what was made of them.
    """

    tags: Tags
    lang: str
    seeds_lang: str
    patterns: list[Pattern] = field(default_factory=list)
    seeds: list[Seed] = field(default_factory=list)
    annotated: list[tuple[list[str], tuple[str, ...]]] = field(default_factory=list)
    rejected: list[Row] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def read(self, paths: Iterable[Path], problems: Problems) -> None:
        """Read files, with a progress bar.

        Parameters
        ----------
        paths
            JSONL, perhaps ``.gz`` or ``.zst``.
        problems
            Receives broken rows.

        Raises
        ------
        CatalogNERError
            If there is no such file.
        """
        for path in paths:
            rows = iter_jsonl(require_file(path, "JSONL of utterances or patterns"), problems)
            for line, row in tqdm(rows, desc=path.name, unit="row", delay=1):
                self.counts["rows"] += 1
                try:
                    self.add(row)
                except Rejected as reason:
                    self.rejected.append({**row, **reason.to_row()})
                except CatalogNERError as err:
                    problems.add("broken row", Place(path, line), f"{err}; row skipped")

    def add(self, row: Row) -> None:
        """Take what a row gives.

        Raises
        ------
        Rejected
            If it is annotated and cannot be abstracted.
        CatalogNERError
            If a value is missing or of another type.
        """
        pattern = self._make_pattern(row)
        lang = pattern.lang if pattern else row.get("lang") or self.lang
        if lang not in (self.lang, self.seeds_lang):
            self.counts["other_language"] += 1
            return
        is_native = lang == self.lang
        if pattern and is_native:
            self.patterns.append(pattern)
            self.counts[pattern.source] += 1
            self._note_names(row, pattern)
        is_meant = row.get("representative") is True or ("pattern" in row and not is_native)
        if is_meant and lang == self.seeds_lang:
            self.seeds.append(Seed(pattern.text if pattern else row["text"], row))
            self.counts["seeds"] += 1
        elif not (pattern and is_native):
            self.counts["unused"] += 1

    def _make_pattern(self, row: Row) -> Pattern | None:
        if "pattern" in row:
            return Pattern.from_row(row, self.lang)
        if not isinstance(row.get("text"), str) or not row["text"].strip():
            raise CatalogNERError('expected a "text" or a "pattern"')
        if not isinstance(row.get("lang") or "", str):
            raise CatalogNERError(f"lang: expected text, got {row['lang']!r:.80}")
        spans = row.get("spans") or []
        if not isinstance(spans, list):
            raise CatalogNERError(f"spans: expected a list, got {spans!r:.80}")
        return abstract({**row, "spans": spans}, self.tags, self.lang)

    def _note_names(self, row: Row, pattern: Pattern) -> None:
        if "pattern" not in row:
            text, chosen = row["text"], choose_names(row["text"], row["spans"], self.tags)
            names = [text[name["start"] : name["end"]] for name in chosen]
            self.annotated.append((names, pattern.literals))
