"""What holds of a compiled catalog for any entries, against a dict as reference."""

from __future__ import annotations

import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_catalog_ner.catalog import Catalog, Entry, compile_catalog, compiler
from spacy_catalog_ner.catalog.normalization import NORMALIZERS, get_normalizer

NAME = st.one_of(
    st.sampled_from(
        ["Boston", "boston", "BOSTON", "Paris", "Beyonc\u00e9", "beyonce\u0301", "東京"]
    ),
    st.lists(st.characters(exclude_categories=("Cs",)), max_size=5).map("".join),
    st.integers(30, 35).map(lambda length: "long name " * 4 + "x" * (length - 30)),
)
TEXT = NAME.filter(lambda name: "\0" not in name)
ENTRY = st.builds(
    lambda name, aliases, **values: Entry(f"n{name}", aliases=tuple(aliases), **values),
    TEXT,
    aliases=st.lists(TEXT.map(lambda name: f"n{name}"), max_size=2),
    label=st.sampled_from(["CITY", "ARTIST", "\u00c9"]),
    id=st.sampled_from(["", "1", "2", "\u00e9/3"]),
    weight=st.sampled_from([0, 0.1, 1, 1e300]),
    lang=st.sampled_from(["", "en"]),
)
some = settings(max_examples=100, deadline=None)


@pytest.fixture(scope="module", autouse=True)
def in_small_steps_and_without_waiting_for_the_disk():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda handle: None)
        patch.setattr(compiler, "_CHUNK", 3)
        yield


def compiled(entries: list[Entry], **options) -> Catalog:
    with tempfile.TemporaryDirectory() as folder:
        return compile_catalog(entries, f"{folder}/c", **options)


def merged(entries: list[Entry]) -> dict[tuple[str, str, str], Entry]:
    """Merge entries that repeat a (text, label, id), as a dict would."""
    result: dict[tuple[str, str, str], Entry] = {}
    for entry in entries:
        key = (entry.text, entry.label, entry.id)
        if (old := result.get(key)) is not None:
            aliases = tuple(sorted({*old.aliases, *entry.aliases}))
            lang = max(old.lang, entry.lang)
            entry = Entry(*key, max(old.weight, entry.weight), aliases, lang)
        result[key] = entry
    return result


@some
@given(entries=st.lists(ENTRY, min_size=1, max_size=12))
def test_the_entries_come_back_with_those_that_repeat_merged(entries):
    catalog = compiled(entries)
    assert sorted(catalog) == sorted(merged(entries).values())
    assert len(catalog) == catalog.meta["entries"] == len(merged(entries))


@pytest.mark.parametrize("normalization", NORMALIZERS)
@some
@given(entries=st.lists(ENTRY, min_size=1, max_size=12))
def test_every_form_stands_for_all_entries_that_have_it_the_most_popular_first(
    normalization, entries
):
    catalog = compiled(entries, normalization=normalization)
    meanings: dict[str, list[Entry]] = {}
    for entry in merged(entries).values():
        for form in entry.surface_forms(get_normalizer(normalization)):
            meanings.setdefault(form, []).append(entry)
    assert catalog.meta["surface_forms"] == len(meanings)
    for form, expected in meanings.items():
        found = catalog.lookup(form)
        assert sorted(found) == sorted(expected)
        weights = [entry.weight for entry in found]
        assert weights == sorted(weights, reverse=True)


@some
@given(entries=st.lists(ENTRY, min_size=1, max_size=12))
def test_every_id_gets_the_most_popular_entry_that_has_it(entries):
    catalog = compiled(entries)
    for identifier in ("1", "2", "\u00e9/3"):
        having = [entry for entry in merged(entries).values() if entry.id == identifier]
        got = catalog.get(identifier)
        assert got in having if having else got is None
        assert not having or got.weight == max(entry.weight for entry in having)


@some
@given(entries=st.lists(ENTRY, min_size=1, max_size=12), data=st.data())
def test_the_order_of_the_input_makes_no_difference(entries, data):
    other = compiled(data.draw(st.permutations(entries)))
    assert other.meta["content_version"] == compiled(entries).meta["content_version"]


@some
@given(entries=st.lists(ENTRY, min_size=1, max_size=12))
def test_bytes_give_back_the_same_catalog(entries):
    catalog = compiled(entries)
    again = Catalog.from_bytes(*catalog.to_bytes())
    assert list(again) == list(catalog)
    assert again.lookup(entries[0].text) == catalog.lookup(entries[0].text)
