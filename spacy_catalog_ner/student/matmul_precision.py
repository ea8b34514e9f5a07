"""`spacy_catalog_ner.matmul_precision.v1`: faster training on CPUs that multiply in bfloat16."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from spacy.language import Language

from spacy_catalog_ner.errors import MissingExtraError

Precision = Literal["highest", "high", "medium"]


def make_matmul_precision(precision: Precision = "medium") -> Callable[[Language], Language]:
    """Make a callback for ``[initialize.before_init]`` that sets how exactly PyTorch multiplies.

    Parameters
    ----------
    precision
        ``"highest"`` is float32. With ``"medium"`` a CPU with AVX-512 BF16 or AMX multiplies
        matrices in bfloat16 and adds in float32, which is faster; others are not affected. See
        https://docs.pytorch.org/docs/stable/generated/torch.set_float32_matmul_precision.html
        It holds for the process that trains, and not for a trained pipeline.
    """

    def set_precision(nlp: Language) -> Language:
        try:
            import torch
        except ImportError:
            raise MissingExtraError("A transformer", "transformers") from None
        torch.set_float32_matmul_precision(precision)
        return nlp

    return set_precision
