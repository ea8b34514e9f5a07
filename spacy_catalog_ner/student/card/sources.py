"""Models and data sets of others that a packaged student is made of, and their licences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from spacy_catalog_ner.exemplars.embedders import BUNDLED_MODEL as BUNDLED_BACKBONE
from spacy_catalog_ner.llm.models.bundled import BUNDLED_MODEL as BUNDLED_LLM


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model or data set, as in ``sources`` of spaCy's ``meta.json``; empty where not known."""

    name: str
    url: str = ""
    license: str = ""
    author: str = ""


GEONAMES = Source(
    "GeoNames",
    url="https://www.geonames.org",
    license="CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
    author="GeoNames",
)
"""Source of catalog entries whose ids begin with ``geonames:``, see `city_entries`."""

_KNOWN = {
    # As the model's own card in the package has it
    BUNDLED_BACKBONE: Source(
        "all-MiniLM-L6-v2",
        url="https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
        license="Apache 2.0",
        author="sentence-transformers",
    ),
    BUNDLED_LLM: Source(
        "Gemma 3 270M",
        url="https://ai.google.dev/gemma/terms",
        license="Gemma Terms of Use, which say when a model trained on its output is a derivative",
        author="Google",
    ),
}


def read_source(value: Any) -> Source | None:
    """Read one of the ``sources`` of a ``meta.json``: a name, or an object with one."""
    values = value if isinstance(value, dict) else {"name": value}
    known = {key: str(values[key]) for key in Source.__struct_fields__ if values.get(key)}
    return Source(**known) if "name" in known else None


def source_of_model(name: str) -> Source:
    """Return the source of a model as a config names it; only bundled models have a licence."""
    return _KNOWN.get(name) or Source(short_name(name))


def short_name(name: str) -> str:
    """Return the last part of a path; a name as the hubs have it, ``OWNER/NAME``, as it is."""
    path = Path(name)
    return path.name if path.is_absolute() or path.exists() else name
