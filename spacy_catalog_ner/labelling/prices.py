"""What a model's tokens cost, by the user's own table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy.language import Language

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.files import read_yaml, require_file
from spacy_catalog_ner.labelling.models import name_models

_SHAPE = "MODEL: {input: 0.15, cached: 0.075, output: 0.60}"


@dataclass(frozen=True)
class Price:
    """Price of a million tokens of each kind, in any currency.

    Attributes
    ----------
    input
        Tokens of the prompt that the model reads afresh.
    cached
        Tokens of the prompt that it still knows.
    output
        Tokens that it writes.
    """

    input: float
    cached: float
    output: float

    def cost(self, usage: Mapping[str, int]) -> float:
        """Return what a usage costs: counts of prompt_tokens, cached_tokens and output_tokens."""
        return (
            self.input * usage["prompt_tokens"]
            + self.cached * usage["cached_tokens"]
            + self.output * usage["output_tokens"]
        ) / 1_000_000


def read_prices(path: str | Path) -> dict[str, Price]:
    """Read a YAML file of prices: ``MODEL: {input: 0.15, cached: 0.075, output: 0.60}``.

    Where ``cached`` is left out, tokens that the model still knows cost as much as others.

    Raises
    ------
    CatalogNERError
        If it is missing or of another shape.
    """
    path = require_file(path, f"YAML lines {_SHAPE}")
    rows = read_yaml(path)
    if not isinstance(rows, dict) or not rows:
        raise CatalogNERError(f"{path}: expected YAML lines {_SHAPE}")
    return {str(model): _read_price(values, f"{path}: {model}") for model, values in rows.items()}


def _read_price(values: Any, where: str) -> Price:
    names = {"input", "cached", "output"}
    if not isinstance(values, dict) or not {"input", "output"} <= values.keys() <= names:
        raise CatalogNERError(f"{where}: expected {_SHAPE}, got {values!r:.80}")
    for name, value in values.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value) or value < 0:
            raise CatalogNERError(
                f"{where}: {name}: expected the price of a million tokens, got {value!r:.80}"
            )
    return Price(**{"cached": values["input"], **values})


def find_price(path: str | Path, nlp: Language) -> Price:
    """Return the price of the model that a pipeline asks.

    Raises
    ------
    CatalogNERError
        If the table has none of that name, or the pipeline asks no model that counts its tokens.
    """
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
