"""Loading a pipeline from whatever names one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import spacy
from confection import ConfigValidationError
from spacy import util
from spacy.language import Language

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.files import require_file


def blank_pipeline(lang: str) -> Language:
    """Return spaCy's empty pipeline of a language.

    Raises
    ------
    CatalogNERError
        If spaCy does not know the language.
    """
    try:
        return spacy.blank(lang)
    except ImportError:
        raise CatalogNERError(f"--lang {lang}: spaCy knows no such language") from None


def load_pipeline(
    name: str, overrides: dict[str, Any] | None = None, exclude: Sequence[str] = ()
) -> Language:
    """Load a pipeline from a config file, a folder or an installed package.

    Parameters
    ----------
    name
        A ``.cfg`` file, from which the pipeline is assembled; or what `spacy.load` takes.
    overrides
        Values of the config by dotted name, such as ``{"paths.catalog": "my.catalog"}``.
    exclude
        Components that are not loaded.

    Raises
    ------
    CatalogNERError
        If there is no such pipeline, or its config is not valid.
    """
    path = Path(name)
    overrides = overrides or {}
    if path.suffix == ".cfg":
        require_file(path, "a pipeline config")
    try:
        if path.suffix == ".cfg":
            config = util.load_config(path, overrides=overrides, interpolate=True)
            return util.load_model_from_config(config, auto_fill=True, exclude=exclude)
        return spacy.load(name, config=overrides, exclude=exclude)
    except CatalogNERError:
        raise
    except (ConfigValidationError, ImportError, ValueError) as err:
        # A config of another shape, or a language, factory or package that is not installed
        raise CatalogNERError(f"{name}: {' '.join(str(err).split())}") from None
    except OSError as err:
        raise CatalogNERError(
            f"{name}: cannot load a pipeline ({str(err).splitlines()[0]})"
        ) from None
