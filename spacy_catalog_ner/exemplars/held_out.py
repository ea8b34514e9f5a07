"""Lists of entity names that no exemplar may give away."""

from __future__ import annotations

from pathlib import Path

from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.io.files import iter_jsonl, iter_lines, require_file

_EXPECTED = 'entity names: one a line, or JSONL with {"text": ...} rows'


def read_names(path: str | Path) -> frozenset[str]:
    """Read entity names, in normal form.

    Parameters
    ----------
    path
        A text file of one name a line; or, where its name has ``.jsonl`` in it, rows with a
        ``text``, as catalog entries are: their ``aliases`` are names too. May end in ``.gz`` or
        ``.zst``.

    Raises
    ------
    CatalogNERError
        If it is missing or empty, or a row is broken: a name that is passed over would be shown.
    """
    path = require_file(path, _EXPECTED)
    problems = Problems()
    names: list[str] = []
    if ".jsonl" in path.suffixes:
        for line, row in iter_jsonl(path, problems):
            aliases = row.get("aliases") or []
            values = [row.get("text"), *(aliases if isinstance(aliases, list) else [aliases])]
            if not all(isinstance(value, str) and value.strip() for value in values):
                message = 'expected a name as "text", and a list of names as "aliases"'
                problems.add("broken row", Place(path, line), message)
            names += map(str, values)
    else:
        names += (text for _, text in iter_lines(path, problems) if text.strip())
    if len(problems):
        raise CatalogNERError(problems.messages[0])
    if not names:
        raise CatalogNERError(f"{path}: empty, expected {_EXPECTED}")
    return frozenset(map(normalize, names))
