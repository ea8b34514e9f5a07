"""A transformer that can read and no more, in the place of the one a student was trained with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, Self

import torch
from spacy.language import Language
from spacy_transformers.layers.transformer_model import TransformerModel
from thinc.api import Model

from spacy_catalog_ner.errors import CatalogNERError


class InferenceOnly(torch.nn.Module):
    """Stands where the transformers library's model was.

    Parameters
    ----------
    read
        Takes what that model took, and gives what it gave.
    config
        That model's, which names its sizes.
    """

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
        """Stay as it is; thinc calls this around every batch."""
        return self

    def state_dict(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse to give weights away: they are not those that were trained."""
        raise CatalogNERError(
            "a student made faster by quantize or to_onnx cannot be saved: save it before, and call"
            " the function again after spacy.load"
        )


def replace_transformers(nlp: Language, make: Callable[[TransformerModel], InferenceOnly]) -> None:
    """Put something else in the place of every transformer of a pipeline.

    Parameters
    ----------
    nlp
        A trained pipeline, with a ``transformer`` or components with a transformer of their own.
    make
        Makes it of spaCy's layer.

    Raises
    ------
    CatalogNERError
        If the pipeline has none, or one that is not on the CPU, not trained or already replaced.
    """
    layers = [
        layer
        for _, component in nlp.components
        if isinstance(model := getattr(component, "model", None), Model)
        for layer in model.walk()
        if isinstance(layer, TransformerModel)
    ]
    if not layers:
        names = ", ".join(nlp.component_names) or "none"
        raise CatalogNERError(f"this pipeline has no transformer; its components are: {names}")
    for layer in layers:
        if layer.transformer is None:
            raise CatalogNERError("the transformer of this pipeline has no weights: train it first")
        if isinstance(layer.transformer, InferenceOnly):
            raise CatalogNERError("this pipeline was made faster already: load it anew")
        if layer.transformer.device.type != "cpu":
            raise CatalogNERError("this makes a student faster on the CPU: load it without a GPU")
    for layer in layers:
        (shim,) = layer.layers[0].shims
        layer.transformer.eval()
        shim._model = shim._hfmodel.transformer = make(layer)
