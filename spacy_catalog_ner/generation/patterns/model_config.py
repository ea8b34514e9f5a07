"""The model that a config file names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spacy_catalog_ner.errors import CatalogNERError, MissingExtraError
from spacy_catalog_ner.io.files import require_file
from spacy_catalog_ner.llm.models.model import SelectionModel


def load_model(path: Path, overrides: dict[str, Any] | None = None) -> SelectionModel:
    """Make the model of a config's section ``[model]``.

    Parameters
    ----------
    path
        A ``.cfg`` file, as ``configs/patterns.cfg``.
    overrides
        Values of the config by dotted name, such as ``{"paths.cache": "answers.cache"}``.

    Raises
    ------
    CatalogNERError
        If there is no such file, it is not valid, or names a model of another kind.
    """
    require_file(path, "a config with a section [model]")
    from confection import ConfigValidationError
    from spacy import util

    try:
        from spacy_llm.registry import registry
    except ImportError:
        raise MissingExtraError("--model-config", "local-llm") from None
    try:
        config = util.load_config(path, overrides=overrides or {}, interpolate=True)
        if "model" not in config:
            raise CatalogNERError("expected a section [model] with @llm_models, found none")
        model = registry.resolve({"model": config["model"]})["model"]
    except (ConfigValidationError, ValueError) as err:  # CatalogNERError is a ValueError
        if isinstance(err, MissingExtraError):
            raise
        raise CatalogNERError(f"{path}: {' '.join(str(err).split())}") from None
    if not isinstance(model, SelectionModel):
        raise CatalogNERError(
            f"{path}: [model] is a {type(model).__name__}, expected a model of this package, such"
            ' as @llm_models = "spacy_catalog_ner.LlamaCpp.v1"'
        )
    return model
