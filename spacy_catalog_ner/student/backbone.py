"""The transformer that a student is built on, and how exactly PyTorch multiplies in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from spacy.language import Language

from spacy_catalog_ner.errors import MissingExtraError
from spacy_catalog_ner.exemplars.embedders import BUNDLED_MODEL, bundled_minilm

Precision = Literal["highest", "high", "medium"]


def make_backbone(name: str = BUNDLED_MODEL) -> str:
    """Return what the transformers library loads: any name or path, or the bundled MiniLM.

    A trained student has its own weights, so the bundled model need not be installed to load one.
    """
    try:
        return bundled_minilm() if name == BUNDLED_MODEL else name
    except MissingExtraError:
        return name


def make_matmul_precision(precision: Precision = "medium") -> Callable[[Language], Language]:
    """Make a callback for ``[initialize.before_init]`` that sets how exactly PyTorch multiplies.

    Parameters
    ----------
    precision
        ``"highest"`` is float32. With ``"medium"`` a CPU with AVX-512 BF16 or AMX multiplies
        matrices in bfloat16 and adds in float32, which is faster; others are not affected. See
        https://docs.pytorch.org/docs/stable/generated/torch.set_float32_matmul_precision.html
        It is set in the process that trains, and not stored in the trained pipeline.
    """

    def set_precision(nlp: Language) -> Language:
        try:
            import torch
        except ImportError:
            raise MissingExtraError("A transformer", "transformers") from None
        torch.set_float32_matmul_precision(precision)
        return nlp

    return set_precision
