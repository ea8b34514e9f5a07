"""Further forms under which people say and write a name, made by rules that a file declares."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from spacy_catalog_ner.errors import CatalogNERError, MissingExtraError
from spacy_catalog_ner.io.files import find_shipped, read_yaml

MAX_RULES = 16  # which rules made a form is kept as bits of an unsigned 16-bit integer
MAX_FORMS = 32  # forms of one name: rules combine, and a bad rule must not flood the catalog
_SHIPPED = Path(__file__).parent / "variant_rules"
_SHAPE = (
    "expected `rules:` with a name for each rule and under it `replace:`, a list of"
    " [pattern, replacement], or `numbers:`, a language"
)
_DIGITS = re.compile(r"(?<!\S)[0-9]{1,4}(?!\S)")
_Rule = Callable[[str], Iterable[str]]


class Variants:
    """The rules of one file, in its order.

    A rule sees the name in normal form, and what the rules before it made of it, so that rules
    combine: "AC/DC (Live)" gives "ac/dc", and that gives "ac dc".

    Parameters
    ----------
    spec
        Contents of the file: ``rules``, and optionally ``min_length`` (a shorter variant is left
        out) and ``never`` (forms that are ordinary words and so never a variant).
    where
        Names the file in messages.

    Attributes
    ----------
    spec
        As given; a compiled catalog keeps it in its ``meta.json``.
    names
        Names of the rules that are on. Bit i of a mask stands for ``names[i]``.

    Raises
    ------
    CatalogNERError
        If the contents have another shape, or a pattern is no regular expression.
    """

    def __init__(self, spec: dict[str, Any], where: str = "variants") -> None:
        self.spec = spec
        if not isinstance(spec, dict) or not isinstance(spec.get("rules"), dict):
            raise CatalogNERError(f"{where}: {_SHAPE}")
        unknown = set(spec) - {"rules", "min_length", "never"}
        if unknown:
            raise CatalogNERError(
                f"{where}: unknown {sorted(map(str, unknown))}; expected rules, min_length or never"
            )
        self._min_length = spec.get("min_length", 1)
        never = spec.get("never", [])
        if not (
            isinstance(self._min_length, int)
            and isinstance(never, list)
            and all(isinstance(word, str) for word in never)
        ):
            raise CatalogNERError(f"{where}: min_length is a number and never a list of words")
        self._never = frozenset(never)
        self.names: list[str] = []
        self._rules: list[_Rule] = []
        for name, rule in spec["rules"].items():
            made = _make_rule(rule, f"{where}: rule {name}")
            if made is not None:
                self.names.append(str(name))
                self._rules.append(made)
        if len(self._rules) > MAX_RULES:
            raise CatalogNERError(f"{where}: {len(self._rules)} rules on, at most {MAX_RULES}")

    @classmethod
    def load(cls, path: str | Path) -> Variants:
        """Read the rules of a YAML file, or of one that comes with the package: "en" or "es".

        Raises
        ------
        CatalogNERError
            If there is no such file or it does not hold rules.
        """
        file = find_shipped(path, _SHIPPED, "variant rules")
        return cls(read_yaml(file), str(file))

    def __call__(self, form: str) -> list[tuple[str, int]]:
        """Return (variant, mask of the rules that made it) for each further form of a name.

        Where several ways lead to a variant, the mask is of one with the fewest rules.

        Parameters
        ----------
        form
            A name in normal form.
        """
        masks = {form: 0}
        for number, rule in enumerate(self._rules):
            for known, mask in list(masks.items()):
                for made in rule(known):
                    variant = " ".join(made.split())
                    if variant in masks:
                        masks[variant] = min(masks[variant], mask | 1 << number, key=int.bit_count)
                    elif len(masks) < MAX_FORMS and self._takes(variant):
                        masks[variant] = mask | 1 << number
        del masks[form]
        return list(masks.items())

    def _takes(self, variant: str) -> bool:
        return (
            len(variant) >= self._min_length
            and variant not in self._never
            and any(char.isalnum() for char in variant)
        )


def _make_rule(rule: Any, where: str) -> _Rule | None:
    """Check a rule and return it as a function, None if it is off."""
    if not isinstance(rule, dict) or ("replace" in rule) == ("numbers" in rule):
        raise CatalogNERError(f"{where}: {_SHAPE}")
    unknown = set(rule) - {"replace", "numbers", "on", "example"}
    if unknown:
        raise CatalogNERError(f"{where}: unknown {sorted(map(str, unknown))}")
    if not isinstance(rule.get("example", ""), str):
        raise CatalogNERError(f"{where}: example is text, got {rule['example']!r:.60}")
    on = rule.get("on", True)
    if not isinstance(on, bool):
        raise CatalogNERError(f"{where}: on is true or false, got {on!r:.60}")
    if "numbers" in rule:
        return _number_rule(str(rule["numbers"]), where) if on else None
    pairs = []
    for pair in rule["replace"] if isinstance(rule["replace"], list) else [None]:
        if not (
            isinstance(pair, list) and len(pair) == 2 and all(isinstance(p, str) for p in pair)
        ):
            raise CatalogNERError(f"{where}: expected [pattern, replacement], got {pair!r:.60}")
        try:
            pairs.append((re.compile(pair[0]), pair[1]))
            pairs[-1][0].sub(pair[1], "")
        except (re.error, IndexError) as err:
            raise CatalogNERError(f"{where}: {pair[0]!r}: {err}") from None

    def replace(form: str) -> list[str]:
        made = form
        for pattern, replacement in pairs:
            if pattern.search(made):  # few names: to search takes a third of to substitute
                made = pattern.sub(replacement, made)
        return [] if made == form else [made]

    return replace if on else None


def _number_rule(lang: str, where: str) -> _Rule:
    try:
        from num2words import CONVERTER_CLASSES
    except ImportError:
        raise MissingExtraError("spelling out numbers", "variants") from None
    if lang not in CONVERTER_CLASSES:
        raise CatalogNERError(f"{where}: numbers cannot be spelled out in {lang!r}")

    def spell(digits: str) -> str:
        words: str = CONVERTER_CLASSES[lang].to_cardinal(int(digits))
        return words.replace("-", " ").replace(",", "")

    def cardinal(match: re.Match[str]) -> str:
        return spell(match[0])

    def pairs(match: re.Match[str]) -> str:
        """Read 182 as "one eighty two" and 1984 as "nineteen eighty four"."""
        head, tail = match[0][:-2], match[0][-2:]
        return f"{spell(head)} {spell(tail)}" if head and tail[0] != "0" else spell(match[0])

    def spell_out(form: str) -> list[str]:
        if not _DIGITS.search(form):
            return []
        return [_DIGITS.sub(read, form) for read in (cardinal, pairs)]

    return spell_out
