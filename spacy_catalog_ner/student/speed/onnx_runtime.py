"""ONNX Runtime in the place of PyTorch: the same student, faster on a CPU."""

from __future__ import annotations

import io
import logging
import tempfile
import warnings
from functools import partial
from pathlib import Path
from typing import Any

from spacy.language import Language

from spacy_catalog_ner.errors import CatalogNERError, MissingExtraError
from spacy_catalog_ner.io.per_process import PerProcess

_OPSET = 17  # the first with layer normalisation


def to_onnx(nlp: Language, *, int8: bool = False, threads: int | None = None) -> Language:
    """Let ONNX Runtime run a student's transformer, in place.

    This is done after loading, in about a second; the pipeline can then be neither trained nor
    saved.

    Parameters
    ----------
    nlp
        A student with a transformer: ``to_onnx(spacy.load("en_media_student"))``.
    int8
        Round the weights to 8 bits: faster still, at a small cost in F1.
    threads
        How many a batch is spread over; None for as many as PyTorch would take.

    Returns
    -------
    spacy.language.Language
        The same pipeline.

    Raises
    ------
    MissingExtraError
        If the extra ``onnx`` is not installed.
    CatalogNERError
        If there is no transformer in the pipeline, or not on the CPU.
    """
    if threads is not None and threads < 1:
        raise CatalogNERError(f"threads: expected a whole number of at least 1, got {threads}")
    try:
        import onnx  # noqa: F401, needed to export
        import onnxruntime  # noqa: F401
        import torch
        from transformers.modeling_outputs import BaseModelOutput

        from spacy_catalog_ner.student.speed.inference_only import (
            InferenceOnly,
            replace_transformers,
        )
    except ImportError:
        raise MissingExtraError("ONNX Runtime", "onnx") from None

    def make(layer: Any) -> InferenceOnly:
        data = _export(layer)
        if int8:
            data = _round(data)
        count = torch.get_num_threads() if threads is None else threads
        session = PerProcess(partial(_open, data, count))  # its threads do not survive a fork

        def read(**inputs: torch.Tensor) -> BaseModelOutput:
            arrays = {name: tensor.long().numpy() for name, tensor in inputs.items()}
            (hidden,) = session.get().run(None, arrays)
            return BaseModelOutput(last_hidden_state=torch.from_numpy(hidden))

        return InferenceOnly(read, layer.transformer.config)

    replace_transformers(nlp, make)
    return nlp


def _export(layer: Any) -> bytes:
    """Write the transformer of spaCy's layer in ONNX's format."""
    import torch

    # Two texts of different length, so that there is padding to be traced
    sample = layer.tokenizer(["a", "two words"], padding=True, return_tensors="pt")
    names = [*sample, "last_hidden_state"]

    class LastHiddenState(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.transformer = layer.transformer

        def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
            outputs = self.transformer(**dict(zip(names, inputs, strict=False)))
            hidden: torch.Tensor = outputs.last_hidden_state
            return hidden

    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the trace holds fixed, and a later default
        torch.onnx.export(
            LastHiddenState().eval(),
            tuple(sample.values()),
            file,
            input_names=names[:-1],
            output_names=names[-1:],
            dynamic_axes={name: {0: "texts", 1: "pieces"} for name in names},
            opset_version=_OPSET,
            dynamo=False,  # the other exporter needs more packages and ten times as long
        )
    return file.getvalue()


def _round(data: bytes) -> bytes:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as name:
        large, small = Path(name) / "large.onnx", Path(name) / "small.onnx"
        large.write_bytes(data)
        logging.disable(logging.WARNING)  # advice to simplify the model before
        try:
            quantize_dynamic(
                large,
                small,
                op_types_to_quantize=["MatMul"],
                per_channel=True,
                weight_type=QuantType.QInt8,
            )
        finally:
            logging.disable(logging.NOTSET)
        return small.read_bytes()


def _open(data: bytes, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
