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
    """Return spaCy's empty pipeline of a language; for ``--lang``, which the error names."""
    try:
        return spacy.blank(lang)
    except ImportError:
        raise CatalogNERError(f"--lang {lang}: spaCy knows no such language") from None


def load_pipeline(
    name: str, overrides: dict[str, Any] | None = None, exclude: Sequence[str] = ()
) -> Language:
    """Load a pipeline from a ``.cfg`` file, from which it is assembled, a folder or a package.

    `overrides` are values of the config by dotted name: ``{"paths.catalog": "my.catalog"}``.
    Components in `exclude` are not loaded.
    """
    overrides = overrides or {}
    try:
        if Path(name).suffix != ".cfg":
            return spacy.load(name, config=overrides, exclude=exclude)
        path = require_file(name, "a pipeline config")
        config = util.load_config(path, overrides=overrides, interpolate=True)
        return util.load_model_from_config(config, auto_fill=True, exclude=exclude)
    except CatalogNERError:
        raise
    except (ConfigValidationError, ImportError, ValueError) as err:
        # A config of another shape, or a language, factory or package that is not installed
        raise CatalogNERError(f"{name}: {' '.join(str(err).split())}") from None
    except OSError as err:
        raise CatalogNERError(
            f"{name}: cannot load a pipeline ({str(err).splitlines()[0]})"
        ) from None
