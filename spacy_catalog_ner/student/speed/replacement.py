"""Putting something faster in the place of a student's transformer."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from spacy.language import Language
from thinc.api import Model

from spacy_catalog_ner.errors import CatalogNERError, MissingExtraError

if TYPE_CHECKING:
    from spacy_transformers.layers.transformer_model import TransformerModel

Read = Callable[..., Any]
"""Takes and gives what the transformers library's model takes and gives."""


def replace_transformers(
    nlp: Language,
    make: Callable[[TransformerModel], Read],
    feature: str,
    extra: str,
    packages: tuple[str, ...] = (),
) -> Language:
    """Replace every transformer of a pipeline, in place, by what `make` makes of spaCy's layer.

    The `feature` needs an `extra`, and `packages` besides PyTorch and spacy-transformers.

    Raises
    ------
    MissingExtraError
        If a package is missing.
    CatalogNERError
        If the pipeline has no transformer, or one that is not on the CPU, not trained or already
        replaced.
    """
    try:
        for package in ("torch", *packages):
            import_module(package)
        from spacy_transformers.layers.transformer_model import TransformerModel

        from spacy_catalog_ner.student.speed.inference_only import InferenceOnly
    except ImportError:
        raise MissingExtraError(feature, extra) from None
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
        replacement = InferenceOnly(make(layer), layer.transformer.config)
        shim._model = shim._hfmodel.transformer = replacement
    return nlp
