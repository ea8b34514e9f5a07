"""The schemes of tags that mark which tokens are an entity."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from spacy.training import biluo_to_iob, iob_to_biluo, tags_to_entities

from spacy_catalog_ner.formats import Scheme

_TAG = re.compile(r"O|[BIESLU]-\S(?:.*\S)?", re.DOTALL)
_BRACKETS = re.compile(r"(?:\([^()*\s]+)?(?:\*\)?|(?<!^)\))")
# The prefixes of BIOES are BILOU's under other names.
_TO_BILOU = {"E": "L", "S": "U"}
_TO_BIOES = {"L": "E", "U": "S"}


def is_tag(text: str) -> bool:
    """Tell whether a text is a tag of any scheme: ``O`` or a prefix and a label: ``B-PER``."""
    return _TAG.fullmatch(text) is not None


def detect_scheme(sentences: Iterable[Sequence[str]]) -> Scheme:
    """Tell the scheme of tagged sentences.

    ``E``, ``S``, ``L`` and ``U`` each occur in one scheme only. Of the others, a file is IOB1 if
    entities begin with ``I``, and with ``B`` only where IOB1 has it: after an entity with the same
    label. A file with other ``B`` is IOB2, and an entity that begins with ``I`` is a mistake in it.
    """
    prefixes: set[str] = set()
    inside_begins = superfluous_begin = False
    for tags in sentences:
        before = "O"
        for tag in tags:
            prefixes.add(tag[0])
            if tag[1:] != before[1:]:
                inside_begins |= tag[0] == "I"
                superfluous_begin |= tag[0] == "B"
            before = tag
    if prefixes & {"L", "U"}:
        return Scheme.BILOU
    if prefixes & {"E", "S"}:
        return Scheme.BIOES
    return Scheme.IOB1 if inside_begins and not superfluous_begin else Scheme.IOB2


def read_tags(
    tags: Sequence[str], scheme: Scheme
) -> tuple[list[tuple[str, int, int]], list[tuple[int, str]]]:
    """Return the entities of a sentence (label, first and last token), and what was repaired.

    A tag inside or at the end of an entity that has not begun begins one, as in IOB1. An entity
    of BIOES or BILOU without an end goes on to where the next tag is another. Each repair is a
    token and what is wrong with its tag.
    """
    has_ends = scheme in (Scheme.BIOES, Scheme.BILOU)
    clean: list[str] = []
    repairs: list[tuple[int, str]] = []
    open_label = ""
    end = "E" if scheme is Scheme.BIOES else "L"
    for number, tag in enumerate([*tags, "O"]):  # the end of the sentence ends all
        prefix, label = _TO_BILOU.get(tag[0], tag[0]), tag[2:]
        goes_on = prefix in "IL" and label == open_label
        if has_ends and open_label and not goes_on:
            message = f"{tags[number - 1]} is not followed by {end}-{open_label}"
            repairs.append((number - 1, message))
        if prefix in "IL" and not goes_on and scheme is not Scheme.IOB1:
            repairs.append((number, f"{tag} without a beginning is taken for one"))
        clean.append("O" if prefix == "O" else f"{'I' if goes_on else 'B'}-{label}")
        open_label = label if prefix in "BI" else ""
    return tags_to_entities(iob_to_biluo(clean[:-1])), repairs


def write_tags(biluo: Sequence[str], scheme: Scheme) -> list[str]:
    """Return BILUO tags, as spaCy makes them, in another scheme."""
    if scheme is Scheme.BILOU:
        return list(biluo)
    if scheme is Scheme.BIOES:
        return [_TO_BIOES.get(tag[0], tag[0]) + tag[1:] for tag in biluo]
    tags: list[str] = biluo_to_iob(biluo)
    if scheme is Scheme.IOB2:
        return tags
    return [
        f"I{tag[1:]}" if tag[0] == "B" and tag[1:] != last[1:] else tag
        for last, tag in pairwise(["O", *tags])
    ]


def is_brackets(text: str) -> bool:
    """Tell whether a text is what `read_brackets` takes."""
    return _BRACKETS.fullmatch(text) is not None


def read_brackets(column: Sequence[str]) -> list[str]:
    """Return as IOB2 the named entities of OntoNotes: ``(PERSON*``, ``*``, ``*)``, ``(GPE)``.

    See the format of the CoNLL-2012 shared task (Pradhan et al. 2012), column 11.
    """
    tags = []
    open_label = ""
    for cell in column:
        if cell.startswith("("):
            open_label = cell[1:].rstrip("*)")
            tags.append(f"B-{open_label}")
        else:
            tags.append(f"I-{open_label}" if open_label else "O")
        if cell.endswith(")"):
            open_label = ""
    return tags
