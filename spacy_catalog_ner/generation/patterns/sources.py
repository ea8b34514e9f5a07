"""What patterns are made of: patterns, annotated utterances, and seeds for a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.generation.patterns.pattern import PLACEHOLDER, Pattern, Rejected, Tags
from spacy_catalog_ner.io.annotated import check_span
from spacy_catalog_ner.io.files import iter_jsonl, require_file
from spacy_catalog_ner.io.language import is_same_language
from spacy_catalog_ner.io.row import Row, RowSpan


@dataclass(frozen=True)
class Seed:
    """An utterance or pattern that a model is to write patterns after, and the row it is from."""

    text: str
    row: dict[str, Any]


@dataclass
class PatternSources:
    """What the rows of some files give.

    A row with ``pattern`` is a pattern, one with ``spans`` is abstracted to one. In the language
    of the patterns these are taken as they are; in another they can only be seeds. Rows marked
    ``representative``, and patterns in another language, are seeds: an annotated one is shown to
    the model as a pattern.

    Attributes
    ----------
    lang
        Language of the patterns, and of rows that name none.
    seeds_lang
        Language of the seeds; rows in any other than these two are passed over.
    annotated
        For each utterance that was abstracted, its names and the text around them.
    rejected
        Rows that were not taken, with the reason.
    """

    tags: Tags
    lang: str
    seeds_lang: str
    patterns: list[Pattern] = field(default_factory=list)
    seeds: list[Seed] = field(default_factory=list)
    annotated: list[tuple[list[str], tuple[str, ...]]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def read(self, paths: Iterable[Path], problems: Problems) -> None:
        """Read JSONL files (perhaps ``.gz`` or ``.zst``); broken rows go to `problems`.

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

    def add(self, row: dict[str, Any]) -> None:
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
        is_native = is_same_language(lang, self.lang)
        if not is_native and not is_same_language(lang, self.seeds_lang):
            self.counts["other_language"] += 1
            return
        if pattern and is_native:
            self.patterns.append(pattern)
            self.counts[pattern.source] += 1
            if "pattern" not in row:
                text, spans = row["text"], Row.from_dict(row).spans or []
                names = [text[s.start : s.end] for s in choose_names(text, spans, self.tags)]
                self.annotated.append((names, pattern.literals))
        is_seed = row.get("representative") is True or ("pattern" in row and not is_native)
        if is_seed and is_same_language(lang, self.seeds_lang):
            self.seeds.append(Seed(pattern.text if pattern else row["text"], row))
            self.counts["seeds"] += 1
        elif not (pattern and is_native):
            self.counts["unused"] += 1

    def _make_pattern(self, row: dict[str, Any]) -> Pattern | None:
        if "pattern" in row:
            return Pattern.from_row(row, self.lang)
        if not isinstance(row.get("text"), str) or not row["text"].strip():
            raise CatalogNERError('expected a "text" or a "pattern"')
        if not isinstance(row.get("lang") or "", str):
            raise CatalogNERError(f"lang: expected text, got {row['lang']!r:.80}")
        spans = row.get("spans") or []
        if not isinstance(spans, list):
            raise CatalogNERError(f"spans: expected a list, got {spans!r:.80}")
        for span in spans:
            kind, message = check_span(span, row["text"], None)
            if kind:  # the name it marks would stay in the pattern
                raise Rejected(kind, message)
        return abstract(Row.from_dict({**row, "spans": spans}), self.tags, self.lang)


def abstract(row: Row, tags: Tags, lang: str) -> Pattern | None:
    """Make a pattern of an annotated utterance: each name gives way to its label.

    With the names put back the pattern is the utterance, but for white space, which is folded.
    Names with an unknown label stay as they are; if there are no others, the result is None. `lang`
    is the language of a row that names none.

    Raises
    ------
    Rejected
        If the text holds what looks like a placeholder.
    """
    found = PLACEHOLDER.search(row.text)
    if found:
        raise Rejected(
            "placeholder in the text",
            f"the text has {found.group()}, which looks like a placeholder",
        )
    names = choose_names(row.text, row.spans or [], tags)
    if not names:
        return None
    parts, end = [], 0
    for name in names:
        parts += [row.text[end : name.start], f"<{name.label}>"]
        end = name.end
    cluster = row.keys.get("cluster")
    return Pattern(
        " ".join("".join([*parts, row.text[end:]]).split()),
        row.lang or lang,
        source="abstracted",
        seed=row.text,
        cluster=cluster if type(cluster) is int else None,
    )


def choose_names(text: str, spans: Sequence[RowSpan], tags: Tags) -> list[RowSpan]:
    """Return the spans to replace, in reading order; none overlaps another.

    Of overlapping spans the longest is taken, and of equally long ones the first given. White
    space at a span's ends is left to the text around it.
    """
    known = [_strip(text, span, label) for span in spans if (label := tags.find(span.label))]
    chosen: list[RowSpan] = []
    for span in sorted(known, key=lambda span: span.start - span.end):
        is_free = all(span.end <= one.start or one.end <= span.start for one in chosen)
        if is_free and span.start < span.end:
            chosen.append(span)
    return sorted(chosen, key=lambda span: span.start)


def _strip(text: str, span: RowSpan, label: str) -> RowSpan:
    name = text[span.start : span.end]
    start = span.start + len(name) - len(name.lstrip())
    return RowSpan(start, max(start, span.start + len(name.rstrip())), label)
