"""Rules that make further forms of a name."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import srsly

from spacy_catalog_ner.catalog import Catalog, Entry, Overlay, Variants, compile_catalog
from spacy_catalog_ner.errors import CatalogNERError, MissingExtraError

NO_DASH = {"rules": {"no_dash": {"replace": [["-", " "]]}}}


def forms(variants: Variants, name: str) -> list[str]:
    return [form for form, _ in variants(name)]


def rules(**rules: dict) -> Variants:
    return Variants({"rules": rules})


def replace(*pairs: list[str], **more) -> dict:
    return {"replace": list(pairs), **more}


def shipped_examples():
    """Yield file, rule, name and form of each ``example: "a, b -> c, d"`` that is shipped."""
    for lang in ("en", "es"):
        for rule, body in Variants.load(lang).spec["rules"].items():
            left, right = body["example"].split(" -> ")
            made = right.split(", ")
            names = [left] if len(made) == 1 else left.split(", ")
            for name, form in zip(names, made, strict=True):
                yield lang, rule, name, form


@pytest.mark.parametrize(("lang", "rule", "name", "form"), shipped_examples())
def test_each_shipped_rule_makes_of_its_example_what_it_says(lang, rule, name, form):
    spec = Variants.load(lang).spec
    variants = Variants({**spec, "rules": {rule: {**spec["rules"][rule], "on": True}}})
    assert form in forms(variants, name)


@pytest.mark.parametrize(("lang", "rule", "name", "form"), shipped_examples())
def test_a_rule_makes_its_example_also_in_the_company_of_the_others(lang, rule, name, form):
    spec = Variants.load(lang).spec
    spec["rules"][rule]["on"] = True
    variants = Variants(spec)
    mask = dict(variants(name))[form]
    assert mask & 1 << variants.names.index(rule)


@pytest.mark.parametrize("name", ["se7en", "u2", "adele", "10cc", "up!", "the who", "live"])
def test_some_names_have_no_variant(name):
    assert forms(Variants.load("en"), name) == []


def test_rules_combine():
    variants = Variants.load("en")
    made = dict(variants("ac/dc (live)"))
    assert {"ac/dc", "ac dc"} <= set(made)
    used = [name for bit, name in enumerate(variants.names) if made["ac dc"] & 1 << bit]
    assert used == ["qualifier", "no_punctuation"]


def test_a_number_is_read_as_a_whole_and_in_pairs():
    made = forms(Variants.load("en"), "blink 182")
    assert made == ["blink one hundred and eighty two", "blink one eighty two"]


def test_numbers_are_spelled_out_in_the_language_of_the_rule():
    assert forms(rules(numbers={"numbers": "es"}), "radio 3") == ["radio tres"]


def test_a_rule_that_is_off_makes_nothing_and_takes_no_bit():
    variants = rules(first=replace(["a", "b"], on=False), second=replace(["-", " "]))
    assert variants.names == ["second"]
    assert variants("a-ha") == [("a ha", 1)]


def test_a_variant_shorter_than_min_length_is_left_out():
    rule = {"cut": replace(["^the ", ""])}
    assert forms(Variants({"rules": rule, "min_length": 4}), "the who") == []
    assert forms(Variants({"rules": rule, "min_length": 3}), "the who") == ["who"]


def test_an_ordinary_word_is_never_a_variant():
    variants = Variants({"rules": {"cut": replace(["^the ", ""])}, "never": ["cure"]})
    assert forms(variants, "the cure") == []
    assert forms(variants, "the clash") == ["clash"]


def test_a_variant_without_a_letter_or_digit_is_left_out():
    assert forms(rules(cut=replace(["x", "!"])), "x") == []


def test_white_space_that_a_rule_leaves_is_tidied():
    assert forms(rules(cut=replace(["[()]", " "])), "(live) at leeds") == ["live at leeds"]


def test_a_bad_rule_cannot_flood_the_catalog():
    flood = {f"r{n}": replace(["$", f" {n}"]) for n in range(16)}
    assert len(rules(**flood)("name")) == 31


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ([], "variants: expected `rules:` with a name for each rule"),
        ({}, "variants: expected `rules:` with a name for each rule"),
        ({"rules": {"r": replace(["a", "b"])}, "min": 3}, "variants: unknown ['min']"),
        ({"rules": {}, "min_length": "4"}, "variants: min_length is a number"),
        ({"rules": {}, "never": "the"}, "never a list of words"),
        ({"rules": {}, "never": [1984]}, "never a list of words"),
        ({"rules": {"r": "a -> b"}}, "variants: rule r: expected `rules:`"),
        ({"rules": {"r": {"example": "a -> b"}}}, "variants: rule r: expected `rules:`"),
        ({"rules": {"r": {**replace(["a", "b"]), "numbers": "en"}}}, "rule r: expected `rules:`"),
        ({"rules": {"r": replace(["a", "b"], when=1)}}, "rule r: unknown ['when']"),
        ({"rules": {"r": replace(["a", "b"], on="no")}}, "rule r: on is true or false, got 'no'"),
        ({"rules": {"r": replace(["a", "b"], example=1984)}}, "rule r: example is text, got 1984"),
        ({"rules": {"r": {"replace": "a -> b"}}}, "rule r: expected [pattern, replacement]"),
        ({"rules": {"r": replace(["a"])}}, "rule r: expected [pattern, replacement], got ['a']"),
        ({"rules": {"r": replace(["a", 1])}}, "rule r: expected [pattern, replacement]"),
        ({"rules": {"r": replace(["(", ""])}}, "rule r: '(': missing ), unterminated"),
        ({"rules": {"r": replace(["a", r"\1"])}}, "rule r: 'a': invalid group reference 1"),
        ({"rules": {"r": {"numbers": "tlh"}}}, "rule r: numbers cannot be spelled out in 'tlh'"),
        ({"rules": {f"r{n}": replace(["a", "b"]) for n in range(17)}}, "17 rules on, at most 16"),
    ],
)
def test_a_mistake_in_a_file_of_rules_is_a_one_line_error_that_names_the_rule(spec, message):
    with pytest.raises(CatalogNERError) as error:
        Variants(spec)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_rules_are_read_from_a_yaml_file(tmp_path):
    srsly.write_yaml(tmp_path / "mine.yml", NO_DASH)
    assert forms(Variants.load(tmp_path / "mine.yml"), "a-ha") == ["a ha"]


def test_a_mistake_in_a_yaml_file_names_the_file(tmp_path):
    file = tmp_path / "mine.yml"
    file.write_text("rules: {r: {replace: [['(', '']]}}")
    with pytest.raises(CatalogNERError, match="rule r") as error:
        Variants.load(file)
    assert str(error.value).startswith(f"{file}: ")


@pytest.mark.parametrize("content", ["rules: [", "a: b: c", "\x00"])
def test_a_file_that_is_no_yaml_is_a_one_line_error(tmp_path, content):
    file = tmp_path / "mine.yml"
    file.write_text(content)
    with pytest.raises(CatalogNERError, match="not YAML") as error:
        Variants.load(file)
    assert str(error.value).startswith(f"{file}: ")
    assert "\n" not in str(error.value)


def test_an_unknown_name_says_which_rules_there_are():
    with pytest.raises(CatalogNERError, match=r"fr: no such file, .*: en or es, or a YAML"):
        Variants.load("fr")


def test_without_num2words_spelling_out_numbers_names_the_extra_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "num2words", None)
    with pytest.raises(MissingExtraError, match=r"pip install .spacy-catalog-ner\[variants\]"):
        Variants.load("en")


def test_without_num2words_the_other_rules_work_once_that_one_is_off(monkeypatch):
    spec = Variants.load("en").spec
    spec["rules"]["numbers_in_words"]["on"] = False
    monkeypatch.setitem(sys.modules, "num2words", None)
    assert forms(Variants(spec), "ac/dc") == ["ac dc"]


def compiled(folder: Path, *names: str) -> Catalog:
    entries = [Entry(name, "ARTIST", name) for name in names]
    return compile_catalog(entries, folder / "c", variants=Variants.load("en"))


def test_a_variant_is_looked_up_like_the_name(tmp_path):
    catalog = compiled(tmp_path, "AC/DC")
    assert [entry.id for entry in catalog.lookup("ac dc")] == ["AC/DC"]


def test_an_alias_has_variants_too(tmp_path):
    entry = Entry("Acca Dacca", "ARTIST", aliases=("AC/DC",))
    catalog = compile_catalog([entry], tmp_path / "c", variants=Variants(Variants.load("en").spec))
    assert catalog.lookup("ac dc") == [entry]


def test_a_catalog_keeps_its_rules_and_counts_the_forms_of_each(tmp_path):
    catalog = Catalog.open(compiled(tmp_path, "AC/DC", "Blink-182", "Adele").path)
    assert catalog.meta["variants"] == json.loads(json.dumps(Variants.load("en").spec))
    assert catalog.meta["forms_per_rule"]["no_punctuation"] == 4
    assert catalog.meta["forms_per_rule"]["numbers_in_words"] == 2
    assert catalog.meta["forms_per_rule"]["company_form"] == 0


def test_a_form_tells_which_rules_made_it(tmp_path):
    catalog = compiled(tmp_path, "AC/DC")
    names = Variants.load("en").names
    assert [mask for _, mask in catalog.numbers("ac/dc")] == [0]
    assert [mask for _, mask in catalog.numbers("ac dc")] == [1 << names.index("no_punctuation")]


def test_a_variant_of_one_entry_that_is_the_name_of_another_stands_for_both(tmp_path):
    catalog = compiled(tmp_path, "Weeknd", "The Weeknd")
    assert {entry.id for entry in catalog.lookup("weeknd")} == {"Weeknd", "The Weeknd"}


def test_other_rules_give_another_content_version(tmp_path):
    names = [Entry("Adele", "ARTIST")]
    one = compile_catalog(names, tmp_path / "c", variants=Variants(NO_DASH))
    two = compile_catalog(names, tmp_path / "c", variants=None)
    assert one.meta["content_version"] != two.meta["content_version"]


def test_an_added_entry_gets_the_variants_that_a_compiled_one_would(tmp_path):
    catalog = compiled(tmp_path, "Adele")
    overlay = Overlay().with_added([Entry("AC/DC", "ARTIST")])
    assert overlay.lookup("ac dc") == []
    overlay = overlay.on(catalog.meta["normalization"], catalog.meta["variants"])
    assert overlay.lookup("ac dc") == [Entry("AC/DC", "ARTIST")]
