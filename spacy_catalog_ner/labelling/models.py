"""The models of a pipeline: which they are, whether they are those of before, what they cost."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import msgspec
from spacy.language import Language

from spacy_catalog_ner.about import __version__
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.files import read_yaml, require_file
from spacy_catalog_ner.llm.prompt import Usage

_SHAPE = "MODEL: {input: 0.15, cached: 0.075, output: 0.60}"


def find_models(nlp: Language) -> dict[str, Any]:
    """Return the language models of this package in a pipeline, by the name of their component.

    Their `identity` holds all that can change an answer.
    """
    models = {}
    for name, component in nlp.pipeline:
        model = getattr(component, "_model", None)  # spacy-llm's wrapper has no public attribute
        if isinstance(getattr(model, "identity", None), dict):
            models[name] = model
    return models


def name_models(nlp: Language) -> list[str]:
    """Return the names of these models, sorted: of a GGUF file its path as it was given."""
    return sorted({str(model.model) for model in find_models(nlp).values()})


def choose_batch_size(nlp: Language) -> int:
    """Return how many texts to label between two checkpoints.

    Eight for each concurrent call of the model: a batch waits for its slowest call, which matters
    less in a large one, and an interruption loses the batch it hits.
    """
    models = find_models(nlp).values()
    return 8 * max((getattr(model, "concurrency", 1) for model in models), default=8)


def fingerprint(nlp: Language, source: Path) -> str:
    """Return a hash of everything that can change the output of a run.

    Of models that have an `identity` that alone counts: concurrency, timeouts and retries may
    change between two starts of a run.
    """
    config = nlp.config.interpolate()
    components = {name: dict(config["components"][name]) for name in nlp.pipe_names}
    for name, model in find_models(nlp).items():
        components[name]["model"] = model.identity
    with source.open("rb") as stream:
        digest = hashlib.sha256(hashlib.file_digest(stream, "sha256").hexdigest().encode("utf8"))
    parts = [__version__, nlp.lang, config["nlp"], nlp.pipe_names, components]
    digest.update(json.dumps(parts, sort_keys=True, default=str).encode("utf8"))
    for _, component in nlp.pipeline:
        version = getattr(component, "content_version", None)
        if version is not None:  # cheaper than serialising a large catalog
            digest.update(version.encode("utf8"))
        elif hasattr(component, "to_bytes"):
            digest.update(component.to_bytes())
    return digest.hexdigest()


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Price of a million tokens of each kind, in any currency.

    ``input`` are prompt tokens that the model reads for the first time, ``cached`` those that it
    has in its cache, and ``output`` the tokens that it writes.
    """

    input: float
    cached: float
    output: float

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is not a price")

    def cost(self, usage: Usage) -> float:
        """Return what the tokens of a usage cost."""
        return (
            self.input * usage.prompt_tokens
            + self.cached * usage.cached_tokens
            + self.output * usage.output_tokens
        ) / 1_000_000


def read_prices(path: str | Path) -> dict[str, Price]:
    """Read a YAML file of prices: ``MODEL: {input: 0.15, cached: 0.075, output: 0.60}``.

    Where ``cached`` is left out, cached tokens cost as much as others.
    """
    path = require_file(path, f"YAML lines {_SHAPE}")
    rows = read_yaml(path)
    if not isinstance(rows, dict) or not rows:
        raise CatalogNERError(f"{path}: expected YAML lines {_SHAPE}")
    prices = {}
    for model, values in rows.items():
        try:
            prices[str(model)] = msgspec.convert({"cached": values["input"], **values}, Price)
        except (msgspec.ValidationError, KeyError, TypeError):
            expected = f"expected prices of a million tokens, {_SHAPE}"
            raise CatalogNERError(f"{path}: {model}: {expected}, got {values!r:.80}") from None
    return prices


def find_price(path: str | Path, nlp: Language) -> Price:
    """Return the price of the one model that a pipeline asks, from a file for `read_prices`."""
    prices = read_prices(path)
    names = name_models(nlp)
    if len(names) != 1:
        raise CatalogNERError(
            f"{path}: the pipeline asks {len(names) or 'no'} models that count their tokens,"
            " expected one to price"
        )
    (name,) = names
    if name not in prices:
        raise CatalogNERError(f"{path}: no price of {name!r}, only of {', '.join(prices)}")
    return prices[name]
