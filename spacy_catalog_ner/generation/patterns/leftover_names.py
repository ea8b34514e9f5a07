"""Names of the catalog that were left in a pattern."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.doc.pipelines import blank_pipeline
from spacy_catalog_ner.generation.patterns.language_check import stop_words
from spacy_catalog_ner.matching.catalog_matcher import CatalogMatcher

if TYPE_CHECKING:
    from spacy.tokens import Span

    from spacy_catalog_ner.catalog import Catalog

_GAP = " \ue000 "
"""Stands where a placeholder was, so that no name reaches across: a character for private use."""

# How many longer names a word must be part of to be taken for an ordinary one. With 1 one more name
# in ten is missed, with 3 a third more patterns are rejected for nothing: see `LeftoverNames`.
_ORDINARY = 2


class LeftoverNames:
    """Tells names that were left in a pattern from words that only happen to be a title.

    Nearly every word is the title of some song ("hello", "time", "so what"), so most of what the
    catalog finds in a pattern is no name. Stop words say nothing, so that "the wall" is as one word
    and "so what" as none:

    - Words that are listed as ordinary are no name.
    - A name of two words or more is a name.
    - So is a single word with a capital within a sentence.
    - Of a single word that annotated utterances have, these decide: it is a name if it is one in
      more places than it is none.
    - Any other single word is a name unless it is part of two longer names, as ordinary words are
      ("time" in "closing time" and "time after time", but "adele" in none).

    On the 162 annotated test utterances of assets/media, whose authors put many titles to ordinary
    use, with their names taken out and the exemplars as annotated utterances, this rejects 11 % of
    the English and 2 % of the Spanish ones although nothing is left in them. With stop words alone
    it would be 44 % and 12 %. Of their names, each with a word before it, 93 % are found.

    Parameters
    ----------
    catalog
        A compiled catalog.
    lang
        spaCy's code of the patterns' language.
    annotated
        Of each annotated utterance the names, and the text around them.
    ordinary
        Words and phrases that are no names, whatever the catalog says.
    """

    def __init__(
        self,
        catalog: Catalog,
        lang: str,
        annotated: Iterable[tuple[Iterable[str], Iterable[str]]] = (),
        ordinary: Iterable[str] = (),
    ) -> None:
        self._matcher = CatalogMatcher(catalog=catalog.path)
        self._nlp = blank_pipeline(lang)
        self._stop_words = stop_words(lang)
        self._ordinary = frozenset(normalize(text) for text in ordinary)
        self._in_longer = self._count_words(catalog)
        self._annotated: Counter[str] = Counter()  # above 0: more often a name
        for names, literals in annotated:
            self._learn(names, literals)

    def _count_words(self, catalog: Catalog) -> Counter[str]:
        """Count the entries that have a word in a name of two words or more."""
        counts: Counter[str] = Counter()
        for entry in catalog:
            words: set[str] = set()
            for form in (entry.text, *entry.aliases):
                content = self._content(catalog.normalize(form).split())
                words.update(content if len(content) > 1 else ())
            counts.update(words)
        return counts

    def _learn(self, names: Iterable[str], literals: Iterable[str]) -> None:
        for text in names:
            content = self._content(self._words(text))
            self._annotated.update(content if len(content) == 1 else ())
        for text in literals:
            self._annotated.subtract(self._content(self._words(text)))

    def find(self, literals: Sequence[str]) -> list[str]:
        """Return the names in the text around placeholders, in reading order, as they stand there.

        Parameters
        ----------
        literals
            `Pattern.literals`.
        """
        doc = self._matcher(self._nlp.make_doc(_GAP.join(literals)))
        spans = {(span.start, span.end): span for span in doc.spans[self._matcher.spans_key]}
        return [span.text for _, span in sorted(spans.items()) if self._is_name(span)]

    def _is_name(self, span: Span) -> bool:
        content = self._content([token.lower_ for token in span if not token.is_punct])
        if normalize(span.text) in self._ordinary or self._ordinary.issuperset(content):
            return False
        if len(content) > 1:
            return True
        if _has_capital(span):
            return True
        (word,) = content
        if word in self._annotated:
            return self._annotated[word] > 0
        return self._in_longer[word] < _ORDINARY

    def _words(self, text: str) -> list[str]:
        return [token.lower_ for token in self._nlp.make_doc(text) if token.text.strip()]

    def _content(self, words: Iterable[str]) -> list[str]:
        return [word for word in words if word not in self._stop_words]


def _has_capital(span: Span) -> bool:
    """Say whether a span within a sentence begins with a capital, as titles and names do."""
    if not span[0].text[0].isupper() or span.start == 0:
        return False
    before = span.doc[span.start - 1]
    return before.text != _GAP.strip() and not before.is_punct
