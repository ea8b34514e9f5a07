"""Checks that a pattern must pass before a reviewer sees it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from tqdm import tqdm

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.generation.patterns.leftover_names import LeftoverNames, find_other_language
from spacy_catalog_ner.generation.patterns.near_duplicates import NearDuplicates
from spacy_catalog_ner.generation.patterns.pattern import PLACEHOLDER, Pattern, Rejected, Tags

_BRACKET = re.compile(r"[<>]")


class PatternChecker:
    """Checks patterns one by one, then against each other; a placeholder is one word."""

    def __init__(
        self,
        tags: Tags,
        names: LeftoverNames,
        duplicates: NearDuplicates,
        *,
        min_words: int = 3,
        max_words: int = 40,
    ) -> None:
        if not 1 <= min_words <= max_words:
            raise CatalogNERError(
                f"expected 1 <= min_words <= max_words, got {min_words} and {max_words}"
            )
        self.tags = tags
        self.names = names
        self.duplicates = duplicates
        self.min_words = min_words
        self.max_words = max_words

    def check_all(
        self, patterns: Iterable[Pattern]
    ) -> tuple[list[Pattern], list[tuple[Pattern, Rejected]]]:
        """Return the patterns that pass, as `check` returns them, and the others with the reason.

        Of two that are alike the first is taken.
        """
        passed: dict[str, Pattern] = {}
        rejected = []
        for pattern in tqdm(patterns, desc="checks", unit="pattern", delay=1):
            try:
                checked = self.check(pattern)
                other = passed.get(checked.id)
                if other:
                    raise Rejected("duplicate", f"there is one like it: {other.text}")
                passed[checked.id] = checked
            except Rejected as reason:
                rejected.append((pattern, reason))
        distinct = list(passed.values())
        with tqdm(total=len(distinct), desc="duplicates", unit="pattern", delay=1) as bar:
            near = self.duplicates.find(distinct, bar.update)
        for position, (other_position, score) in sorted(near.items()):
            message = f"{score:.2f} like: {distinct[other_position].text}"
            rejected.append((distinct[position], Rejected("near-duplicate", message)))
        return [one for position, one in enumerate(distinct) if position not in near], rejected

    def check(self, pattern: Pattern) -> Pattern:
        """Check one pattern, and return it with its tags in the case of the labels file.

        Raises
        ------
        Rejected
            If anything is wrong with it.
        """
        _check_form(pattern)
        text = PLACEHOLDER.sub(lambda found: f"<{self._find_label(found[1])}>", pattern.text)
        pattern = replace(pattern, text=text)
        words = len(PLACEHOLDER.sub("x", pattern.text).split())
        if not self.min_words <= words <= self.max_words:
            expected = f"expected {self.min_words} to {self.max_words} words, got {words}"
            raise Rejected("length", expected)
        other = find_other_language(" ".join(pattern.literals), pattern.lang)
        if other:
            raise Rejected("language", f"expected {pattern.lang!r}, looks like {other!r}")
        names = self.names.find(pattern.literals)
        if names:
            raise Rejected("name left in", f"the catalog has {', '.join(map(repr, names))}")
        return pattern

    def _find_label(self, label: str) -> str:
        known = self.tags.find(label)
        if known is None:
            allowed = ", ".join(self.tags.allowed)
            raise Rejected("unknown label", f"<{label}>: expected one of {allowed}")
        if known in self.tags.forbidden:
            raise Rejected(
                "label without a catalog", f"<{label}>: placeholder for a label with no catalog"
            )
        return known


def _check_form(pattern: Pattern) -> None:
    if not pattern.labels:
        raise Rejected("no placeholder", "there is no placeholder such as <LABEL> in it")
    literals = "".join(pattern.literals)
    found = _BRACKET.search(literals)
    if found:
        raise Rejected("malformed", f"{found.group()!r} belongs to no placeholder such as <LABEL>")
    if not any(char.isalnum() for char in literals):
        raise Rejected("only placeholders", "there is no word in it besides placeholders")
