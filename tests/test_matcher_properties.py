"""What holds of the matcher for any text, any names, any tokenizer and any normal form."""

from __future__ import annotations

import tempfile
import unicodedata
from itertools import combinations_with_replacement, pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from matching import blank
from spacy.tokens import Doc

from spacy_catalog_ner.catalog import Entry, Variants, compile_catalog
from spacy_catalog_ner.catalog.normalization import DEFAULT, NORMALIZERS, get_normalizer
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.matching import catalog_matcher, plain_finder
from spacy_catalog_ner.matching.catalog_matcher import CatalogMatcher

NLP = blank()
VARIANTS = Variants(
    {
        "rules": {
            "article": {"replace": [["^(?:the|a) (?=\\S)", ""]]},
            "no_dash": {"replace": [["[-'.]", " "]]},
            "number": {"numbers": "en"},
        }
    }
)

CHARACTER = st.one_of(
    st.sampled_from(["a", "A", "b", " ", " ", "  ", "\n", "-", "'", ".", "!", "/", "1", "\0"]),
    st.sampled_from("\u00df\u0130\u017f\ufb01\u00bd\u2019\u2013\u00b4\u00a8\u00a0\u3000\u200b"),
    st.sampled_from("\u0301\u0327\u0345\u00e9\u00f8\u1e9e\u03c2\u2126\u1fb3\u01c4\ufdfa"),
    st.sampled_from("\u6771\u4eac\u304b\u3099\uff9e\uff76\u0e01\u0e33\u0e4d\u0915\u093f"),
    st.sampled_from("\u1112\u1161\u11ab\ud558\uac00\u314f\U0001f468\u200d\U0001f3fd\ufe0f"),
    st.characters(exclude_categories=("Cs",)),
)
WORD = st.sampled_from(["new", "York", "The ", "NEW", "n'", "don't", "u.s.", "jay-z", "'s", "42"])
PIECE = st.one_of(CHARACTER, CHARACTER, WORD, st.just(" "))
TEXT = st.builds(
    lambda pieces, times: "".join(pieces) * times,
    st.lists(PIECE, max_size=15),
    st.sampled_from([1, 1, 1, 5]),  # some names are longer than the 32 characters of a prefix
)


@pytest.fixture(scope="module", autouse=True)
def no_waiting_for_the_disk():
    """Thousands of tiny catalogs need not survive a power cut."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda handle: None)
        yield


Found = set[tuple[int, int, str, str]]


def is_name(text: str) -> bool:
    try:
        Entry(text, "X")
    except CatalogNERError:
        return False
    return True


def doc_of(words: list[str]) -> Doc:
    """Make a Doc of words, each as `Doc.text` has it: with the space after it, if any."""
    tokens: list[str] = []
    spaces: list[bool] = []
    for word in words:
        if word == " " and tokens and not spaces[-1]:
            spaces[-1] = True
        elif word:
            bare = word[:-1] if word[-1] == " " and len(word) > 1 else word
            tokens.append(bare)
            spaces.append(bare != word)
    return Doc(NLP.vocab, words=tokens, spaces=spaces)


def cut_anywhere(text: str, cuts: list[int]) -> Doc:
    edges = [0, *sorted({cut % (len(text) + 1) for cut in cuts}), len(text)]
    return doc_of([text[one:two] for one, two in pairwise(edges)])


TOKENIZERS = {
    "English": lambda text, cuts: NLP.make_doc(text),
    "at white space": lambda text, cuts: doc_of([f"{word} " for word in text.split(" ") if word]),
    "one character each": lambda text, cuts: doc_of(list(text)),
    "anywhere": cut_anywhere,
}


@st.composite
def docs(draw) -> Doc:
    make = TOKENIZERS[draw(st.sampled_from(sorted(TOKENIZERS)))]
    return make(draw(TEXT), draw(st.lists(st.integers(0, 200), max_size=12)))


@st.composite
def docs_and_entries(draw) -> tuple[Doc, list[Entry]]:
    """Draw a Doc and entries; most of the names are cut out of its text."""
    doc = draw(docs())
    names = draw(st.lists(st.lists(PIECE, min_size=1, max_size=6).map("".join), max_size=2))
    for _ in range(draw(st.integers(0, 5)) if len(doc) else 0):
        start = draw(st.integers(0, len(doc) - 1))
        part = doc[start : start + draw(st.integers(1, 12))].text
        names.append(draw(st.sampled_from([part, part.upper(), f"the {part}", part[1:]])))
    names = [name for name in names if is_name(name)] or ["york"]
    rows = st.tuples(st.sampled_from(["SONG", "CITY"]), st.sampled_from(["", "1", "2"]))
    return doc, [Entry(name, *draw(rows)) for name in names]


def joins_the_token_before(text: str) -> bool:
    """Tell whether a token starts with a mark, or with what is one in compatible form."""
    return any(
        unicodedata.category(char)[0] == "M" or "\u1160" <= char <= "\u11ff"
        for char in (text[0], unicodedata.normalize("NFKC", text)[0])
    )


def units(doc: Doc, normalize) -> list[tuple[int, int]]:
    """Return the first token and the end of each token with the marks that follow it."""
    found: list[tuple[int, int]] = []
    for token in doc:
        before = doc[token.i - 1].text_with_ws if token.i else " "
        after_space = normalize(f"0{before}0").endswith(" 0") or normalize(f"0{token}").startswith(
            "0 "
        )
        adjacent = bool(found) and found[-1][1] == token.i
        if adjacent and not after_space and joins_the_token_before(token.text):
            found[-1] = (found[-1][0], token.i + 1)
        elif normalize(token.text):
            found.append((token.i, token.i + 1))
    return found


def naive_matches(doc: Doc, entries: list[Entry], normalization: str, variants) -> Found:
    """Compare the text of every span with every surface form of every entry."""
    normalize = get_normalizer(normalization)
    meanings: dict[str, set[tuple[str, str]]] = {}
    for entry in entries:
        for form in entry.surface_forms(normalize):
            further = [] if variants is None else [made for made, _ in variants(form)]
            for each in (form, *further):
                meanings.setdefault(each, set()).add((entry.label, entry.id))
    return {
        (start, end, *meaning)
        for (start, _), (_, end) in combinations_with_replacement(units(doc, normalize), 2)
        for meaning in meanings.get(normalize(doc[start:end].text), ())
    }


def matches(doc: Doc) -> list[tuple[int, int, str, str]]:
    return [(s.start, s.end, s.label_, s.kb_id_) for s in doc.spans["candidates"]]


def matcher_of(compiled: list[Entry], added: list[Entry], normalization: str, variants):
    """Make a matcher; what it compiles to disk is mapped, so that the files may go."""
    matcher = CatalogMatcher()
    if compiled:
        with tempfile.TemporaryDirectory() as folder:
            compile_catalog(compiled, f"{folder}/c", normalization=normalization, variants=variants)
            matcher.reload(f"{folder}/c")
    if added:
        matcher.add_entries(added)
    return matcher


def plain_matches(matcher: CatalogMatcher, doc: Doc) -> list[tuple[int, int, str, str]]:
    """Match with the finder of plain Python."""
    with pytest.MonkeyPatch.context() as patch:
        for finder in ("SpanFinder", "TokenForms"):
            patch.setattr(catalog_matcher, finder, getattr(plain_finder, finder))
        patch.setattr(matcher, "_finder", None)
        return matches(matcher(doc))


def check(matcher: CatalogMatcher, doc: Doc, expected: Found) -> None:
    """Compare what both finders find, in order, with what a comparison of all spans finds."""
    found = matches(matcher(doc))
    assert found == plain_matches(matcher, doc)
    assert set(found) == expected
    assert len(found) == len(expected)
    places = [(start, -end) for start, end, _, _ in found]
    assert places == sorted(places)


WAYS = {
    "compiled": lambda entries: (entries, []),
    "half and half": lambda entries: (entries[::2], entries[1::2]),
    "all but one added": lambda entries: (entries[:1], entries[1:]),
}
some = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@settings(some, max_examples=250)
@given(
    drawn=docs_and_entries(),
    way=st.sampled_from(sorted(WAYS)),
    normalization=st.sampled_from(sorted(NORMALIZERS)),
    variants=st.sampled_from([None, VARIANTS]),
)
def test_the_matcher_finds_what_a_comparison_of_all_spans_finds_and_nothing_else(
    drawn, way, normalization, variants
):
    doc, entries = drawn
    matcher = matcher_of(*WAYS[way](entries), normalization, variants)
    check(matcher, doc, naive_matches(doc, entries, normalization, variants))


@settings(some, max_examples=200)
@given(drawn=docs_and_entries())
@example(drawn=(doc_of(["\u0301", "a"]), [Entry("\u0301a", "X"), Entry("a", "X")]))
@example(drawn=(doc_of(["'", "\u0301", "a"]), [Entry("\u0301a", "X"), Entry("'\u0301a", "X")]))
@example(drawn=(doc_of(["\u1112", "\u1161", "\u11ab"]), [Entry("\ud558", "X")]))
@example(drawn=(doc_of(["\uff76", "\uff9e", "a"]), [Entry("\u304c".upper(), "X"), Entry("a", "X")]))
def test_names_added_in_code_alone_are_found_as_a_comparison_of_all_spans_finds_them(drawn):
    doc, entries = drawn
    check(matcher_of([], entries, DEFAULT, None), doc, naive_matches(doc, entries, DEFAULT, None))


@some
@given(drawn=docs_and_entries())
def test_both_finders_leave_out_the_same_nested_candidates(drawn):
    doc, entries = drawn
    matcher = matcher_of(entries[::2], entries[1::2], DEFAULT, None)
    everything = matches(matcher(doc))
    matcher.drop_nested = True
    matcher._finder = None
    found = matches(matcher(doc))
    assert found == plain_matches(matcher, doc)
    assert found == [
        (start, end, label, identifier)
        for start, end, label, identifier in everything
        if not any(
            one <= start and end <= two and (one, two) != (start, end) and other == label
            for one, two, other, _ in everything
        )
    ]


@some
@given(drawn=docs_and_entries())
def test_candidates_lie_on_token_boundaries_and_read_like_their_entries(drawn):
    doc, entries = drawn
    normalize = get_normalizer(DEFAULT)
    matcher_of([], entries, DEFAULT, None)(doc)
    starts = {token.idx for token in doc}
    ends = {token.idx + len(token) for token in doc}
    for span in doc.spans["candidates"]:
        assert span.start_char in starts
        assert span.end_char in ends
        assert doc.text[span.start_char : span.end_char] == span.text
        meant = [
            entry for entry in entries if (entry.label, entry.id) == (span.label_, span.kb_id_)
        ]
        assert any(normalize(span.text) in entry.surface_forms(normalize) for entry in meant)


@some
@given(drawn=docs_and_entries(), others=st.lists(docs(), max_size=4))
def test_a_batch_of_documents_gives_what_each_gives_alone(drawn, others):
    doc, entries = drawn
    batch = [*others, doc, *others]
    matcher = matcher_of(entries[::2], entries[1::2], DEFAULT, None)
    alone = [matches(matcher(each)) for each in batch]
    assert [matches(each) for each in matcher.pipe(iter(batch))] == alone
