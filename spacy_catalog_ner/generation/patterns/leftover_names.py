"""Names of the catalog, and words of another language, that were left in a pattern."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.doc.pipelines import blank_pipeline
from spacy_catalog_ner.matching.catalog_matcher import CatalogMatcher

if TYPE_CHECKING:
    from spacy.tokens import Span

    from spacy_catalog_ner.catalog import Catalog

_GAP = " \ue000 "
"""Takes the place of a placeholder, so that no name reaches across: a private-use character."""

# How many longer names a word must be part of to be taken for an ordinary one. With 1 one more name
# in ten is missed, with 3 a third more patterns are rejected for nothing: see `LeftoverNames`.
_ORDINARY = 2

# Not French, which spaCy takes three seconds to import
_OTHER_LANGUAGES = ("de", "en", "es", "it", "nl", "pt")
# With fewer words a text may be good in several languages: "play <SONG>", "radio <GENRE> por favor"
_MIN_WORDS = 4
_MIN_COMMON = 3
_WORD = re.compile(r"[^\W\d_]+")


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
        """Count, for each word, the entries that have it in a name of two words or more."""
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
        """Return the names in the text around placeholders (`Pattern.literals`), in order."""
        doc = self._matcher(self._nlp.make_doc(_GAP.join(literals)))
        spans = {(span.start, span.end): span for span in doc.spans[self._matcher.spans_key]}
        return [span.text for _, span in sorted(spans.items()) if self._is_name(span)]

    def _is_name(self, span: Span) -> bool:
        content = self._content([token.lower_ for token in span if not token.is_punct])
        if normalize(span.text) in self._ordinary or self._ordinary.issuperset(content):
            return False
        if len(content) > 1 or _has_capital(span):
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
    """Tell whether a span within a sentence begins with a capital, as titles and names do."""
    if not span[0].text[0].isupper() or span.start == 0:
        return False
    before = span.doc[span.start - 1]
    return before.text != _GAP.strip() and not before.is_punct


def find_other_language(text: str, lang: str) -> str | None:
    """Return the language a text is in, if it is certainly not the expected one.

    A text is taken for another language's if at least three of its words are among that one's stop
    words, and twice as many as are among those of the expected one: related languages share many.

    Parameters
    ----------
    text
        Without placeholders.
    lang
        spaCy's code of the expected language.

    Examples
    --------
    >>> find_other_language("what is the weather like in", "es")
    'en'
    >>> find_other_language("pon algo de", "es")
    """
    words = [word.lower() for word in _WORD.findall(text)]
    if len(words) < _MIN_WORDS or not stop_words(lang):
        return None
    common = {
        code: sum(word in stop_words(code) for word in words) for code in {*_OTHER_LANGUAGES, lang}
    }
    expected = common.pop(lang)
    best = max(sorted(common), key=lambda code: common[code])
    return best if common[best] >= max(_MIN_COMMON, 2 * expected) else None


@cache
def stop_words(lang: str) -> frozenset[str]:
    """Return spaCy's stop words of a language; empty where it has none."""
    try:
        return frozenset(importlib.import_module(f"spacy.lang.{lang}.stop_words").STOP_WORDS)
    except ImportError:
        return frozenset()
