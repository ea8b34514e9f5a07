"""The faster model that stands in for a student's transformer; it can only predict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, Self

import torch

from spacy_catalog_ner.errors import CatalogNERError


class InferenceOnly(torch.nn.Module):
    """Replaces the transformers library's model, with the `config` of that model."""

    def __init__(self, read: Callable[..., Any], config: Any) -> None:
        super().__init__()
        self.read = read
        self.config = config
        self.device = torch.device("cpu")

    def forward(self, **inputs: torch.Tensor) -> Any:
        """Read a batch of word pieces."""
        if torch.is_grad_enabled():  # thinc turns gradients off wherever it does not train
            raise CatalogNERError(
                "a student made faster by quantize or to_onnx cannot be trained: train it before"
            )
        return self.read(**inputs)

    def train(self, mode: bool = True) -> Self:
        """Do nothing; thinc calls this around every batch."""
        return self

    def state_dict(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse to be saved: the weights are not those that were trained."""
        raise CatalogNERError(
            "a student made faster by quantize or to_onnx cannot be saved: save it before, and call"
            " the function again after spacy.load"
        )
